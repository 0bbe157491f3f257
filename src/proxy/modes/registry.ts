import type { ModeModule } from './mode.ts';

/** Every proxy mode, by the name users give it; loaded when asked for. A mode is one folder and one line here. */
const table = {
  nftables: () => import('./nftables/index.ts'),
  iptables: () => import('./iptables/index.ts'),
  ipvs: () => import('./ipvs/index.ts'),
  userspace: () => import('./userspace/index.ts'),
} as const satisfies Readonly<Record<string, () => Promise<{ readonly mode: ModeModule }>>>;

export type ModeName = keyof typeof table;

export const modeNames = Object.keys(table) as readonly ModeName[];

export const isModeName = (text: string): text is ModeName => Object.hasOwn(table, text);

export const loadMode = async (name: ModeName): Promise<ModeModule> => (await table[name]()).mode;
