import type { CounterValue, NftChain, NftElement, NftSet, TableRef } from './model.ts';
import type { Rule } from './rule.ts';

/** An element a rule added lives until `expiresAtMs`, milliseconds on the clock of whoever interprets. */
export interface LiveElement extends NftElement {
  readonly expiresAtMs?: number;
}

export interface SetState {
  readonly set: NftSet;
  /** By the text of the key. */
  readonly elements: Map<string, LiveElement>;
}

export interface ChainState {
  readonly chain: NftChain;
  readonly rules: Rule[];
}

export interface TableState {
  readonly ref: TableRef;
  readonly comment: string;
  readonly chains: Map<string, ChainState>;
  readonly sets: Map<string, SetState>;
  readonly counters: Map<string, CounterValue>;
}

/** Tables by `family name`: what an interpreter works on. */
export type Ruleset = Map<string, TableState>;

export const tableKey = ({ family, name }: TableRef): string => `${family} ${name}`;

/** Whether an element is still there at a moment. */
export const isAlive = (element: LiveElement, nowMs: number): boolean =>
  element.expiresAtMs === undefined || element.expiresAtMs > nowMs;
