import { isLoopback, parseIp } from '../../net/ip.ts';
import type { ProxyState } from '../../proxy/state/model.ts';
import { frontendMet, verdictInWords, verdictOf } from '../../proxy/state/verdict.ts';
import type { Attempt, Way } from '../../proxy/state/verdict.ts';
import { createIpvsRig } from '../ipvs-rig.ts';
import type { IpvsRig } from '../ipvs-rig.ts';
import { attemptsOf } from '../random-proxy-state.ts';
import { compare, Difference } from './mode-proof.ts';
import type { Fault, ModeProof } from './mode-proof.ts';
import { nftFaults } from './nft-faults.ts';

/** The mode's states one after the other on one machine in memory. */
export async function ipvsMachine(...states: readonly ProxyState[]): Promise<IpvsRig> {
  const rig = createIpvsRig(states[0]?.family ?? 'IPv4');
  const mode = rig.start();
  let known = new Set<string>();
  for (const [i, state] of states.entries()) {
    const changed = new Set([...known, ...state.services.keys()]);
    await mode.sync(state, i === 0 ? undefined : changed);
    known = new Set(state.services.keys());
  }
  return rig;
}

/** Node ports on loopback addresses are nobody's in this mode: what came back would be addressed to loopback. */
const isServed = ({ ip }: Attempt): boolean => {
  const address = parseIp(ip);
  return address !== undefined && !isLoopback(address);
};

/** The mode puts every address that is not the node's own on its device, so that what nobody serves there is refused. */
function expected(state: ProxyState, attempt: Attempt): string[] {
  const words = verdictInWords(verdictOf(state, attempt));
  const isOurs = [...state.services.values()].some(({ frontends }) =>
    frontends.some(({ frontend }) => frontend.kind !== 'nodePort' && frontend.ip === attempt.ip),
  );
  return words[0] === 'untouched' && isOurs && attempt.ip !== state.node.ip ? ['refused'] : words;
}

function check(state: ProxyState, rig: IpvsRig): void {
  for (const server of rig.ipvs.held.values()) server.remembered.clear();
  const attempts = attemptsOf(state).filter(isServed);
  for (const attempt of attempts) {
    const should = expected(state, attempt);
    compare(attempt, { is: rig.outcomes(state, attempt), should });
    if (attempt.client.kind !== 'node' || attempt.isLocal) continue;
    /** A process of the node takes a virtual address that it calls for its own: it must be served as the node, and rewritten. */
    const asItself: Attempt = { ...attempt, client: { kind: 'node', source: attempt.ip } };
    const masqueraded = should.map((words) => (/^\S+ \d+$/.test(words) ? `${words} masqueraded` : words));
    compare(asItself, { is: rig.outcomes(state, asItself), should: masqueraded });
  }
  for (const [i, attempt] of attempts.entries()) checkAffinity(state, rig, { attempt, attempts, i });
}

/** A client that was sent somewhere is sent there again through the same frontend, at any port of a range. */
function checkAffinity(
  state: ProxyState,
  rig: IpvsRig,
  {
    attempt,
    attempts,
    i,
  }: { readonly attempt: Attempt; readonly attempts: readonly Attempt[]; readonly i: number },
): void {
  const met = frontendMet(state, attempt);
  if (met === undefined || met.service.affinitySeconds === 0) return;
  const verdict = verdictOf(state, attempt);
  if (verdict.kind !== 'to') return;
  const chosen = verdict.ways[i % verdict.ways.length];
  if (chosen === undefined) return;
  for (const server of rig.ipvs.held.values()) server.remembered.clear();
  const where = { ip: chosen.ip, port: chosen.port };
  if (!rig.connect(state, attempt, chosen))
    throw new Difference({ attempt, is: ['no way there'], should: [`${chosen.ip} ${chosen.port}`] });
  const { endPort } = met.decision.frontend;
  for (const again of attempts) {
    const isSameClient =
      again.client.source === attempt.client.source && again.client.kind === attempt.client.kind;
    if (!isSameClient || again.ip !== attempt.ip) continue;
    if (frontendMet(state, again)?.decision !== met.decision) continue;
    const other = verdictOf(state, again);
    if (other.kind !== 'to' || hosts(other.ways) !== hosts(verdict.ways)) continue;
    // Within a range every port is its own at the endpoint.
    const remembered = { ...where, port: endPort === undefined ? where.port : again.port };
    const should = expected(state, { ...again, remembered });
    compare({ ...again, remembered }, { is: rig.outcomes(state, again), should });
  }
  for (const server of rig.ipvs.held.values()) server.remembered.clear();
}

const hosts = (ways: readonly Way[]): string => ways.map(({ ip }) => ip).join();

/** Of the rules around IPVS each; of IPVS each server and destination gone, a destination without weight, with another port. */
function* faults(rig: IpvsRig): Iterable<Fault> {
  yield* nftFaults(rig.nft.ruleset);
  const { held } = rig.ipvs;
  for (const [name, server] of held) {
    const by = server.server.key.kind === 'mark' ? 'by mark' : 'by address';
    yield {
      kind: `server gone, ${by}`,
      plant: () => {
        held.delete(name);
        return () => void held.set(name, server);
      },
    };
    const { destinations } = server;
    for (const [key, destination] of destinations) {
      const change = (what: string, other: typeof destination | undefined): Fault => ({
        kind: `destination ${what}, ${by}`,
        plant: () => {
          if (other === undefined) destinations.delete(key);
          else destinations.set(key, other);
          return () => void destinations.set(key, destination);
        },
      });
      yield change('gone', undefined);
      yield change('without weight', { ...destination, weight: 0 });
      if (destination.port !== 0)
        yield change('with another port', { ...destination, port: destination.port ^ 1 });
    }
  }
}

export const ipvsProof: ModeProof = {
  mode: 'ipvs',
  program: async (state) => {
    const rig = await ipvsMachine(state);
    return { check: () => check(state, rig), faults: () => faults(rig) };
  },
  /** What virtual addresses without a server get is the kernel's own answer too; others' packets for blocks nobody named are not ours. */
  unseen: (kind) => kind.includes('@service-cidrs'),
};
