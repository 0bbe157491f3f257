import type { Frontend, Protocol } from './model.ts';

/** A Service port that wants a frontend. */
export interface Claim {
  /** `namespace/name` of the Service. */
  readonly owner: string;
  /** Id of its port. */
  readonly id: string;
  /** What is wanted: see frontendKey. */
  readonly key: string;
  readonly isClusterIp: boolean;
  /** metadata.creationTimestamp; '' = unknown, which counts as oldest. */
  readonly created: string;
}

/**
 * Decides who holds a frontend that several Services want: a node's rules can send one address and port to one place
 * only. A cluster IP beats an address from outside (so externalIPs cannot take over another Service's cluster IP), then
 * the older Service wins, then the smaller id. The outcome does not depend on the order of the calls.
 */
export interface Claims {
  /** Replaces all claims of an owner. Returns the other owners whose holdings changed by it. */
  replace(owner: string, claims: readonly Claim[]): readonly string[];
  /** The id of the Service port that holds the frontend with this key. */
  holder(key: string): string | undefined;
}

/** One text per address, port and protocol that packets can be told apart by. */
export function frontendKey(protocol: Protocol, frontend: Frontend): string {
  return frontend.kind === 'nodePort'
    ? `${protocol}|${frontend.port}`
    : `${protocol}|${frontend.port}|${frontend.ip}`;
}

function compare(a: Claim, b: Claim): number {
  if (a.isClusterIp !== b.isClusterIp) return a.isClusterIp ? -1 : 1;
  if (a.created !== b.created) return a.created < b.created ? -1 : 1;
  return a.id === b.id ? 0 : a.id < b.id ? -1 : 1;
}

const isSame = (a: Claim, b: Claim): boolean => a.key === b.key && compare(a, b) === 0;

export function createClaims(): Claims {
  /** Best claim first. Nearly every frontend is wanted once, which costs no list. */
  const byKey = new Map<string, Claim | readonly Claim[]>();
  const byOwner = new Map<string, readonly Claim[]>();
  const listOf = (key: string): readonly Claim[] => {
    const held = byKey.get(key);
    return held === undefined ? [] : isList(held) ? held : [held];
  };
  const update = (key: string, next: readonly Claim[]): readonly string[] => {
    const before = listOf(key)[0];
    const after = next[0];
    if (after === undefined) byKey.delete(key);
    else byKey.set(key, next.length === 1 ? after : next);
    if (before?.id === after?.id) return [];
    return [before, after].filter((claim) => claim !== undefined).map((claim) => claim.owner);
  };
  const add = (claim: Claim): readonly string[] =>
    update(claim.key, [...listOf(claim.key), claim].sort(compare));
  const remove = (claim: Claim): readonly string[] =>
    update(
      claim.key,
      listOf(claim.key).filter((other) => !isSame(other, claim)),
    );

  return {
    replace: (owner, claims) => {
      const before = byOwner.get(owner) ?? [];
      if (before.length === claims.length && before.every((old, i) => claims[i] && isSame(old, claims[i])))
        return [];
      const touched: string[] = [];
      for (const old of before) if (!claims.some((claim) => isSame(claim, old))) touched.push(...remove(old));
      for (const claim of claims) if (!before.some((old) => isSame(old, claim))) touched.push(...add(claim));
      if (claims.length === 0) byOwner.delete(owner);
      else byOwner.set(owner, claims);
      return touched.filter((other) => other !== owner);
    },
    holder: (key) => {
      const held = byKey.get(key);
      return held === undefined ? undefined : isList(held) ? held[0]?.id : held.id;
    },
  };
}

function isList(held: Claim | readonly Claim[]): held is readonly Claim[] {
  return Array.isArray(held);
}
