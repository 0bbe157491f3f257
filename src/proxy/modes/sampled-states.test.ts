import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { realClock } from '../../base/clock.ts';
import { memoryLogger } from '../../base/logger.ts';
import { openConntrack } from '../../kernel/conntrack/open-conntrack.ts';
import { findProgram, openIptables } from '../../kernel/iptables/open-iptables.ts';
import { enterNetns } from '../../kernel/netns/named-netns.ts';
import type { NftKernel } from '../../kernel/nft/nft-kernel.ts';
import { openNft } from '../../kernel/nft/open-nft.ts';
import type { IpFamily } from '../../net/ip.ts';
import { createProofLab } from '../../testing/proof-lab.ts';
import type { ProofLab } from '../../testing/proof-lab.ts';
import type { Probe } from '../../testing/proof-peer.ts';
import { plan } from '../../testing/proxy-fixtures.ts';
import { attemptsOf } from '../../testing/random-proxy-state.ts';
import { answerInWords, isRight, sampleClusters } from '../../testing/sampled-clusters.ts';
import { inSandbox } from '../../testing/sandbox.ts';
import { withStaleFlowsEnded } from '../conntrack/reconciled-mode.ts';
import type { ProxyMode, ProxyState } from '../state/model.ts';
import { verdictInWords, verdictOf } from '../state/verdict.ts';
import type { Attempt } from '../state/verdict.ts';
import { createIptablesMode } from './iptables/index.ts';
import { withLocalhostRelay } from './localhost-relay.ts';
import type { RelayedMode } from './localhost-relay.ts';
import { loadMode } from './registry.ts';

inSandbox(import.meta.filename);

/** Clusters for each mode and family; the proof in memory has a thousand. */
const N_STATES = Number(process.env['PORTICO_PROOF_RUNS'] ?? 6);
/** Every attempt is made so many times: an outcome that is not the model's should have a chance to come. */
const N_TRIES = 2;
const SHORT_MS = 400;
const LONG_MS = 5000;
/** Of endpoints, and of port ranges. */
const PORTS = [
  9376,
  9377,
  ...[80, 100, 120].flatMap((first) => Array.from({ length: 8 }, (_, i) => first + i)),
];

const hasIptables = findProgram('IPv4', 'nft', 'restore') !== undefined || process.env.CI !== undefined;
let lab: ProofLab;
/** Counts the changes of all that is nf_tables: three of the four. */
let nft: NftKernel;
before(async () => {
  lab = await createProofLab(PORTS);
  // The proxy is a process of the node.
  enterNetns(lab.nodeNetns);
  nft = openNft();
});
after(async () => {
  nft.close();
  await lab.close();
});

interface Tried {
  readonly attempt: Attempt;
  readonly probe: Probe;
}

const kinds = [
  { name: 'nftables' },
  { name: 'iptables', backend: 'nft' },
  { name: 'iptables', backend: 'legacy' },
  { name: 'userspace' },
] as const;

async function open(kind: (typeof kinds)[number], family: IpFamily): Promise<ProxyMode> {
  const logger = memoryLogger();
  const clock = realClock;
  if (!('backend' in kind)) {
    const nodeIP = plan[family].node;
    return (await loadMode(kind.name)).open({ family, clock, logger, serviceCIDRs: [], nodeIP });
  }
  const mode = createIptablesMode({
    iptables: openIptables({ family, backend: kind.backend }),
    clock,
    logger,
  });
  const whole = withStaleFlowsEnded(mode, { family, conntrack: openConntrack(), logger });
  return withLocalhostRelay(whole, { family, clock, logger });
}

for (const kind of kinds) {
  for (const family of ['IPv4', 'IPv6'] as const) {
    const title = 'backend' in kind ? `${kind.name} (${kind.backend})` : kind.name;
    const skip = kind.name === 'iptables' && !hasIptables ? 'iptables is not installed' : false;
    const isKernel = kind.name !== 'userspace';

    describe(`${title}, ${family}: packets through random clusters`, { skip }, () => {
      let mode: ProxyMode;
      before(async () => {
        mode = await open(kind, family);
      });
      after(async () => {
        await mode.cleanup();
        (mode as Partial<RelayedMode>).close?.();
      });

      const wrong = async (
        state: ProxyState,
        tried: readonly Tried[],
      ): Promise<(Tried & { word: string })[]> => {
        const answers = await lab.probe(tried.map(({ probe }) => probe));
        return tried
          .map((each, i) => ({
            ...each,
            word: answerInWords(answers[i] ?? '', { attempt: each.attempt, isKernel }),
          }))
          .filter(({ word, attempt }) => !isRight(state, word, { attempt, isKernel }));
      };

      it(`end where the model says, for every client and frontend of ${N_STATES} of them`, async () => {
        const seed = 11 + kinds.indexOf(kind);
        // This kernel may have no sockets for SCTP.
        const states = sampleClusters(family, { seed, nStates: N_STATES, protocols: ['TCP', 'UDP'] });
        assert.equal(states.length, N_STATES);
        let known: Set<string> | undefined;
        let nMade = 0;
        let lastTried: readonly Tried[] = [];
        for (const [i, state] of states.entries()) {
          // Half of them as a change, half as a new node's facts.
          const changed = i % 2 === 1 ? known?.union(new Set(state.services.keys())) : undefined;
          const same = changed === undefined ? state : { ...state, node: states[i - 1]?.node ?? state.node };
          await mode.sync(same, changed);
          const generation = await nft.generation();
          await mode.sync(same);
          assert.equal(await nft.generation(), generation, 'what is as it should be is not written again');
          known = new Set(same.services.keys());
          const tried = attemptsOf(same).flatMap((attempt): Tried[] => {
            const { protocol, ip, port, client } = attempt;
            if (protocol === 'SCTP') return [];
            const probe = { protocol, host: ip, port, source: client.source, timeoutMs: SHORT_MS };
            return Array.from({ length: N_TRIES }, () => ({ attempt, probe: { ...probe } }));
          });
          nMade += tried.length;
          lastTried = tried;
          // Whoever was only too slow on a busy machine is asked again, with time.
          const slow = (await wrong(same, tried)).map((each) => ({
            ...each,
            probe: { ...each.probe, timeoutMs: LONG_MS },
          }));
          const found = (await wrong(same, slow)).map(
            ({ attempt, word }) =>
              `${JSON.stringify(attempt)}: ${word}, not ${verdictInWords(verdictOf(same, attempt)).join(', ')}`,
          );
          assert.deepEqual(found, [], JSON.stringify({ ...same, services: [...same.services] }));
        }
        assert.ok(nMade > 20 * N_STATES, `${nMade} attempts were made`);
        await mode.cleanup();
        const last = await wrong(states.at(-1) ?? assert.fail(), lastTried);
        assert.ok(last.length > 0, 'without the mode’s rules nothing is noticed');
      });
    });
  }
}
