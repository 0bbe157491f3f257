import type { Frontend, Protocol } from './model.ts';

/** A Service port that wants a frontend. */
export interface Claim {
  /** `namespace/name` of the Service. */
  readonly owner: string;
  /** Id of its port. */
  readonly id: string;
  readonly protocol: Protocol;
  readonly frontend: Frontend;
  /** metadata.creationTimestamp; '' = unknown, which counts as oldest. */
  readonly created: string;
}

/**
 * Decides who holds a frontend that several Services want: a node's rules can send one address and port to one place
 * only. A cluster IP beats an address from outside (so externalIPs cannot take over another Service's cluster IP), then
 * the older Service wins, then the smaller id. Ranges are held whole or not at all. The outcome does not depend on the
 * order of the calls.
 */
export interface Claims {
  /** Replaces all claims of an owner. Returns other owners whose holdings may have changed by it. */
  replace(owner: string, claims: readonly Claim[]): readonly string[];
  /** The id of the Service port with the best claim on any packet that meets this frontend. */
  holder(protocol: Protocol, frontend: Frontend): string | undefined;
}

/** One text per address, port and protocol that packets can be told apart by; of a range, its first port. */
function keyAt(protocol: Protocol, frontend: Frontend, port = frontend.port): string {
  return frontend.kind === 'nodePort' ? `${protocol}|${port}` : `${protocol}|${port}|${frontend.ip}`;
}

/** One text per address and protocol. */
const placeOf = (protocol: Protocol, frontend: Frontend): string =>
  frontend.kind === 'nodePort' ? protocol : `${protocol}|${frontend.ip}`;

const isClusterIp = ({ frontend }: Claim): boolean => frontend.kind === 'clusterIP';
const lastPort = ({ port, endPort }: Frontend): number => endPort ?? port;

function compare(a: Claim, b: Claim): number {
  if (isClusterIp(a) !== isClusterIp(b)) return isClusterIp(a) ? -1 : 1;
  if (a.created !== b.created) return a.created < b.created ? -1 : 1;
  return a.id === b.id ? 0 : a.id < b.id ? -1 : 1;
}

const keyOf = ({ protocol, frontend }: Claim): string => keyAt(protocol, frontend);
const isSame = (a: Claim, b: Claim): boolean =>
  keyOf(a) === keyOf(b) && a.frontend.endPort === b.frontend.endPort && compare(a, b) === 0;
const overlap = (a: Frontend, b: Frontend): boolean => a.port <= lastPort(b) && b.port <= lastPort(a);

class ClaimTable implements Claims {
  /** Claims of one port, best first. Nearly every frontend is wanted once, which costs no list. */
  readonly #single = new Map<string, Claim | readonly Claim[]>();
  /** Claims of ranges by place; there are few. */
  readonly #ranges = new Map<string, readonly Claim[]>();
  readonly #byOwner = new Map<string, readonly Claim[]>();

  replace(owner: string, claims: readonly Claim[]): readonly string[] {
    const before = this.#byOwner.get(owner) ?? [];
    if (before.length === claims.length && before.every((old, i) => claims[i] && isSame(old, claims[i])))
      return [];
    const touched = new Set<string>();
    const kept = new Set<Claim>();
    const oldByKey = new Map(before.map((claim) => [keyOf(claim), claim]));
    for (const claim of claims) {
      const old = oldByKey.get(keyOf(claim));
      if (old !== undefined && isSame(old, claim)) kept.add(old).add(claim);
    }
    for (const old of before) if (!kept.has(old)) this.#change(old, 'remove', touched);
    for (const claim of claims) if (!kept.has(claim)) this.#change(claim, 'add', touched);
    if (claims.length === 0) this.#byOwner.delete(owner);
    else this.#byOwner.set(owner, claims);
    touched.delete(owner);
    return [...touched];
  }

  holder(protocol: Protocol, frontend: Frontend): string | undefined {
    if (frontend.endPort === undefined && this.#ranges.size === 0) {
      const held = this.#single.get(keyAt(protocol, frontend));
      return held === undefined ? undefined : isList(held) ? held[0]?.id : held.id;
    }
    let best: Claim | undefined;
    for (const claim of this.#overlapping(protocol, frontend)) {
      if (best === undefined || compare(claim, best) < 0) best = claim;
    }
    return best?.id;
  }

  #listOf(key: string): readonly Claim[] {
    const held = this.#single.get(key);
    return held === undefined ? [] : isList(held) ? held : [held];
  }

  *#overlapping(protocol: Protocol, frontend: Frontend): Iterable<Claim> {
    for (let port = frontend.port; port <= lastPort(frontend); port++) {
      const [best] = this.#listOf(keyAt(protocol, frontend, port));
      if (best !== undefined) yield best;
    }
    for (const claim of this.#ranges.get(placeOf(protocol, frontend)) ?? []) {
      if (overlap(claim.frontend, frontend)) yield claim;
    }
  }

  #change(claim: Claim, kind: 'add' | 'remove', touched: Set<string>): void {
    const { protocol, frontend } = claim;
    const isRange = frontend.endPort !== undefined;
    const key = keyOf(claim);
    const before = this.#listOf(key)[0];
    const held = isRange ? (this.#ranges.get(placeOf(protocol, frontend)) ?? []) : this.#listOf(key);
    const next =
      kind === 'add' ? [...held, claim].sort(compare) : held.filter((other) => !isSame(other, claim));
    if (isRange) return this.#changeRange(claim, next, touched);
    const [after] = next;
    if (after === undefined) this.#single.delete(key);
    else this.#single.set(key, next.length === 1 ? after : next);
    if (before?.id === after?.id) return;
    for (const other of [before, after]) if (other !== undefined) touched.add(other.owner);
    if (this.#ranges.size > 0)
      for (const other of this.#overlapping(protocol, frontend)) touched.add(other.owner);
  }

  #changeRange(claim: Claim, next: readonly Claim[], touched: Set<string>): void {
    const { protocol, frontend } = claim;
    const place = placeOf(protocol, frontend);
    if (next.length === 0) this.#ranges.delete(place);
    else this.#ranges.set(place, next);
    for (const other of this.#overlapping(protocol, frontend)) touched.add(other.owner);
  }
}

export function createClaims(): Claims {
  return new ClaimTable();
}

function isList(held: Claim | readonly Claim[]): held is readonly Claim[] {
  return Array.isArray(held);
}
