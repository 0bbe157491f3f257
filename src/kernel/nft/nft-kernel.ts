import type { CounterValue, NftElement, NftSet, TableRef, TableShape, Transaction } from './model.ts';

/** nf_tables of one network namespace: real, or a fake that interprets. */
export interface NftKernel {
  /**
   * All of it or nothing. Throws NftError naming the command the kernel refused. A transaction above the socket's buffer
   * (about 400 kB, 3 500 elements, for an ordinary user) fails with EMSGSIZE: the caller slices.
   */
  apply(transaction: Transaction): Promise<void>;
  /** Undefined when there is no such table. Looks at this table only. */
  table(ref: TableRef): Promise<TableShape | undefined>;
  /** The elements of one set, in no order; dynamic ones that expired are absent. Throws NftError ENOENT when there is no such set. */
  elements(ref: TableRef, set: NftSet): Promise<NftElement[]>;
  /**
   * A number that grows by one with every transaction, anybody's, that changed a table of the namespace (32 bits, then it begins again).
   * What packets write into dynamic sets does not count. Of `strangers`: the same without what others of this process wrote, which opened
   * the same namespace by the same path.
   */
  generation(of?: 'anybody' | 'strangers'): Promise<number>;
  /** What the table's counters have seen, by name; empty when there is no such table. */
  counters(ref: TableRef): Promise<ReadonlyMap<string, CounterValue>>;
  close(): void;
}

/** A refused request; `code` is the errno's name (`EEXIST`, `ENOENT`, `EPERM`, `EBUSY` …). Nothing of it was applied. */
export class NftError extends Error {
  override readonly name = 'NftError';
  readonly code: string;

  constructor(what: string, code: string, options?: ErrorOptions) {
    super(`nf_tables: ${what}: ${code}`, options);
    this.code = code;
  }
}
