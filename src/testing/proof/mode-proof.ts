import type { ProxyState } from '../../proxy/state/model.ts';
import type { Attempt } from '../../proxy/state/verdict.ts';

/** What a mode made of one cluster, in memory, with the interpreter of its rules. */
export interface Proven {
  /**
   * Compares what the rules do with the model's verdict: for every kind of client at every frontend and beside it, who may be reached and how
   * often, masquerading, affinity, refusal. Throws a Difference at the first that is not the same.
   */
  readonly check: () => void;
  /** Every single fault there is to plant into what was made. */
  readonly faults: () => Iterable<Fault>;
}

export interface Fault {
  /** Where and what, the same for all clusters: `rule gone: nat-output: jump services`. */
  readonly kind: string;
  /** Plants it; what it returns takes it out again. */
  readonly plant: () => () => void;
}

/** The proof that one mode does what the model says. A cluster is one node's ProxyState: the node and its Service ports in one family. */
export interface ModeProof {
  readonly mode: string;
  /** Makes the rules of a cluster as the mode does, from an empty machine. */
  program(state: ProxyState): Promise<Proven>;
  /** Whether a fault of this kind changes nothing for the first packet of a connection, and why that is so. */
  unseen(kind: string): boolean;
}

/** A client for whom a mode does something else than the model says. */
export class Difference extends Error {
  constructor(what: {
    attempt: Attempt;
    is: readonly string[];
    should: readonly string[];
    path?: readonly string[];
  }) {
    const { attempt, is, should, path = [] } = what;
    const { client, protocol, ip, port, remembered } = attempt;
    const from = `${client.kind} ${client.source}${remembered ? ` who was at ${remembered.ip} ${remembered.port}` : ''}`;
    super(
      [
        `${from} to ${ip} ${port}/${protocol}: ${is.join(', ')}`,
        `should be ${should.join(', ')}`,
        ...path,
      ].join('\n'),
    );
    this.name = 'Difference';
  }
}

/** Throws where the possible outcomes, sorted, are not the same. */
export function compare(
  attempt: Attempt,
  { is, should, path }: { is: readonly string[]; should: readonly string[]; path?: () => readonly string[] },
): void {
  if (is.length !== should.length || is.some((word, i) => word !== should[i])) {
    throw new Difference({ attempt, is, should, path: path?.() ?? [] });
  }
}

/** Shares of an outcome among all connections, of the numbers of its occurrences. */
export function sharesOf(words: Iterable<readonly [word: string, n: number]>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  let total = 0;
  for (const [word, n] of words) {
    counts.set(word, (counts.get(word) ?? 0) + n);
    total += n;
  }
  return new Map([...counts].map(([word, n]) => [word, n / total]));
}

/** Throws where an outcome comes more or less often than it should, by more than `tolerance`. */
export function compareShares(
  attempt: Attempt,
  shares: { is: ReadonlyMap<string, number>; should: ReadonlyMap<string, number>; tolerance: number },
): void {
  for (const [word, share] of shares.should) {
    const found = shares.is.get(word) ?? 0;
    if (Math.abs(found - share) <= shares.tolerance) continue;
    throw new Difference({ attempt, is: [`${word} with share ${found}`], should: [`share ${share}`] });
  }
}
