import type { Iptables } from '../../../kernel/iptables/iptables.ts';
import { IptablesError } from '../../../kernel/iptables/iptables.ts';
import { renderRestore } from '../../../kernel/iptables/render.ts';
import { afterSections, chainsFirst, joinDrops, joinPacks, linesOf, packSteps, removalOf } from './plan.ts';
import type { Removal, Step } from './plan.ts';

/**
 * iptables-nft-restore searches what it has read so far for every line, and so takes minutes for 100 000 lines in one section; in
 * sections of this many it takes two seconds. The legacy program has the kernel replace the whole table for each.
 */
const nftLines = 1500;
/** Service ports taken away in one transaction. */
const dropsAtOnce = 300;
const minLines = 40;
/** More Service ports than this at fault, and it is not they. */
const maxCulprits = 16;

export interface Rejected {
  readonly id: string;
  readonly error: IptablesError;
}

/** Carries steps to the kernel in as few restores as it takes well. */
export class RestoreWriter {
  readonly #iptables: Iptables;
  #maxLines: number;
  /** Restores that took effect. */
  nWritten = 0;

  constructor(iptables: Iptables) {
    this.#iptables = iptables;
    this.#maxLines = iptables.backend === 'nft' ? nftLines : Infinity;
  }

  /** Writes all, or rejects with the first failure; what was written before it stays. */
  async write(steps: readonly Step[]): Promise<void> {
    if (this.#iptables.dropChains === undefined) return this.#writePacks(steps);
    const removals: Removal[] = [];
    // The order that a restore has: what refuses in the table filter first, then what goes.
    const [first, last]: [Step[], Step[]] = [[], []];
    for (const step of steps) {
      const removal = removalOf(step);
      if (removal === undefined) first.push(step);
      else {
        removals.push(removal);
        if (removal.rest !== undefined) (removal.isRestLast ? last : first).push(removal.rest);
      }
    }
    await this.#writePacks(first);
    for (let i = 0; i < removals.length; i += dropsAtOnce) {
      const some = removals.slice(i, i + dropsAtOnce);
      const isDone = await this.#iptables.dropChains(joinDrops(some.map(({ drop }) => drop)));
      if (isDone) this.nWritten++;
      else await this.#writePacks(some.map(({ own }) => own));
    }
    await this.#writePacks(last);
  }

  async #writePacks(steps: readonly Step[]): Promise<void> {
    let packs = packSteps(steps, this.#maxLines);
    if (packs.length > 1) packs = packSteps(chainsFirst(steps), this.#maxLines);
    while (packs.length > 0) {
      const input = joinPacks(packs);
      try {
        await this.#iptables.restore(input.text);
        this.nWritten++;
        return;
      } catch (error) {
        // An ordinary user's sockets are small.
        if (!this.#isTooLong(error)) throw error;
        const place = error.line === undefined ? undefined : input.placeOf(error.line);
        const pack = place === undefined ? undefined : packs[place.pack];
        // Nobody knows what was written: the tables must be read.
        if (place === undefined || pack === undefined) {
          throw new IptablesError('refused', error.message, { cause: error });
        }
        if (pack.length === 1) throw error;
        this.#maxLines = Math.max(minLines, Math.ceil(this.#nLines(pack) / 3));
        const left = [...afterSections(pack, place.section), ...packs.slice(place.pack + 1).flat()];
        packs = packSteps(left, this.#maxLines);
      }
    }
  }

  /** As `write`, but a Service port's step that is refused is left out. Returns those. */
  async writeWhatFits(steps: readonly Step[]): Promise<Rejected[]> {
    const rejected: Rejected[] = [];
    for (const pack of packSteps(steps, this.#maxLines)) await this.#narrow(pack, rejected);
    return rejected;
  }

  /** Halves what is refused until the culprit stands alone. Nothing is written twice: a restore that failed has written nothing. */
  async #narrow(pack: readonly Step[], rejected: Rejected[]): Promise<void> {
    try {
      return await this.#restore(pack);
    } catch (error) {
      const isHalved = error instanceof IptablesError && ['refused', 'too-long'].includes(error.failure);
      if (!isHalved) throw error;
      const [only] = pack;
      if (pack.length === 1 && only?.id !== undefined && rejected.length < maxCulprits) {
        return void rejected.push({ id: only.id, error });
      }
      if (pack.length <= 1) throw error;
    }
    const middle = pack.length >> 1;
    await this.#narrow(pack.slice(0, middle), rejected);
    await this.#narrow(pack.slice(middle), rejected);
  }

  async #restore(pack: readonly Step[]): Promise<void> {
    await this.#iptables.restore(renderRestore(linesOf(pack)));
    this.nWritten++;
  }

  #isTooLong(error: unknown): error is IptablesError {
    return error instanceof IptablesError && error.failure === 'too-long' && this.#maxLines > minLines;
  }

  #nLines(pack: readonly Step[]): number {
    return pack.reduce((sum, { nLines }) => sum + nLines, 0);
  }
}
