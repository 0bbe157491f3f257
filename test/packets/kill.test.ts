import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../src/testing/test-cluster.ts';
import { clientPod, echoDeployment, echoService } from './manifests.ts';
import { nameOf, packetCases, settled, type PacketCase, type Scene } from './scene.ts';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly argv: readonly string[];
}

function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        const argv = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        return [{ pid: Number(name), parent, argv }];
      } catch {
        return []; // it ended meanwhile
      }
    });
}

/** Every process below the supervisor. */
function family(supervisor: number): Process[] {
  const all = processes();
  const isBelow = (process: Process): boolean => {
    for (let p: Process | undefined = process; p !== undefined; p = all.find((q) => q.pid === p?.parent)) {
      if (p.parent === supervisor) return true;
    }
    return false;
  };
  return all.filter(isBelow);
}

/** The program itself, not the tools that entered its namespaces for it. */
function component(scene: Scene, main: string, name?: string): number | undefined {
  const found = family(scene.cluster.pid).find(
    ({ argv }) =>
      /\bnode$/.test(argv[0] ?? '') &&
      argv.some((arg) => arg.endsWith(`/src/cmd/${main}/main.ts`)) &&
      (name === undefined || argv.some((arg) => arg.includes(`"name":"${name}"`))),
  );
  return found?.pid;
}

/** Kills it and resolves when another one runs in its place. */
async function killAndWait(scene: Scene, main: string, name?: string): Promise<void> {
  const pid = component(scene, main, name);
  assert.ok(pid !== undefined, `${main} ${name ?? ''} is found below ${scene.cluster.pid}`);
  process.kill(pid, 'SIGKILL');
  await eventually(`${main} to be started again`, async () => {
    const next = component(scene, main, name);
    return next !== undefined && next !== pid ? true : undefined;
  });
}

/** Process ids of the echo programs, and what the API says of their Pods. */
async function runningPods(scene: Scene, n: number): Promise<readonly unknown[]> {
  const pods = await scene.ready('web', n);
  const marker = `--fail-ready-file=/nonexistent/${scene.namespace}`;
  const pids = family(scene.cluster.pid)
    .filter(({ argv }) => argv.includes(marker))
    .map(({ pid }) => pid);
  const seen = pods.map(({ metadata, status }) => ({
    uid: metadata.uid,
    ip: status?.podIP,
    restarts: status?.containerStatuses?.map((c) => c.restartCount),
    startedAt: status?.containerStatuses?.map((c) => c.state?.running?.startedAt),
  }));
  assert.ok(pids.length >= n, `${pids.length} processes of ${n} Pods`);
  return [pids.sort((a, b) => a - b), seen.sort((a, b) => String(a.uid).localeCompare(String(b.uid)))];
}

async function withLoad(scene: Scene, doHarm: () => Promise<void>): Promise<void> {
  await scene.apply(
    echoService('web'),
    echoDeployment('web', 3, { args: [`--fail-ready-file=/nonexistent/${scene.namespace}`] }),
    clientPod('client-1', 'node-1'),
    clientPod('client-2', 'node-2'),
  );
  const names = (await scene.ready('web', 3)).map(nameOf);
  const target = await scene.target('web');
  const places = [
    await scene.at({ pod: 'client-1' }),
    await scene.at({ pod: 'client-2' }),
    await scene.at({ node: 'node-2' }),
  ];
  for (const place of places) await settled(place, target, names);
  const before = await runningPods(scene, 3);
  const loads = await Promise.all(
    places.map((place) => place.load({ ...target, perSecond: 60, nKeepAlive: 2 })),
  );
  await sleep(500);
  await doHarm();
  await sleep(1000);
  assert.deepEqual(await runningPods(scene, 3), before, 'the Pods are the same processes as before');
  await scene.kubectl.ok('scale deployment web --replicas=6');
  const more = (await scene.ready('web', 6)).map(nameOf);
  for (const load of loads) {
    const { nRequests, failures } = await load.end();
    assert.deepEqual(failures, [], `of ${nRequests}`);
    assert.ok(nRequests > 60);
  }
  for (const place of places) await settled(place, target, more);
  const onNode2 = (await scene.ready('web', 6)).filter((pod) => pod.spec.nodeName === 'node-2');
  assert.equal(onNode2.length, 2, 'the node whose process was killed runs new Pods');
  await scene.kubectl.ok('scale deployment web --replicas=1');
  const [last = ''] = (await scene.ready('web', 1)).map(nameOf);
  for (const place of places) await settled(place, target, [last]);
}

const controlPlane: PacketCase = (scene) => withLoad(scene, () => killAndWait(scene, 'control-plane'));

const node: PacketCase = (scene) => withLoad(scene, () => killAndWait(scene, 'node', 'node-2'));

const all: PacketCase = (scene) =>
  withLoad(scene, async () => {
    const mains = ['node-1', 'node-2', 'node-3'].map((name) => killAndWait(scene, 'node', name));
    await Promise.all([...mains, killAndWait(scene, 'control-plane')]);
  });

packetCases('kill -9 under a steady load', {
  'of the control plane fails no request, and what comes later is done': controlPlane,
  'of a node’s process fails no request, keeps its Pods, and what comes later is done': node,
  'of all of them at once fails no request either': all,
});
