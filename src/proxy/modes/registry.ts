import type { ModeModule } from './mode.ts';

interface ModeEntry<Name> {
  /** Loads it: a mode costs nothing until it is asked for. */
  readonly load: () => Promise<{ readonly mode: ModeModule }>;
  /** Only for those who ask for it by name; the others are tried in the order of the table when nobody asks for one. */
  readonly isByNameOnly?: true;
  /** What is tried in its place, in this order, where it is asked for and cannot be used. */
  readonly standIns?: readonly Name[];
  /** Its rules bear kube-proxy's names: those that are there may be that one's. */
  readonly hasForeignNames?: true;
}

const tableOf = <Name extends string>(table: Readonly<Record<Name, ModeEntry<NoInfer<Name>>>>) => table;

/** Every proxy mode, by the name users give it, the best first. A mode is one folder and one line here. */
const table = tableOf({
  nftables: { load: () => import('./nftables/index.ts') },
  iptables: { load: () => import('./iptables/index.ts'), hasForeignNames: true },
  ipvs: {
    load: () => import('./ipvs/index.ts'),
    // As with kube-proxy of old, which took iptables where the kernel lacked IPVS.
    standIns: ['iptables', 'nftables'],
    isByNameOnly: true,
    hasForeignNames: true,
  },
  userspace: { load: () => import('./userspace/index.ts') },
});

export type ModeName = keyof typeof table;

export const modeNames = Object.keys(table) as readonly ModeName[];

export const isModeName = (text: string): text is ModeName => Object.hasOwn(table, text);

export const loadMode = async (name: ModeName): Promise<ModeModule> => (await table[name].load()).mode;

/** The modes to try, the best first, for one who asks for `name`; '' = for no mode in particular. Empty = there is no such mode. */
export function candidatesFor(name: string): readonly ModeName[] {
  if (name === '') return modeNames.filter((each) => table[each].isByNameOnly !== true);
  return isModeName(name) ? [name, ...(table[name].standIns ?? [])] : [];
}

/** Modes whose rules bear names of our own: what is there of them was left by a proxy of ours. */
export const modesOfOurNames: readonly ModeName[] = modeNames.filter((name) => !table[name].hasForeignNames);
