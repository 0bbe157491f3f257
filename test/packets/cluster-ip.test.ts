import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../src/testing/test-cluster.ts';
import { clientPod, echoDeployment, echoService } from './manifests.ts';
import {
  assertBalanced,
  assertNoFailures,
  assertRefused,
  isReady,
  nameOf,
  packetCases,
  settled,
  type PacketCase,
} from './scene.ts';

/** The address of `ADDRESS:PORT`. */
const addressOf = (text: string): string => text.replace(/:\d+$/, '');

const balance: PacketCase = async (scene) => {
  await scene.apply(echoService('web'), echoDeployment('web', 6), clientPod('client', 'node-2'));
  const names = (await scene.ready('web', 6)).map(nameOf);
  const { host, port } = await scene.target('web');
  const pod = await scene.at({ pod: 'client' });
  const node = await scene.at({ node: 'node-3' });
  const fullName = `web.${scene.namespace}.svc.cluster.local`;
  for (const [place, name] of [
    [pod, host],
    [pod, 'web'],
    [node, host],
    [node, fullName],
  ] as const) {
    await settled(place, { host: name, port }, names);
    assertBalanced(await place.texts({ host: name, port, n: 600, concurrency: 8 }), names);
  }
};

const clientAddress: PacketCase = async (scene) => {
  await scene.apply(echoService('web'), echoDeployment('web', 3), clientPod('client', 'node-2'));
  const pods = await scene.ready('web', 3);
  const nodes = pods.map((pod) => pod.spec.nodeName).sort();
  assert.deepEqual(nodes, ['node-1', 'node-2', 'node-3'], 'the scheduler spreads');
  const target = await scene.target('web');
  const client = await scene.at({ pod: 'client' });
  await settled(client, target, pods.map(nameOf));
  const { status } = await scene.pod('client');
  const seen = await client.texts({ ...target, path: '/clientip', n: 40 });
  assert.deepEqual([...new Set(seen.map(addressOf))], [status?.podIP]);
  const node = await scene.at({ node: 'node-2' });
  await settled(node, target, pods.map(nameOf));
  const fromNode = (await node.texts({ ...target, path: '/clientip', n: 40 })).map(addressOf);
  assert.ok(fromNode.includes('172.18.0.3'), 'a node is seen by its own address');
  assert.deepEqual(
    fromNode.filter((address) => !address.startsWith('172.18.') && !address.startsWith('10.244.1.')),
    [],
  );
};

const scale: PacketCase = async (scene) => {
  const service = echoService('web', {
    ports: [
      { name: 'tcp', port: 80, targetPort: 9376 },
      { name: 'udp', port: 80, targetPort: 9376, protocol: 'UDP' },
    ],
  });
  await scene.apply(
    service,
    echoDeployment('web', 2, { args: ['--drain', '0'] }),
    clientPod('client', 'node-1'),
  );
  const target = await scene.target('web');
  const udp = { ...target, protocol: 'UDP' } as const;
  const places = [await scene.at({ pod: 'client' }), await scene.at({ node: 'node-3' })];
  for (const n of [2, 5, 1]) {
    await scene.kubectl.ok(`scale deployment web --replicas=${n}`);
    const names = (await scene.ready('web', n)).map(nameOf);
    for (const place of places) await settled(place, target, names);
  }
  const loads = await Promise.all(places.map((place) => place.load({ ...target, perSecond: 50 })));
  await scene.kubectl.ok('scale deployment web --replicas=0');
  await scene.ready('web', 0);
  await sleep(200);
  for (const load of loads) {
    const { failures } = await load.end();
    const errors = new Set(failures.map(({ error }) => error));
    // On its way when its Pod ended, or led to a Pod whose address had gone a moment before its endpoint.
    for (const error of ['ECONNRESET', 'EHOSTUNREACH']) errors.delete(error);
    assert.deepEqual([...errors], ['ECONNREFUSED']);
  }
  for (const place of places) {
    await assertRefused(place, target);
    await assertRefused(place, udp);
  }
  await scene.kubectl.ok('scale deployment web --replicas=1');
  const names = (await scene.ready('web', 1)).map(nameOf);
  for (const place of places) await settled(place, target, names);
};

const readiness: PacketCase = async (scene) => {
  const flagOf = (pod: string): string => join(scene.cluster.root, `${pod}.unready`);
  await scene.apply(
    echoService('web'),
    echoDeployment('web', 3, { args: ['--fail-ready-file', flagOf('$(POD_NAME)')] }),
    clientPod('client', 'node-1'),
  );
  const names = (await scene.ready('web', 3)).map(nameOf);
  const [failing = '', ...others] = names;
  const target = await scene.target('web');
  const places = [await scene.at({ pod: 'client' }), await scene.at({ node: 'node-2' })];
  for (const place of places) await settled(place, target, names);
  const loads = await Promise.all(places.map((place) => place.load({ ...target, perSecond: 100 })));
  writeFileSync(flagOf(failing), '');
  await eventually(`${failing} to be seen as not ready`, async () =>
    isReady(await scene.pod(failing)) ? undefined : true,
  );
  for (const place of places) await settled(place, target, others);
  const settledAt = Date.now();
  await sleep(500);
  for (const load of loads) {
    const report = await load.end();
    assertNoFailures(report);
    const last = report.answers[failing]?.startedAt ?? 0;
    assert.ok(last > 0, 'it was in the traffic');
    assert.ok(last <= settledAt, 'it comes back to nobody');
  }
  rmSync(flagOf(failing));
  for (const place of places) await settled(place, target, names);
};

const hairpin: PacketCase = async (scene) => {
  await scene.apply(echoService('web'), echoDeployment('web', 3));
  const names = (await scene.ready('web', 3)).map(nameOf);
  const target = await scene.target('web');
  for (const name of names) {
    const self = await scene.at({ pod: name });
    await settled(self, target, names);
    const answers = await self.texts({ ...target, n: 60 });
    assert.ok(answers.includes(name), `${name} meets itself`);
    assertBalanced(answers, names);
  }
};

const noSuchPort: PacketCase = async (scene) => {
  await scene.apply(echoService('web'), echoDeployment('web', 1), clientPod('client', 'node-1'));
  const names = (await scene.ready('web', 1)).map(nameOf);
  const target = await scene.target('web');
  const client = await scene.at({ pod: 'client' });
  await settled(client, target, names);
  await assertRefused(client, { ...target, port: 81 });
  await assertRefused(client, { ...target, protocol: 'UDP' });
  await scene.kubectl.ok('delete service web');
  await eventually('the address to be nobody’s', async () => {
    const [answer] = await client.answers({ ...target, timeoutMs: 1000 });
    return answer?.text === undefined ? true : undefined;
  });
};

packetCases('a cluster IP', {
  'spreads connections evenly over the ready Pods, by address and by name, from Pods and from nodes': balance,
  'keeps the address of a Pod that calls, on its own node and across nodes': clientAddress,
  'follows a Deployment that is scaled up, down and to zero; then TCP and UDP are refused at once': scale,
  'loses a Pod that is no longer ready, without a failed call, and gets it back': readiness,
  'leads a Pod to itself as to any other': hairpin,
  'refuses ports that the Service does not have, and nobody answers once it is deleted': noSuchPort,
});
