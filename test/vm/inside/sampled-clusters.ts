import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { realClock } from '../../../src/base/clock.ts';
import { memoryLogger } from '../../../src/base/logger.ts';
import { isModeName, loadMode } from '../../../src/proxy/modes/registry.ts';
import type { IpFamily } from '../../../src/net/ip.ts';
import type { Protocol, ProxyEndpoint, ProxyMode, ProxyState } from '../../../src/proxy/state/model.ts';
import { verdictInWords, verdictOf } from '../../../src/proxy/state/verdict.ts';
import type { Attempt } from '../../../src/proxy/state/verdict.ts';
import { createProofNetwork } from '../../../src/testing/proof-lab.ts';
import { plan } from '../../../src/testing/proxy-fixtures.ts';
import { attemptsOf } from '../../../src/testing/random-proxy-state.ts';
import { answerInWords, isRight, sampleClusters } from '../../../src/testing/sampled-clusters.ts';
import { createSocketLab } from '../../../src/testing/socket-lab.ts';

const network = createProofNetwork();
const sockets = createSocketLab((place) => network.netns(place));
const netnsPath = network.netns('node');
after(() => {
  sockets.close();
  network.close();
});

/** Clusters for each mode and family. */
const N_STATES = 3;
/** Every attempt is made so many times: an outcome that is not the model's should have a chance to come. */
const N_TRIES = 2;
const SHORT_MS = 200;
/** SCTP alone where other protocols are probed outside of the virtual machine. */
const kinds: readonly (readonly [name: string, seed: number, protocols: readonly Protocol[]])[] = [
  ['ipvs', 21, ['TCP', 'UDP', 'SCTP']],
  ['nftables', 22, ['SCTP']],
  ['iptables', 23, ['SCTP']],
];

const served = new Set<string>();
function serveAt(
  family: IpFamily,
  protocol: Protocol,
  { ip, port }: Pick<ProxyEndpoint, 'ip' | 'port'>,
): void {
  const key = `${protocol} ${ip} ${port}`;
  if (served.has(key)) return;
  served.add(key);
  const place = network.placeOf(ip);
  sockets.serve(place, { family, protocol, port, name: `${place} ${port}` });
}

/** All endpoints of a cluster answer, from now on. */
function serve({ family, services }: ProxyState): void {
  for (const { protocol, frontends } of services.values())
    for (const { frontend, endpoints, fromCluster } of frontends)
      for (const endpoint of [...endpoints, ...(fromCluster?.endpoints ?? [])]) {
        const first = frontend.port;
        const ports = frontend.endPort === undefined ? [endpoint.port] : range(first, frontend.endPort);
        for (const port of ports) serveAt(family, protocol, { ip: endpoint.ip, port });
      }
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

const isLoopback = ({ ip }: Attempt): boolean => ip === '127.0.0.1' || ip === '::1';

/** Virtual addresses are the machine's own in the ipvs mode, where a port that nobody serves is refused at once. */
function isRefusedThere(state: ProxyState, { ip }: Attempt): boolean {
  const isVirtual = [...state.services.values()].some(({ frontends }) =>
    frontends.some(({ frontend }) => frontend.kind !== 'nodePort' && frontend.ip === ip),
  );
  return isVirtual && ip !== state.node.ip;
}

for (const [name, seed, protocols] of kinds) {
  if (!isModeName(name)) throw new Error(`${name} is no mode`);
  for (const family of ['IPv4', 'IPv6'] as const) {
    describe(`${name}, ${family}: ${protocols.join(', ')} through random clusters, with packets`, () => {
      const logger = memoryLogger();
      let mode: ProxyMode;

      const call = ({ client, protocol, ip, port }: Attempt, timeoutMs = SHORT_MS): string => {
        const { source } = client;
        const what = { protocol, host: ip, port, source, timeoutMs };
        return sockets.call(network.placeOf(source), what);
      };
      const isAsModelled = (state: ProxyState, word: string, attempt: Attempt): boolean => {
        const { kind } = verdictOf(state, attempt);
        const isRefusedByUs =
          kind === 'refused' || (kind === 'untouched' && name === 'ipvs' && isRefusedThere(state, attempt));
        if (!isRefusedByUs) return isRight(state, word, { attempt, isKernel: true });
        // Linux's SCTP does not give up for a port that cannot be reached, as TCP and UDP do.
        return word === 'refused' || (attempt.protocol === 'SCTP' && word === 'dropped');
      };
      const wrong = (state: ProxyState): string[] =>
        attemptsOf(state)
          // The listeners for these are the thread's, which is not on the node.
          .filter((attempt) => !isLoopback(attempt))
          .flatMap((attempt) => Array.from({ length: N_TRIES }, () => attempt))
          .flatMap((attempt) => {
            const word = answerInWords(call(attempt), { attempt, isKernel: true });
            if (isAsModelled(state, word, attempt)) return [];
            const should = verdictInWords(verdictOf(state, attempt)).join(', ');
            return [`${JSON.stringify(attempt)}: ${word}, not ${should}`];
          });

      it(`end where the model says, for every client and frontend of ${N_STATES} of them`, async () => {
        const options = { family, clock: realClock, logger, serviceCIDRs: [], nodeIP: plan[family].node };
        mode = await (await loadMode(name)).open({ ...options, netnsPath });
        const states = sampleClusters(family, { seed, nStates: 3 * N_STATES, protocols })
          .filter(({ services }) => services.size > 0)
          .slice(0, N_STATES);
        assert.equal(states.length, N_STATES);
        let known: Set<string> | undefined;
        for (const [i, state] of states.entries()) {
          serve(state);
          // Half of them as a change, half as a new node's facts.
          const changed = i % 2 === 1 ? known?.union(new Set(state.services.keys())) : undefined;
          const same = changed === undefined ? state : { ...state, node: states[i - 1]?.node ?? state.node };
          await mode.sync(same, changed);
          known = new Set(same.services.keys());
          assert.deepEqual(wrong(same), [], JSON.stringify({ ...same, services: [...same.services] }));
        }
        await mode.cleanup();
        assert.ok(
          wrong(states.at(-1) ?? assert.fail()).length > 0,
          'without the mode’s rules nothing is noticed',
        );
        const warnings = logger.lines.filter(({ level }) => level === 'warn' || level === 'error');
        assert.deepEqual(warnings, []);
      });
    });
  }
}
