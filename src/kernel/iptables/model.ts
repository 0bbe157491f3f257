/** The tables we read and write, and those a foreign rule may stand in. */
export type TableName = 'filter' | 'nat' | 'mangle' | 'raw' | 'security';

/** A value that a rule asks for, or asks not to be there. */
export interface Sided {
  readonly value: string;
  readonly isNegated?: boolean;
}

/** First and last port, both included. */
export interface PortSpan {
  readonly first: number;
  readonly last: number;
}

export type PortProtocol = 'tcp' | 'udp' | 'sctp';

/** What a rule asks beside addresses, devices and protocol, in the rule's own order. */
export type Match =
  | { readonly kind: 'comment'; readonly text: string }
  /** `-m tcp [--dport]`: without ports it asks nothing that `-p` does not. */
  | { readonly kind: 'ports'; readonly protocol: PortProtocol; readonly dport?: PortSpan }
  | { readonly kind: 'multiport'; readonly dports: readonly PortSpan[] }
  | {
      readonly kind: 'addrtype';
      readonly side: 'src' | 'dst';
      readonly type: string;
      readonly isNegated?: boolean;
    }
  /** The connection is in one of these states, e.g. NEW, or was translated (SNAT, DNAT). */
  | { readonly kind: 'ctstate'; readonly states: readonly string[]; readonly isNegated?: boolean }
  | { readonly kind: 'statistic'; readonly probability: number }
  /** A named list of source addresses with the time each was last seen. */
  | {
      readonly kind: 'recent';
      readonly action: 'set' | 'rcheck' | 'update' | 'remove';
      readonly name: string;
      readonly seconds?: number;
      readonly isReaping?: boolean;
    }
  | { readonly kind: 'mark'; readonly value: number; readonly mask: number; readonly isNegated?: boolean }
  /** `fields` as in ipset, e.g. `dst,dst`. */
  | { readonly kind: 'set'; readonly name: string; readonly fields: string; readonly isNegated?: boolean }
  | { readonly kind: 'icmp'; readonly module: 'icmp' | 'icmp6'; readonly type: string }
  /** A module we do not know, as it was written: `-m time --timestart 08:00`. */
  | { readonly kind: 'other'; readonly text: string };

export type Target =
  | { readonly kind: 'accept' | 'drop' | 'return' | 'notrack' }
  /** `icmp-port-unreachable`, `tcp-reset` … */
  | { readonly kind: 'reject'; readonly with: string }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  /** mark = (mark & ~mask) ^ value. `--or-mark v` is v/v, `--xor-mark v` is v/0. */
  | { readonly kind: 'mark'; readonly value: number; readonly mask: number }
  /** Without a port the packet keeps its own. */
  | { readonly kind: 'dnat'; readonly ip: string; readonly port?: number }
  | { readonly kind: 'masquerade'; readonly isRandomFully?: boolean }
  | { readonly kind: 'other'; readonly text: string };

/** One rule. Addresses are blocks (`10.0.0.1/32`); without a target it only counts. */
export interface Rule {
  readonly source?: Sided;
  readonly destination?: Sided;
  /** A device, or a prefix of names with `+` at its end. */
  readonly in?: Sided;
  readonly out?: Sided;
  readonly protocol?: Sided;
  readonly matches?: readonly Match[];
  readonly target?: Target;
}

export interface Chain<R = Rule> {
  /** What happens at the end of a built-in chain; absent = a chain of somebody's own. */
  readonly policy?: 'ACCEPT' | 'DROP';
  readonly rules: readonly R[];
}

/** The chains of a table by name. */
export type Table<R = Rule> = ReadonlyMap<string, Chain<R>>;

/** What one family's tables hold; a table that is absent was never made. */
export type Ruleset<R = Rule> = ReadonlyMap<TableName, Table<R>>;
