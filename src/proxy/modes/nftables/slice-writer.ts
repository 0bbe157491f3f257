import { setImmediate } from 'node:timers/promises';
import type { Command, NftElement, NftSet, TableRef } from '../../../kernel/nft/model.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import { chainCommands, rewriteCommands } from './layout.ts';
import type { Change, Step } from './plan.ts';
import { isAskedByEndpoint } from './sets.ts';

/**
 * Elements in one transaction: fits the 400 kB an ordinary user's socket takes, in IPv6 too (130 bytes each), and keeps the event loop
 * free (about 15 ms per slice). A chain with its rule, which may hold a set of its own, is as long as eight elements.
 */
const maxElements = 2500;
const elementsPerChain = 8;

interface Group {
  readonly set: NftSet;
  readonly elements: NftElement[];
}

function grouped(changes: readonly Change[]): Group[] {
  const bySet = new Map<string, Group>();
  for (const { set, element } of changes) {
    const group = bySet.get(set.name);
    if (group === undefined) bySet.set(set.name, { set, elements: [element] });
    else group.elements.push(element);
  }
  return [...bySet.values()];
}

function changeCommands(changes: readonly Change[]): Command[] {
  const dels = grouped(changes.filter(({ kind }) => kind !== 'add'));
  const adds = grouped(changes.filter(({ kind }) => kind !== 'delete'));
  return [
    ...dels.map((group): Command => ({ op: 'delete-elements', ...group })),
    ...adds.map((group): Command => ({ op: 'add-elements', ...group })),
  ];
}

/**
 * Sends steps to the kernel: all that fits in one transaction, which covers every ordinary change; a big load in slices, with a turn of
 * the event loop after each, so that watches and probes of the same process go on.
 */
export class SliceWriter {
  readonly #nft: NftKernel;
  readonly #table: TableRef;
  readonly #isWhole: boolean;
  #before: Command[] = [];
  #changes: Change[] = [];
  #after: Command[] = [];
  /** Sent when the endpoints that went are gone for sure. */
  #late: Change[] = [];
  #size = 0;

  /** `isWhole` = one transaction whatever its size (EMSGSIZE when the socket refuses it). */
  constructor(options: { nft: NftKernel; table: TableRef; isWhole?: boolean; before?: readonly Command[] }) {
    this.#nft = options.nft;
    this.#table = options.table;
    this.#isWhole = options.isWhole ?? false;
    this.#before = [...(options.before ?? [])];
  }

  async push(step: Step): Promise<void> {
    for (const set of step.newSets) this.#before.push({ op: 'add-set', set });
    for (const chain of step.widened) this.#before.push(...rewriteCommands(chain));
    for (const chain of step.newChains) {
      await this.#makeRoom(elementsPerChain);
      this.#before.push(...chainCommands(chain));
    }
    for (const chain of step.trimmed) this.#after.push(...rewriteCommands(chain));
    for (const name of step.goneChains) this.#after.push({ op: 'delete-chain', name });
    for (const name of step.goneSets) this.#after.push({ op: 'delete-set', name });
    for (const change of step.changes) {
      if (change.kind === 'delete' && isAskedByEndpoint(change.set)) {
        this.#late.push(change);
        continue;
      }
      await this.#makeRoom(1);
      this.#changes.push(change);
    }
  }

  async #makeRoom(nElements: number): Promise<void> {
    if (this.#size + nElements > maxElements && !this.#isWhole) await this.#send([]);
    this.#size += nElements;
  }

  async finish(): Promise<void> {
    const limit = this.#isWhole ? Infinity : maxElements;
    while (this.#after.length > limit) await this.#send(this.#after.splice(0, limit));
    if (this.#before.length + this.#changes.length + this.#after.length > 0)
      await this.#send(this.#after, this.#late.length === 0);
    while (this.#late.length > 0) {
      this.#changes = this.#late.splice(0, maxElements);
      await this.#send([], this.#late.length === 0);
    }
  }

  async #send(after: readonly Command[], isLast = false): Promise<void> {
    const commands = [...this.#before, ...changeCommands(this.#changes), ...after];
    this.#before = [];
    this.#changes = [];
    this.#size = 0;
    await this.#nft.apply({ table: this.#table, commands });
    if (!isLast) await setImmediate();
  }
}
