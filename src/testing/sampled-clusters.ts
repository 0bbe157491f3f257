import fc from 'fast-check';
import type { IpFamily } from '../net/ip.ts';
import type { Protocol, ProxyState } from '../proxy/state/model.ts';
import { verdictInWords, verdictOf } from '../proxy/state/verdict.ts';
import type { Attempt } from '../proxy/state/verdict.ts';
import { PODS } from './proof-lab.ts';
import { plan } from './proxy-fixtures.ts';
import { arbitraryProxyState } from './random-proxy-state.ts';

export interface SampleOptions {
  readonly seed: number;
  readonly nStates: number;
  /** Service ports of others are left out: not every kernel has sockets of SCTP. */
  readonly protocols: readonly Protocol[];
}

/** Random clusters whose endpoints are all there in a ProofNetwork; Pods are behind veths. */
export function sampleClusters(family: IpFamily, { seed, nStates, protocols }: SampleOptions): ProxyState[] {
  const known = new Set(PODS.map((n) => plan[family].pod(n)));
  const states = fc.sample(arbitraryProxyState(family), { numRuns: 100 * nStates, seed });
  const isThere = ({ services }: ProxyState): boolean =>
    services.size > 2 &&
    [...services.values()].every(({ frontends }) =>
      frontends.every(({ endpoints, fromCluster }) =>
        [...endpoints, ...(fromCluster?.endpoints ?? [])].every(({ ip }) => known.has(ip)),
      ),
    );
  return states
    .filter(isThere)
    .slice(0, nStates)
    .map((state) => ({
      ...state,
      node: state.node.podLinks === undefined ? state.node : { ...state.node, podLinks: { prefix: 'veth' } },
      services: new Map([...state.services].filter(([, { protocol }]) => protocols.includes(protocol))),
    }));
}

/** Who made an attempt, and whether the kernel or the process itself made the connection to the endpoint. */
export interface Answered {
  readonly attempt: Attempt;
  readonly isKernel: boolean;
}

/**
 * An answer `pod3 9376 CLIENT-ADDRESS` in the words of the model: `10.244.0.3 9376 masqueraded`. The userspace mode connects itself: nothing is
 * said of sources.
 */
export function answerInWords(answer: string, { attempt, isKernel }: Answered): string {
  const [, n, port, client] = /^pod(\d+) (\d+) (\S+)$/.exec(answer) ?? [];
  if (n === undefined)
    return answer === 'ECONNREFUSED' ? 'refused' : answer === 'timeout' ? 'dropped' : answer;
  const { source } = attempt.client;
  const ip = plan[source.includes(':') ? 'IPv6' : 'IPv4'].pod(Number(n));
  return `${ip} ${port}${isKernel && client !== source ? ' masqueraded' : ''}`;
}

/** Whether that is one of the ways the model has for the attempt. */
export function isRight(state: ProxyState, word: string, { attempt, isKernel }: Answered): boolean {
  const verdict = verdictOf(state, attempt);
  // What no frontend is about goes its way: to a port of the node where nobody listens, or out of the cluster, or is refused at once.
  if (verdict.kind === 'untouched') return attempt.isLocal ? word === 'refused' : !/^\S+ \d+/.test(word);
  const should = verdictInWords(verdict).map((each) => (isKernel ? each : each.replace(' masqueraded', '')));
  return should.includes(word);
}
