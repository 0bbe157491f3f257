import type { Rule, Scalar, Verdict } from './rule.ts';

export type { Scalar, Verdict } from './rule.ts';

/** Families of tables we use: one per address family, so that a table never sees a packet it has no addresses for. */
export type NftFamily = 'ip' | 'ip6';

export interface TableRef {
  readonly family: NftFamily;
  readonly name: string;
}

/** Types of the fields of keys and of map values, in nft's own words; `integer` and `mark` are 32 bits in host order. */
export type DataType =
  'ipv4_addr' | 'ipv6_addr' | 'inet_proto' | 'inet_service' | 'integer' | 'mark' | 'ifname';

/** A named set, or a map when `data` is there. Several key fields are a concatenation. */
export interface NftSet {
  readonly name: string;
  readonly key: readonly DataType[];
  /** `counter`: the value of an element is the name of a counter, which `count` statements add to. */
  readonly data?: readonly DataType[] | 'verdict' | 'counter';
  /**
   * Addresses of a key may be prefixes, and ports of a concatenation may be `first-last`. Elements must not overlap. Concatenations need
   * Linux 5.6, and each change of such a set costs the kernel a copy of it: keep them small.
   */
  readonly isInterval?: boolean;
  /** Rules may add elements; each lives so long after its last refresh; at most `size` at a time. */
  readonly dynamic?: { readonly timeoutSeconds: number; readonly size: number };
}

export interface NftElement {
  readonly key: readonly Scalar[];
  readonly data?: readonly Scalar[] | Verdict;
}

export type NftHook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

/** A chain; with `base` the kernel calls it, without it only rules and verdict maps do. */
export interface NftChain {
  readonly name: string;
  readonly base?: { readonly type: 'nat' | 'filter'; readonly hook: NftHook; readonly priority: number };
}

export type Command =
  /** Harmless when the table is there; its comment then stays as it is. */
  | { readonly op: 'add-table'; readonly comment?: string }
  | { readonly op: 'delete-table' }
  | { readonly op: 'add-chain'; readonly chain: NftChain }
  /** Deletes its rules with it; EBUSY while a rule or an element outside names it. */
  | { readonly op: 'delete-chain'; readonly name: string }
  /** Deletes all its rules. */
  | { readonly op: 'flush-chain'; readonly name: string }
  /** Appends. */
  | { readonly op: 'add-rule'; readonly chain: string; readonly rule: Rule }
  | { readonly op: 'add-set'; readonly set: NftSet }
  | { readonly op: 'delete-set'; readonly name: string }
  /** EEXIST when one is there. Names have at most 255 bytes. */
  | { readonly op: 'add-counters'; readonly names: readonly string[] }
  /** EBUSY while an element names one. */
  | { readonly op: 'delete-counters'; readonly names: readonly string[] }
  /** EEXIST when the key is there, whatever its value. */
  | { readonly op: 'add-elements'; readonly set: NftSet; readonly elements: readonly NftElement[] }
  /** By key; ENOENT when one is missing. */
  | { readonly op: 'delete-elements'; readonly set: NftSet; readonly elements: readonly NftElement[] };

/** Commands on one table that take effect together or not at all. */
export interface Transaction {
  readonly table: TableRef;
  readonly commands: readonly Command[];
}

/** What a table consists of, without its elements: enough to know whether it is the one we made. */
export interface TableShape {
  /** The empty string when there is none. */
  readonly comment: string;
  /** How many rules each chain has; a chain without rules is absent. */
  readonly nRules: ReadonlyMap<string, number>;
  /** Names of the named sets and maps. */
  readonly sets: ReadonlySet<string>;
}

/** What a counter has seen: packets as the kernel handles them (one may be several on the wire), and bytes of their IP packets. */
export interface CounterValue {
  readonly packets: number;
  readonly bytes: number;
}

/** Identity of an element within its set, and its key as nft writes it. */
export function elementKey(key: readonly Scalar[]): string {
  return key.length === 1 ? String(key[0]) : key.join(' . ');
}

export function verdictText(verdict: Verdict): string {
  return verdict.kind === 'goto' || verdict.kind === 'jump'
    ? `${verdict.kind} ${verdict.chain}`
    : verdict.kind;
}

/** An element's value as nft writes it; the empty string for a set's. */
export function elementData(data: NftElement['data']): string {
  if (data === undefined) return '';
  return 'kind' in data ? verdictText(data) : elementKey(data);
}

/** A command in words, for error messages: `add element service-ips { 10.96.0.1 . tcp . 80, … }`. */
export function describeCommand(command: Command): string {
  switch (command.op) {
    case 'add-table':
    case 'delete-table':
      return command.op.replace('-', ' ');
    case 'add-chain':
      return `add chain ${command.chain.name}`;
    case 'delete-chain':
    case 'flush-chain':
    case 'delete-set':
      return `${command.op.replace('-', ' ')} ${command.name}`;
    case 'add-rule':
      return `add rule ${command.chain}`;
    case 'add-set':
      return `add set ${command.set.name}`;
    case 'add-counters':
    case 'delete-counters':
      return `${command.op.replace('-', ' ')} ${command.names[0] ?? ''}${command.names.length > 1 ? ', …' : ''}`;
    case 'add-elements':
    case 'delete-elements': {
      const [first] = command.elements;
      const more = command.elements.length > 1 ? ', …' : '';
      const verb = command.op === 'add-elements' ? 'add' : 'delete';
      return `${verb} element ${command.set.name} { ${first ? elementKey(first.key) : ''}${more} }`;
    }
  }
}
