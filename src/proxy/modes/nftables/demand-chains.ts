import { field, goto } from '../../../kernel/nft/rule.ts';
import type { Rule, Selector, Statement } from '../../../kernel/nft/rule.ts';
import { chain, frontendKey, hasPorts, nodePortKey, originalFrontendKey, rule } from './rules.ts';
import type { ChainRules } from './rules.ts';
import { parseDemand } from './sets.ts';
import type { Demand, EndpointsKind } from './sets.ts';

/** Frontends with more slots are led to a chain of their count; the others are tried count by count. */
export const maxTriedSlots = 16;

/**
 * The chains that try the sets made on demand one after the other, given the names of those there are. A frontend is in one of them; a map
 * without it ends its rule and the next one is tried. A rule per count of slots is what keeps the kernel fast: were there one map from
 * frontends to chains, it would walk all of it at every change to look for loops (30 000 Services: 10 to 30 ms).
 */
export function demandChains(names: Iterable<string>): ChainRules[] {
  const demands = [...names].flatMap((name) => parseDemand(name) ?? []).sort((a, b) => a.n - b.n);
  const numbers = (kind: string): number[] => demands.filter((d) => d.kind === kind).map(({ n }) => n);
  const tried = (kind: EndpointsKind): Rule[] =>
    numbers(kind)
      .filter((n) => n <= maxTriedSlots)
      .map((n) => pick(kind, n));
  return [
    chain('pick', ...tried('endpoints')),
    chain('pick-node-port', ...tried('node-port-endpoints')),
    chain('inside-pick', ...tried('inside-endpoints')),
    chain('inside-pick-node-port', ...tried('inside-node-port-endpoints')),
    chain('recall', ...numbers('affinity').map((n) => recall(`affinity-${n}`, frontendKey))),
    ...(['network', 'node'] as const).map((from) =>
      // Where no client is remembered, first packets pass none of the lookups behind it.
      chain(
        `affinity-from-${from}`,
        ...(demands.some(isAffinity) ? [rule(goto(`remember-from-${from}`))] : []),
      ),
    ),
    chain('remember-own', ...numbers('affinity-ips').map((n) => rememberOwn(n))),
  ];
}

const isAffinity = ({ kind }: Demand): boolean => kind === 'affinity' || kind === 'range-affinity';

function pick(kind: EndpointsKind, n: number): Rule {
  const key = kind.includes('node-port') ? nodePortKey : frontendKey;
  return rule({ kind: 'dnat', key: [...key, { kind: 'numgen-random', modulus: n }], map: `${kind}-${n}` });
}

/** The chain of one count of slots above those that are tried. */
export function wideChain(kind: EndpointsKind, n: number): ChainRules {
  return chain(`pick-${kind}-${n}`, pick(kind, n));
}

/** The first port of a range of an address. */
export interface RangeStart {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** The chain of one range, whose endpoints are kept under its first port. The packet keeps its own. */
export function rangeChain(kind: EndpointsKind, n: number, start: RangeStart): ChainRules {
  const key: readonly Selector[] = [...constantKey(start), { kind: 'numgen-random', modulus: n }];
  return chain(
    `pick-${kind}-${n}-${nameOf(start)}`,
    rule({ kind: 'dnat', key, map: `${kind}-${n}`, isPortKept: true }),
  );
}

const constantKey = ({ ip, port }: RangeStart): readonly Selector[] => [
  { kind: 'constant', field: 'daddr', value: ip },
  field.l4proto,
  { kind: 'constant', field: 'dport', value: port },
];

/** nft's names have no colons. */
const nameOf = ({ ip, protocol, port }: RangeStart): string =>
  `${ip.replaceAll(':', '_')}-${protocol}-${port}`;

const recall = (map: string, key: readonly Selector[], isPortKept = false): Rule =>
  rule({ kind: 'dnat', key: [field.saddr, ...key], map, ...(isPortKept ? { isPortKept } : {}) });

function update(map: string, key: readonly Selector[], isPortKept = false): Statement {
  const data = isPortKept ? [field.daddr] : [field.daddr, field.dport];
  return { kind: 'update', map, key: [field.saddr, ...key], data };
}

function rememberOwn(seconds: number): Rule {
  const isOwn: Statement = { kind: 'in-set', key: originalFrontendKey, set: `affinity-ips-${seconds}` };
  return rule(hasPorts, isOwn, update(`affinity-${seconds}`, originalFrontendKey));
}

/** The frontend under which the clients of a Service port are remembered; of a range its first port. */
export interface CanonicalFrontend extends RangeStart {
  readonly isRange: boolean;
}

/**
 * For a frontend whose clients are remembered under another one: `recall` sends known clients where they were before, `remember` notes
 * where a client was sent.
 */
export function sharedAffinityChains(
  seconds: number,
  canonical: CanonicalFrontend,
): { readonly recall: ChainRules; readonly remember: ChainRules } {
  const { isRange } = canonical;
  const prefix = isRange ? 'range-' : '';
  const suffix = `${prefix}${seconds}-${nameOf(canonical)}`;
  const map = `${prefix}affinity-${seconds}`;
  const key = constantKey(canonical);
  return {
    recall: chain(`recall-${suffix}`, recall(map, key, isRange)),
    remember: chain(`remember-${suffix}`, rule(hasPorts, update(map, key, isRange))),
  };
}
