import assert from 'node:assert/strict';
import { eventually, runProgram } from '../../src/testing/test-cluster.ts';
import { commandLine, descendantsOf, isRunning, type ProcessId } from '../../src/testing/processes.ts';
import { clientPod, echoDeployment, echoPod, echoService } from './manifests.ts';
import {
  answered,
  assertNoFailures,
  freeNodePort,
  nameOf,
  packetCases,
  settled,
  type PacketCase,
  type Scene,
} from './scene.ts';

/** The program and, above it, the tools that entered its namespaces for it. */
function component(scene: Scene, main: string, name = ''): { program?: ProcessId; tools: ProcessId[] } {
  const found = descendantsOf(scene.cluster.pid).filter(({ pid }) => {
    const line = commandLine(pid);
    return line.includes(`/src/cmd/${main}/main.ts`) && (name === '' || line.includes(`"name":"${name}"`));
  });
  const isProgram = ({ pid }: ProcessId): boolean => /^\S*\/node /.test(commandLine(pid));
  const program = found.find(isProgram);
  return { ...(program === undefined ? {} : { program }), tools: found.filter((p) => !isProgram(p)) };
}

/** Kills it and resolves when another one runs in its place. */
async function killAndWait(scene: Scene, main: string, name?: string): Promise<void> {
  const { program: victim, tools } = component(scene, main, name);
  assert.ok(victim !== undefined, `${main} ${name ?? ''} is found below ${scene.cluster.pid}`);
  // It may have gone with one that was killed just before.
  await runProgram(['kill', '-KILL', String(victim.pid)]);
  // nsenter stops together with the program it waits for; it may be gone with it, too.
  for (const tool of tools.filter(isRunning)) await runProgram(['kill', '-CONT', String(tool.pid)]);
  await eventually(`${main} to be started again`, async () => {
    const { program: next } = component(scene, main, name);
    return next !== undefined && next.pid !== victim.pid && !isRunning(victim) ? true : undefined;
  });
}

/** The processes of the echo programs, and what the API says of their Pods. */
async function runningPods(scene: Scene, n: number): Promise<readonly unknown[]> {
  const pods = await scene.ready('web', n);
  const marker = `--fail-ready-file=/nonexistent/${scene.namespace}`;
  const processes = descendantsOf(scene.cluster.pid).filter(({ pid }) => commandLine(pid).includes(marker));
  assert.ok(processes.length >= n, `${processes.length} processes of ${n} Pods`);
  const seen = pods.map(({ metadata, status }) => ({
    uid: metadata.uid,
    ip: status?.podIP,
    restarts: status?.containerStatuses?.map((c) => c.restartCount),
    startedAt: status?.containerStatuses?.map((c) => c.state?.running?.startedAt),
  }));
  return [
    processes.sort((a, b) => a.pid - b.pid),
    seen.sort((a, b) => String(a.uid).localeCompare(String(b.uid))),
  ];
}

/** Answers that each load must have before the harm, and again after it. */
const N_AROUND = 30;

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
  await answered(loads, N_AROUND);
  await doHarm();
  await answered(loads, N_AROUND);
  assert.deepEqual(await runningPods(scene, 3), before, 'the Pods are the same processes as before');
  await scene.kubectl.ok('scale deployment web --replicas=6');
  const more = (await scene.ready('web', 6)).map(nameOf);
  for (const load of loads) assertNoFailures(await load.end());
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

/** Node 1 carries node ports to the host's loopback. */
const gate: PacketCase = async (scene) => {
  const port = await freeNodePort();
  const service = echoService('web', {
    type: 'NodePort',
    ports: [{ port: 80, targetPort: 9376, nodePort: port }],
  });
  await scene.apply(service, echoDeployment('web', 2));
  const target = { host: '127.0.0.1', port };
  const host = await scene.at('host');
  await settled(host, target, (await scene.ready('web', 2)).map(nameOf));
  await killAndWait(scene, 'node', 'node-1');
  await settled(host, target, (await scene.ready('web', 2)).map(nameOf));
};

/** The process is stopped first, so that it surely misses what happens. */
const missed: PacketCase = async (scene) => {
  const pod = (name: string, nodeName: string) => echoPod(name, 'web', { nodeName, graceSeconds: 1 });
  const ports = (['TCP', 'UDP'] as const).map((protocol) => ({
    name: protocol.toLowerCase(),
    protocol,
    port: 80,
    targetPort: 9376,
  }));
  await scene.apply(
    echoService('web', { ports }),
    echoService('sticky', { selector: { app: 'web' }, sessionAffinity: 'ClientIP' }),
    pod('first', 'node-3'),
    clientPod('client', 'node-2'),
  );
  await scene.ready('web', 1);
  const target = await scene.target('web');
  const flow = { ...target, protocol: 'UDP', sourcePort: 40_055 } as const;
  const sticky = await scene.target('sticky');
  const client = await scene.at({ pod: 'client' });
  await settled(client, target, ['first']);
  await settled(client, sticky, ['first']);
  const answerer = async (): Promise<string | undefined> => (await client.text(flow)).split(' ')[0];
  assert.equal(await answerer(), 'first');
  await scene.apply(pod('second', 'node-1'));
  await scene.ready('web', 2);
  await settled(client, target, ['first', 'second']);
  await killAndWait(scene, 'node', 'node-2');
  await settled(client, target, ['first', 'second']);
  assert.deepEqual(
    [await answerer(), await client.text(sticky)],
    ['first', 'first'],
    'what was known is kept',
  );

  const { program: stopped } = component(scene, 'node', 'node-2');
  assert.ok(stopped !== undefined);
  process.kill(stopped.pid, 'SIGSTOP');
  await scene.kubectl.ok('delete pod first --wait=true');
  await killAndWait(scene, 'node', 'node-2');
  await settled(client, target, ['second']);
  // Flows are ended after the rules are there: what is sent between the two still goes to the Pod that is gone.
  await eventually('the known flow to move', async () => {
    const name = await answerer().catch(() => undefined);
    return name === 'second' ? true : undefined;
  });
  assert.equal(await client.text(sticky), 'second');
};

packetCases('kill -9 under a steady load', {
  'of the control plane fails no request, and what comes later is done': controlPlane,
  'of a node’s process fails no request, keeps its Pods, and what comes later is done': node,
  'of all of them at once fails no request either': all,
  'of a node’s process: known flows and clients are kept, and what it missed is made good': missed,
  'of the node that carries node ports to the host’s loopback is mended': gate,
});
