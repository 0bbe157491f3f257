import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import type { Manifest } from '../kubectl/manifests.ts';
import { clientPod, echoDeployment, echoService } from './manifests.ts';
import {
  answered,
  assertNoFailures,
  assertRefused,
  nameOf,
  packetCases,
  settled,
  type PacketCase,
  type Scene,
} from './scene.ts';

/** A busy machine may hold a program up; what counts is that no request is lost. */
const PATIENCE_MS = 15_000;
/** For the same reason Pods serve longer than the default of two seconds after they were told to end. */
const drained = { args: ['--drain', '6'], graceSeconds: 15 } as const;

/** Answers that each load must have before the roll-out, and again after it. */
const N_AROUND = 50;

/** 200 new connections a second from a Pod and 100 from a node, and eight clients that keep theirs, through a roll-out. */
async function rollUnderLoad(
  scene: Scene,
  deployment: Manifest,
  roll: () => Promise<unknown>,
): Promise<void> {
  await scene.apply(echoService('web'), deployment, clientPod('client', 'node-2'));
  const replicas = (deployment['spec'] as { readonly replicas: number }).replicas;
  const before = (await scene.ready('web', replicas)).map(nameOf);
  const target = await scene.target('web');
  const pod = await scene.at({ pod: 'client' });
  const node = await scene.at({ node: 'node-3' });
  for (const place of [pod, node]) await settled(place, target, before);
  const load = { ...target, nKeepAlive: 4, timeoutMs: PATIENCE_MS };
  const loads = [await pod.load({ ...load, perSecond: 200 }), await node.load({ ...load, perSecond: 100 })];
  await answered(loads, N_AROUND, before);
  await roll();
  await scene.kubectl.ok('rollout status deployment web --timeout=90s');
  const after = (await scene.ready('web', replicas)).map(nameOf);
  assert.deepEqual(
    after.filter((name) => before.includes(name)),
    [],
    'every Pod is a new one',
  );
  await answered(loads, N_AROUND, after);
  for (const load of loads) {
    const report = await load.end();
    assertNoFailures(report);
    assert.ok(report.nKeptRequests > 0, 'clients kept their connections');
  }
}

const changedTemplate: PacketCase = (scene) => {
  const withVersion = (value: string): Manifest =>
    echoDeployment('web', 4, { ...drained, env: [{ name: 'VERSION', value }] });
  return rollUnderLoad(scene, withVersion('1'), () => scene.apply(withVersion('2')));
};

const restart: PacketCase = (scene) =>
  rollUnderLoad(scene, echoDeployment('web', 6, drained), () =>
    scene.kubectl.ok('rollout restart deployment web'),
  );

const drains: PacketCase = async (scene) => {
  await scene.apply(
    echoService('web'),
    echoDeployment('web', 2, { args: ['--drain', '4'], graceSeconds: 10 }),
    clientPod('client', 'node-2'),
  );
  const [first, second] = await scene.ready('web', 2);
  assert.ok(first !== undefined && second !== undefined);
  const target = await scene.target('web');
  const client = await scene.at({ pod: 'client' });
  await settled(client, target, [nameOf(first), nameOf(second)]);
  await scene.kubectl.ok('scale deployment web --replicas=1');
  const ending = await eventually('a Pod to be ending', async () =>
    [await scene.pod(nameOf(first)), await scene.pod(nameOf(second))].find(
      (pod) => pod.metadata.deletionTimestamp !== undefined,
    ),
  );
  const staying = ending.metadata.name === nameOf(first) ? nameOf(second) : nameOf(first);
  await settled(client, target, [staying]);
  const direct = { host: ending.status?.podIP ?? '', port: 9376 };
  assert.equal(
    await client.text(direct),
    nameOf(ending),
    'a Pod that ends still serves who knows its address',
  );
  await scene.kubectl.ok('scale deployment web --replicas=0');
  const remaining = await eventually('both to be ending', async () => {
    const pod = await scene.pod(staying);
    return pod.metadata.deletionTimestamp === undefined ? undefined : pod;
  });
  const answers = await client.texts({ ...target, n: 20 });
  assert.ok(answers.includes(nameOf(remaining)), 'endpoints that end are used when there are no others');
  await scene.ready('web', 0);
  await assertRefused(client, target);
};

packetCases('a rolling update', {
  'of a changed template loses no request of a steady load': changedTemplate,
  'by rollout restart loses no request of a steady load': restart,
  'finds Pods that serve while they end': drains,
});
