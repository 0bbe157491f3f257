import { setTimeout as sleep } from 'node:timers/promises';
import type { Callers, Canary } from './canary.ts';
import { writeProxyConfig } from './proxy-lab.ts';
import type { Program, ProxyLab } from './proxy-lab.ts';

/** The modes every machine of ours can use; ipvs is tried in the virtual machine. */
export const MODES = ['nftables', 'iptables', 'userspace'] as const;
export type Mode = (typeof MODES)[number];

/** What a round of a harm works with. Pod 2 is a ready endpoint all the time, and pods 2 and 3 are the members before and after. */
export interface Scene {
  readonly lab: ProxyLab;
  readonly canary: Canary;
  readonly callers: Callers;
  /** Of the proxy: the one to begin and to end a harm with. */
  mode: Mode;
  proxy: Program;
}

const SUBSETS = [[2], [2, 4], [2, 3, 4], [2, 3]] as const;
/** As fast as the API server takes them. */
const CHANGES = 200;
const PATIENCE_MS = 120_000;
const FAMILIES = 2;

const configure = (lab: ProxyLab, mode: Mode): string =>
  writeProxyConfig(lab, { mode, nodePortAddresses: ['0.0.0.0/0', '::/0'] });

export const startProxy = (lab: ProxyLab, mode: Mode): Program =>
  lab.startProxy(`--config=${configure(lab, mode)}`);

/** Until the proxy uses this mode, in both families, and has taken away what was there before. */
export async function awaitMode(
  { lab, proxy }: Pick<Scene, 'lab' | 'proxy'>,
  mode: Mode,
  from = 0,
): Promise<void> {
  const ask = async (url: string): Promise<string> => {
    try {
      return await lab.run('curl', ['-sS', '--fail', `http://127.0.0.1:${url}`]);
    } catch {
      return '';
    }
  };
  const end = Date.now() + PATIENCE_MS;
  while ((await ask('10249/proxyMode')) !== mode || (await ask('10256/healthz')) === '') {
    if (Date.now() > end) throw new Error(`it never became ${mode}:\n${proxy.output().slice(from)}`);
    await sleep(50);
  }
}

async function switchTo(scene: Scene, mode: Mode): Promise<void> {
  const { proxy } = scene;
  const from = proxy.output().length;
  configure(scene.lab, mode);
  proxy.hangUp();
  const end = Date.now() + PATIENCE_MS;
  const nSwitched = (): number => proxy.output().slice(from).split(`"to":"${mode}"`).length - 1;
  while (nSwitched() < FAMILIES) {
    if (Date.now() > end) throw new Error(`it never became ${mode}:\n${proxy.output().slice(from)}`);
    await sleep(50);
  }
  await awaitMode(scene, mode, from);
}

/** So many changes of the members, one after the other. */
export async function change({ canary, callers }: Scene, nChanges: number): Promise<void> {
  for (let i = 0; i < nChanges; i++) await canary.setMembers({ ready: SUBSETS[i % SUBSETS.length] ?? [2] });
  await canary.setMembers({ ready: [2, 3] });
  await callers.meet(2, 3);
}

export async function rollingUpdate({ canary, callers }: Scene): Promise<void> {
  for (const [old, other] of [
    [3, 4],
    [4, 3],
  ] as const) {
    await canary.setMembers({ ready: [2, other], ending: [old] });
    await callers.meet(2, other);
    await canary.setMembers({ ready: [2, other] });
    // It ends what it has begun, as Pods do.
    await callers.drained();
    await canary.killPod(old);
    await canary.startPod(old);
  }
}

/** `kill -9`, other members while nobody hears of it, and a new proxy. */
export async function killAndStart(scene: Scene, members: readonly number[]): Promise<void> {
  await scene.proxy.kill('SIGKILL');
  await scene.canary.setMembers({ ready: members });
  scene.proxy = startProxy(scene.lab, scene.mode);
  await scene.callers.meet(...members);
}

/** To each other mode and back, by signal; in each of them the members change. */
export async function switchRound(scene: Scene): Promise<void> {
  const others = MODES.filter((mode) => mode !== scene.mode);
  for (const mode of [...others, scene.mode]) {
    await switchTo(scene, mode);
    await scene.canary.setMembers({ ready: [2, 4] });
    await scene.callers.meet(2, 4);
    await scene.canary.setMembers({ ready: [2, 3] });
    await scene.callers.meet(2, 3);
  }
}

/** Ends the proxy, and starts it in this mode. */
export async function startAs(scene: Scene, mode: Mode): Promise<void> {
  await scene.proxy.kill('SIGTERM');
  scene.mode = mode;
  scene.proxy = startProxy(scene.lab, mode);
  await awaitMode(scene, mode);
  await scene.callers.meet(2, 3);
}

/** Rounds of everything that happens to a proxy; each leaves the scene as it found it. */
export const harms: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'endpoints come and go quickly': (scene) => change(scene, CHANGES),

  'a rolling update': rollingUpdate,

  'kill -9, another world, and a new start': async (scene) => {
    // What carries the bytes itself cannot be killed without loss.
    if (scene.mode === 'userspace') return;
    await killAndStart(scene, [2, 4]);
    await killAndStart(scene, [2, 3]);
  },

  'a switch to each other mode and back, by signal': switchRound,

  'a switch to another mode and back, by a new start': async (scene) => {
    const { mode } = scene;
    if (mode === 'userspace') return;
    await startAs(scene, mode === 'nftables' ? 'iptables' : 'nftables');
    await startAs(scene, mode);
  },
};
