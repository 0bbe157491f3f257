import type { IpFamily } from '../../net/ip.ts';
import type { TableName } from './model.ts';

/** One family's tables of the network namespace at `netnsPath` (default: the calling thread's). */
export interface Place {
  readonly family: IpFamily;
  readonly netnsPath?: string | undefined;
}

/** Chains that go, and with them the rules of other chains that jump there. */
export interface ChainDrop {
  readonly table: TableName;
  readonly chains: readonly string[];
  /** Chains that lead there by rules whose last word is the jump. */
  readonly from: readonly string[];
  /** How many of those rules there are. */
  readonly nJumps: number;
}

/** The kernel has two implementations of iptables side by side; rules in one are invisible to the other's programs. */
export type IptablesBackend = 'nft' | 'legacy';

/** One family's tables in one network namespace, in one backend. */
export interface Iptables {
  readonly family: IpFamily;
  readonly backend: IptablesBackend;
  /** Tables as iptables-save prints them, and perhaps others; those that were never made are not there. */
  save(...tables: readonly TableName[]): Promise<string>;
  /**
   * Input for `iptables-restore --noflush`: tables one after the other, each as a whole or not at all. Rejects with an
   * IptablesError; tables before the one that failed then hold what was asked.
   */
  restore(text: string): Promise<void>;
  hasChain(table: TableName, chain: string): Promise<boolean>;
  /**
   * Drops chains faster than a restore can, in one transaction. False: nothing was done, a restore must do it, or will say why it cannot
   * be. Absent where there is no faster way.
   */
  dropChains?(drop: ChainDrop): Promise<boolean>;
}

/**
 * `too-long`: the kernel takes so much only in smaller pieces. `busy`: somebody else holds the lock. `refused`: the program or
 * the kernel does not take the input. `unusable`: the program is missing or may not do it at all.
 */
export type IptablesFailure = 'too-long' | 'busy' | 'refused' | 'unusable';

export class IptablesError extends Error {
  readonly failure: IptablesFailure;
  /** The line of a restore's input that failed, from 1; that of a COMMIT where the kernel did not take a table. */
  readonly line: number | undefined;

  constructor(
    failure: IptablesFailure,
    message: string,
    options: ErrorOptions & { readonly line?: number } = {},
  ) {
    super(message, options);
    this.failure = failure;
    this.line = options.line;
  }
}
