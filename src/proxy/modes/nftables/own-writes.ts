import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';

/** Tells whether a stranger wrote to the namespace's nf_tables (the other family's mode is none), without reading a table: reading 30 000 Services back takes seconds. */
export interface OwnWrites {
  /** The kernel to write with. */
  readonly nft: NftKernel;
  /** From here on we know all that is written, until `forget`. Call it before the table is read or replaced. */
  watch(): Promise<void>;
  /** Since `watch`, every change was ours. False when nothing is watched. */
  areAll(): Promise<boolean>;
  forget(): void;
}

/** A transaction of ours that changes nothing is counted though the kernel does not: then the answer is false, and the table is read. */
export function countOwnWrites(kernel: NftKernel): OwnWrites {
  let expected: number | undefined;
  return {
    nft: {
      ...kernel,
      apply: async (transaction) => {
        await kernel.apply(transaction);
        if (expected !== undefined) expected = (expected + 1) >>> 0;
      },
    },
    watch: async () => {
      expected = await kernel.generation('strangers');
    },
    areAll: async () => expected !== undefined && (await kernel.generation('strangers')) === expected,
    forget: () => {
      expected = undefined;
    },
  };
}
