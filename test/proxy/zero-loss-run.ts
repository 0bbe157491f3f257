import assert from 'node:assert/strict';
import { labAddresses } from '../../src/testing/packet-lab.ts';
import { canaryService, createCanary, slicesWith } from './canary.ts';
import type { Canary } from './canary.ts';
import type { ConnectorReport } from './connector.probe.ts';
import { comeAndGo, remains } from './crowd.ts';
import { awaitMode, harms, startProxy } from './harms.ts';
import type { Mode, Scene } from './harms.ts';
import { createProxyLab, writeStatus } from './proxy-lab.ts';
import type { Program, ProxyLab } from './proxy-lab.ts';
import { createWitness } from './witness.ts';

const node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1' },
  status: {
    addresses: [labAddresses.IPv4.node, labAddresses.IPv6.node].map((address) => ({
      type: 'InternalIP',
      address,
    })),
  },
};

const ranges = '--service-cluster-ip-range=10.96.0.0/12,fd00:10:96::/108';

/** A lab with its canary; ending it ends both. */
export interface Place {
  readonly lab: ProxyLab;
  readonly canary: Canary;
  readonly api: Program;
  close(): Promise<void>;
}

/** A lab with an API server, the canary Service, and Pods 2, 3 and 4; 2 and 3 are its members. */
export async function openZeroLoss(): Promise<Place> {
  const lab = createProxyLab(4);
  const canary = createCanary(lab);
  const close = async (): Promise<void> => {
    await canary.close();
    await lab.close();
  };
  try {
    await Promise.all([2, 3, 4].map((n) => canary.startPod(n)));
    const api = await lab.startApi(ranges);
    await lab.apply(node);
    await writeStatus(lab, node);
    const objects = [canaryService, ...slicesWith('web', { ready: [2, 3] })];
    await canary.write(...objects.map((object) => ({ do: 'put', object }) as const));
    return { lab, canary, api, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export interface Figures extends ConnectorReport {
  readonly mode: Mode;
  /** How often each harm was done. */
  readonly rounds: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** What was seen of connections that failed or were late. */
  readonly looks: readonly string[];
}

export interface CallOptions {
  readonly mode: Mode;
  /** Of each caller at most. */
  readonly perSecond?: number;
  /** After each round. */
  readonly onRound?: ((what: string, soFar: ConnectorReport) => void) | undefined;
  /** Of each connection that failed or was late: what was seen of it. */
  readonly onLook?: ((seen: string) => void) | undefined;
}

export interface RunOptions extends CallOptions {
  /** At least. */
  readonly connections: number;
  /** Others that come and go at the end; 0 = none. */
  readonly services: number;
  /** Harms whose name has this; default: all. */
  readonly only?: string;
}

/** Does every harm round after round until there were enough connections, and each at least once. */
export function runZeroLoss(
  place: Place,
  { connections, services, only = '', ...options }: RunOptions,
): Promise<Figures> {
  const done = Object.entries(harms).filter(([what]) => what.includes(only));
  return underCalls(place, options, async (scene, doRound) => {
    do {
      for (const [what, harm] of done) await doRound(what, () => harm(scene));
    } while (scene.callers.report().n < connections);
    if (services > 0)
      await doRound(`${services} other Services come and go`, () =>
        comeAndGo(place.lab, place.canary, services),
      );
  });
}

type DoRound = (what: string, round: () => Promise<void>) => Promise<void>;

/** Starts a proxy, does this while the canary is called, and ends the proxy with SIGTERM. */
export async function underCalls(
  { lab, canary, api }: Place,
  { mode, perSecond, onRound, onLook }: CallOptions,
  act: (scene: Scene, doRound: DoRound) => Promise<void>,
): Promise<Figures> {
  const proxy = startProxy(lab, mode);
  await awaitMode({ lab, proxy }, mode);
  await canary.isServed();
  const startMs = Date.now();
  let doing = '';
  const witness = createWitness(lab, () => ({ doing, proxy: scene.proxy }), onLook);
  const callers = canary.call({ perSecond, onSuspect: witness.look });
  const scene: Scene = { lab, canary, callers, mode, proxy };
  const rounds: Record<string, number> = {};
  const doRound: DoRound = async (what, round) => {
    doing = what;
    await round();
    rounds[what] = (rounds[what] ?? 0) + 1;
    onRound?.(what, callers.report());
  };
  try {
    await callers.meet(2, 3);
    await act(scene, doRound);
  } catch (error) {
    const [ofProxy, ofApi] = [scene.proxy, api].map((program) => program.output().slice(-5000));
    const looks = (await witness.looks()).join('\n');
    throw new Error(`${looks}\nthe proxy said last:\n${ofProxy}\nthe API server:\n${ofApi}`, {
      cause: error,
    });
  }
  const report = await callers.stop();
  const looks = await witness.looks();
  await scene.proxy.kill('SIGTERM');
  return { ...report, mode, rounds, looks, seconds: Math.round((Date.now() - startMs) / 1000) };
}

/** Throws unless every connection was answered, and by both members. */
export function assertNoLoss({ n, failures, answers, notes, looks }: Figures): void {
  assert.deepEqual(failures, {}, `of ${n} connections\n${[...notes, ...looks].join('\n')}`);
  for (const name of ['pod2', 'pod3']) assert.ok((answers[name] ?? 0) > 0, `${name} answered`);
}

/** `--cleanup`, and what it leaves. */
export async function cleanUp(lab: ProxyLab): Promise<void> {
  const cleanup = lab.startProxy('--cleanup');
  assert.equal(await cleanup.ended, 0, cleanup.output());
  assert.equal(await remains(lab), '');
}
