/** A field's value: an address or (in interval sets) a prefix as text, a protocol's name (`tcp udp sctp`), a port or number. */
export type Scalar = string | number;

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' }
  | { readonly kind: 'goto' | 'jump'; readonly chain: string };

/** A field of the packet as it is when the rule sees it (addresses of the table's family). */
export type PacketField = 'saddr' | 'daddr' | 'sport' | 'dport' | 'l4proto';

/**
 * What a rule can look at. `ct-original` is the connection's first packet before any translation. `constant` stands for a fixed
 * value among the fields of a key: nft has no literals there, so it is written and loaded as `(field & 0 | value)`.
 */
export type Selector =
  | { readonly kind: PacketField }
  /** The packet's mark; 0 unless somebody set it. */
  | { readonly kind: 'mark' }
  /** Name of the device it came in by; in a `match`, a value that ends in `*` stands for all names that begin so. */
  | { readonly kind: 'iifname' }
  | { readonly kind: 'ct-original'; readonly field: 'daddr' | 'dport' }
  | { readonly kind: 'numgen-random'; readonly modulus: number }
  | { readonly kind: 'constant'; readonly field: 'daddr' | 'dport'; readonly value: Scalar };

/** Conntrack bits a rule can ask for. */
export type CtFlag =
  | { readonly key: 'state'; readonly flag: 'new' }
  | { readonly key: 'status'; readonly flag: 'dnat' }
  /** The packet goes the way of the connection's first one, or back. */
  | { readonly key: 'direction'; readonly flag: 'original' | 'reply' };

/** One step of a rule; a condition that does not hold, or a map without the key, ends the rule. */
export type Statement =
  /** `value` may be a prefix for addresses. */
  | { readonly kind: 'match'; readonly left: Selector; readonly isNegated?: boolean; readonly value: Scalar }
  | { readonly kind: 'one-of'; readonly left: Selector; readonly values: readonly Scalar[] }
  | { readonly kind: 'ct'; readonly is: CtFlag }
  /** The destination is an address of this machine. */
  | { readonly kind: 'daddr-is-local' }
  /** The source is an address of this machine: in the postrouting hook, its own connections. */
  | { readonly kind: 'saddr-is-local' }
  | {
      readonly kind: 'in-set';
      readonly key: readonly Selector[];
      readonly isNegated?: boolean;
      readonly set: string;
    }
  | { readonly kind: 'vmap'; readonly key: readonly Selector[]; readonly map: string }
  /** Destination address and port from a map; from a map of addresses alone, where the port stays (`isPortKept`). */
  | {
      readonly kind: 'dnat';
      readonly key: readonly Selector[];
      readonly map: string;
      readonly isPortKept?: boolean;
    }
  /** To a port of this machine, from a map. */
  | { readonly kind: 'redirect'; readonly key: readonly Selector[]; readonly map: string }
  | { readonly kind: 'masquerade' }
  /** Gives the packet a mark from a map; one that is not in it goes on without, and the rule ends. */
  | { readonly kind: 'set-mark'; readonly key: readonly Selector[]; readonly map: string }
  | { readonly kind: 'reject'; readonly with: 'tcp-reset' | 'port-unreachable' }
  /** Adds the element, or refreshes its time (its value then stays as it is); without `data` to a set. */
  | {
      readonly kind: 'update';
      readonly map: string;
      readonly key: readonly Selector[];
      readonly data?: readonly Selector[];
    }
  | { readonly kind: 'counter' }
  /** Adds the packet to the counter that a map names. */
  | { readonly kind: 'count'; readonly key: readonly Selector[]; readonly map: string }
  | { readonly kind: 'verdict'; readonly verdict: Verdict };

export interface Rule {
  readonly statements: readonly Statement[];
  /** Shown by `nft list`; at most 120 bytes. */
  readonly comment?: string;
}

/** Short names for the selectors without parameters. */
export const field = {
  saddr: { kind: 'saddr' },
  daddr: { kind: 'daddr' },
  sport: { kind: 'sport' },
  dport: { kind: 'dport' },
  l4proto: { kind: 'l4proto' },
  mark: { kind: 'mark' },
  iifname: { kind: 'iifname' },
  originalDaddr: { kind: 'ct-original', field: 'daddr' },
  originalDport: { kind: 'ct-original', field: 'dport' },
} as const satisfies Record<string, Selector>;

/** `jump chain` as a statement. */
export function jump(chain: string): Statement {
  return { kind: 'verdict', verdict: { kind: 'jump', chain } };
}

/** `goto chain` as a statement. */
export function goto(chain: string): Statement {
  return { kind: 'verdict', verdict: { kind: 'goto', chain } };
}
