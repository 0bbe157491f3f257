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
  /** The mode to begin and to end with. */
  readonly mode: Mode;
  proxy: Program;
}

const SUBSETS = [[2], [2, 4], [2, 3, 4], [2, 3]] as const;
/** As fast as the API server takes them. */
const CHANGES = 200;
/** What is on its way to a Pod when it is left out still arrives; Pods are given seconds to end in Kubernetes. */
const GRACE_MS = 300;
const PATIENCE_MS = 60_000;
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

/** Rounds of everything that happens to a proxy; each leaves the scene as it found it. */
export const harms: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'endpoints come and go quickly': async ({ canary, callers }) => {
    for (let i = 0; i < CHANGES; i++) {
      await canary.setMembers({ ready: SUBSETS[i % SUBSETS.length] ?? [2] });
    }
    await callers.meet(2, 3);
  },

  'a rolling update': async ({ canary, callers }) => {
    for (const [old, other] of [
      [3, 4],
      [4, 3],
    ] as const) {
      await canary.setMembers({ ready: [2, other], ending: [old] });
      await callers.meet(2, other);
      await canary.setMembers({ ready: [2, other] });
      await sleep(GRACE_MS);
      await canary.killPod(old);
      await canary.startPod(old);
    }
  },

  'kill -9, another world, and a new start': async (scene) => {
    // What carries the bytes itself cannot be killed without loss.
    if (scene.mode === 'userspace') return;
    for (const members of [
      [2, 4],
      [2, 3],
    ] as const) {
      await scene.proxy.kill('SIGKILL');
      await scene.canary.setMembers({ ready: members });
      scene.proxy = startProxy(scene.lab, scene.mode);
      await scene.callers.meet(...members);
    }
  },

  'a switch to each other mode and back, by signal': async (scene) => {
    const others = MODES.filter((mode) => mode !== scene.mode);
    for (const mode of [...others, scene.mode]) {
      await switchTo(scene, mode);
      await scene.canary.setMembers({ ready: [2, 4] });
      await scene.callers.meet(2, 4);
      await scene.canary.setMembers({ ready: [2, 3] });
      await scene.callers.meet(2, 3);
    }
  },

  'a switch to another mode and back, by a new start': async (scene) => {
    if (scene.mode === 'userspace') return;
    const other: Mode = scene.mode === 'nftables' ? 'iptables' : 'nftables';
    for (const mode of [other, scene.mode]) {
      await scene.proxy.kill('SIGTERM');
      scene.proxy = startProxy(scene.lab, mode);
      await awaitMode(scene, mode);
      await scene.callers.meet(2, 3);
    }
  },
};
