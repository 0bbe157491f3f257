import { setImmediate } from 'node:timers/promises';
import { NftError } from '../../../kernel/nft/nft-kernel.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { ServicePort } from '../../state/model.ts';
import type { Layout } from './layout.ts';
import { planAdoption } from './plan.ts';
import type { Contents, Memory } from './plan.ts';
import { SliceWriter } from './slice-writer.ts';

/** A Service port that is left out, and why. */
export interface Refused {
  readonly id: string;
  readonly error: unknown;
}

/** Service ports in the first attempt. */
const portsAtOnce = 500;

/** Nobody's rules are at fault. */
const notOfRules: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'EOPNOTSUPP', 'ENOBUFS', 'ENOMEM']);

/** Whether a Service port may be what a transaction failed by. */
export const isOfRules = (error: unknown): boolean =>
  error instanceof NftError && !notOfRules.has(error.code);

interface Copy {
  readonly memory: Memory;
  readonly contents: Contents;
}

const copyOf = ({ memory, contents }: Copy): Copy => ({
  memory: {
    ports: new Map(memory.ports),
    shared: new Map(memory.shared),
    chains: new Map(memory.chains),
    sets: new Map(memory.sets),
  },
  contents: {
    elements: new Map([...contents.elements].map(([name, held]) => [name, new Map(held)])),
    chains: new Set(contents.chains),
    sets: new Set(contents.sets),
  },
});

/**
 * Writes Service ports against what was read, and halves what the kernel refuses until the ports at fault are known; all others get
 * their rules. Each attempt is one transaction. Throws when the kernel takes none of several: it is not them, then.
 */
export async function writeWhatFits(
  { nft, layout }: { readonly nft: NftKernel; readonly layout: Layout },
  start: Copy,
  ports: readonly ServicePort[],
): Promise<Copy & { readonly refused: readonly Refused[] }> {
  let state = start;
  const refused: Refused[] = [];
  const write = async (some: readonly ServicePort[]): Promise<void> => {
    const next = copyOf(state);
    try {
      const writer = new SliceWriter({ nft, table: layout.table, isWhole: some.length > 1 });
      await writer.push(planAdoption(next.memory, next.contents, { ports: some, layout }));
      await writer.finish();
      state = next;
    } catch (error) {
      if (!isOfRules(error)) throw error;
      const [only] = some;
      if (some.length === 1 && only !== undefined) return void refused.push({ id: only.id, error });
      await setImmediate();
      await write(some.slice(0, some.length >> 1));
      await write(some.slice(some.length >> 1));
    }
  };
  for (let i = 0; i < ports.length; i += portsAtOnce) await write(ports.slice(i, i + portsAtOnce));
  const [first] = refused;
  if (first !== undefined && refused.length > 1 && refused.length === ports.length) throw first.error;
  return { ...state, refused };
}
