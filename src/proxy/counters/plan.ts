import { elementData, elementKey } from '../../kernel/nft/model.ts';
import type { Command, NftChain, NftElement, NftSet, TableRef } from '../../kernel/nft/model.ts';
import { field, goto, jump } from '../../kernel/nft/rule.ts';
import type { Rule, Statement } from '../../kernel/nft/rule.ts';
import type { IpFamily } from '../../net/ip.ts';
import { chainCommands } from '../modes/nftables/layout.ts';
import { chain, hasPorts, originalFrontendKey, rule } from '../modes/nftables/rules.ts';
import type { ChainRules } from '../modes/nftables/rules.ts';
import type { Frontend, ServicePort } from '../state/model.ts';

/** What is counted of each Service port: new connections, and packets each way. Part of a counter's name. */
export const counted = ['connections', 'to-endpoint', 'to-client'] as const;
export type Counted = (typeof counted)[number];

/** Which map of each kind of counter a frontend stands in. */
const places = ['addresses', 'ranges', 'node-ports'] as const;
type Place = (typeof places)[number];

/** The fixed part of the table for one family. */
export interface CounterLayout {
  readonly table: TableRef;
  /** Tells this layout from every other one. */
  readonly comment: string;
  readonly sets: readonly NftSet[];
  readonly chains: readonly ChainRules[];
}

/** Changes whenever chains, rules or sets do. */
const layoutVersion = 1;

const isTranslated: Statement = { kind: 'ct', is: { key: 'status', flag: 'dnat' } };
const originalNodePortKey = [field.l4proto, field.originalDport] as const;

function setOf(family: IpFamily, what: Counted, place: Place): NftSet {
  const name = `${what}-of-${place}`;
  const address = family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
  if (place === 'node-ports') return { name, key: ['inet_proto', 'inet_service'], data: 'counter' };
  const set: NftSet = { name, key: [address, 'inet_proto', 'inet_service'], data: 'counter' };
  return place === 'ranges' ? { ...set, isInterval: true } : set;
}

/** One counter a packet: who is found by its address is not asked for its port. */
function countingChain(what: Counted): ChainRules {
  const found: Statement = { kind: 'verdict', verdict: { kind: 'return' } };
  const count = (place: Place): Statement => ({
    kind: 'count',
    key: place === 'node-ports' ? originalNodePortKey : originalFrontendKey,
    map: `${what}-of-${place}`,
  });
  return chain(
    what,
    rule(hasPorts, count('addresses'), found),
    rule(hasPorts, count('ranges'), found),
    rule(hasPorts, count('node-ports')),
  );
}

/** Behind everything that refuses packets (filter, 0), before the source is translated (nat, 100). */
const priority = 90;

type Base = NonNullable<NftChain['base']>;

function baseChain(name: string, base: Pick<Base, 'type' | 'hook'>, each: Rule): ChainRules {
  return { chain: { name, base: { ...base, priority } }, rules: [each] };
}

/**
 * Only chains of the type nat see just the first packet of a connection, at one of the two hooks where its source is decided. What goes over
 * the loopback link passes both hooks, and its packets are counted at the first.
 */
export function counterLayout(family: IpFamily): CounterLayout {
  const isNoLoopback: Statement = { kind: 'match', left: field.iifname, isNegated: true, value: 'lo' };
  const newOne = rule(isTranslated, jump('connections'));
  const isOnItsWay: Statement = { kind: 'ct', is: { key: 'direction', flag: 'original' } };
  return {
    table: { family: family === 'IPv4' ? 'ip' : 'ip6', name: 'portico-counters' },
    comment: `portico service counters, layout ${layoutVersion}`,
    sets: counted.flatMap((what) => places.map((place) => setOf(family, what, place))),
    chains: [
      ...counted.map(countingChain),
      chain('packets', rule(isOnItsWay, goto('to-endpoint')), rule(goto('to-client'))),
      baseChain('new-forwarded', { type: 'nat', hook: 'postrouting' }, newOne),
      baseChain('new-delivered', { type: 'nat', hook: 'input' }, newOne),
      baseChain('forwarded', { type: 'filter', hook: 'postrouting' }, rule(isTranslated, jump('packets'))),
      baseChain(
        'delivered',
        { type: 'filter', hook: 'input' },
        rule(isNoLoopback, isTranslated, jump('packets')),
      ),
    ],
  };
}

/** Makes the table anew, whatever was there under its name. */
export const counterTableCommands = ({ comment, sets, chains }: CounterLayout): Command[] => [
  { op: 'add-table' },
  { op: 'delete-table' },
  { op: 'add-table', comment },
  ...sets.map((set): Command => ({ op: 'add-set', set })),
  ...chains.flatMap(chainCommands),
];

/** Whose a counter is, and what it counts. */
export interface CounterName {
  readonly namespace: string;
  readonly name: string;
  readonly portName: string;
  readonly protocol: string;
  readonly what: Counted;
}

/** At most 216 of the 255 bytes the kernel takes; none of the parts may have a slash. */
export const counterName = ({ namespace, name, portName, protocol, what }: CounterName): string =>
  [namespace, name, portName, protocol, what].join('/');

/** Undefined: it is no name of ours. */
export function parseCounterName(text: string): CounterName | undefined {
  const [namespace, name, portName, protocol, last, ...more] = text.split('/');
  const what = counted.find((each) => each === last);
  if (what === undefined || more.length > 0) return undefined;
  if (namespace === undefined || name === undefined || portName === undefined || protocol === undefined)
    return undefined;
  return { namespace, name, portName, protocol, what };
}

/** What the table holds for some Service ports: counters, and by the name of each map what leads to them, by their key as text. */
export interface Counters {
  readonly names: ReadonlySet<string>;
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, NftElement>>;
}

function placeOf(frontend: Frontend): Place {
  if (frontend.kind === 'nodePort') return 'node-ports';
  return frontend.endPort === undefined || frontend.endPort === frontend.port ? 'addresses' : 'ranges';
}

function keyOf(frontend: Frontend, protocol: string): NftElement['key'] {
  if (frontend.kind === 'nodePort') return [protocol, frontend.port];
  const { ip, port, endPort } = frontend;
  return [ip, protocol, placeOf(frontend) === 'ranges' ? `${port}-${endPort}` : port];
}

/** A Service port has one counter for each thing that is counted, whatever number of frontends it has. */
export function countersOf(ports: Iterable<ServicePort>): Counters {
  const names = new Set<string>();
  const elements = new Map<string, Map<string, NftElement>>();
  for (const port of ports) {
    for (const what of counted) {
      const name = counterName({ ...port, what });
      names.add(name);
      for (const { frontend } of port.frontends) {
        const set = `${what}-of-${placeOf(frontend)}`;
        const key = keyOf(frontend, port.protocol.toLowerCase());
        const inSet = elements.get(set) ?? new Map<string, NftElement>();
        elements.set(set, inSet.set(elementKey(key), { key, data: [name] }));
      }
    }
  }
  return { names, elements };
}

export interface CounterStep {
  /** To be sent first: a key may go from one Service port to another. */
  readonly remove: readonly Command[];
  readonly add: readonly Command[];
}

/** What leads from the counters that are there to those that are wanted; what counts on is not touched. */
export function planCounters(layout: CounterLayout, before: Counters, after: Counters): CounterStep {
  const remove: Command[] = [];
  const add: Command[] = [];
  const gone = [...before.names].filter((name) => !after.names.has(name));
  const born = [...after.names].filter((name) => !before.names.has(name));
  if (born.length > 0) add.push({ op: 'add-counters', names: born });
  for (const set of layout.sets) {
    const [had, has] = [before.elements.get(set.name), after.elements.get(set.name)];
    const stays = (key: string, { data }: NftElement, others: typeof had): boolean =>
      elementData(others?.get(key)?.data) === elementData(data);
    const dels = [...(had ?? [])].filter(([key, element]) => !stays(key, element, has));
    const adds = [...(has ?? [])].filter(([key, element]) => !stays(key, element, had));
    if (dels.length > 0) remove.push({ op: 'delete-elements', set, elements: dels.map(([, each]) => each) });
    if (adds.length > 0) add.push({ op: 'add-elements', set, elements: adds.map(([, each]) => each) });
  }
  if (gone.length > 0) remove.push({ op: 'delete-counters', names: gone });
  return { remove, add };
}
