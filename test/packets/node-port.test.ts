import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import { addresses } from '../../src/testing/addresses.ts';
import type { Manifest } from '../kubectl/manifests.ts';
import { clientPod, echoDeployment, echoPod, echoService } from './manifests.ts';
import { assertBalanced, assertRefused, freeNodePort, nameOf, packetCases, settled } from './scene.ts';
import type { PacketCase } from './scene.ts';

const nodePortService = (name: string, nodePort: number, spec: Manifest = {}): Manifest =>
  echoService(name, {
    type: 'NodePort',
    ports: (['TCP', 'UDP'] as const).map((protocol) => ({
      name: protocol.toLowerCase(),
      protocol,
      port: 80,
      targetPort: 9376,
      nodePort,
    })),
    ...spec,
  });

const addressOf = (text: string): string => text.replace(/:\d+$/, '');
/** Of `NAME in NAMESPACE answers ADDRESS:PORT: hello`. */
const answererOf = (text: string): string => text.split(' ')[0] ?? '';

const everywhere: PacketCase = async (scene) => {
  const port = await freeNodePort();
  await scene.apply(
    nodePortService('web', port),
    echoDeployment('web', 3),
    ...[clientPod('client', 'node-1')],
  );
  const names = (await scene.ready('web', 3)).map(nameOf);
  const hosts = [1, 2, 3].map(addresses.node);
  const places = await Promise.all([
    scene.at('fabric'),
    scene.at({ node: 'node-2' }),
    scene.at({ pod: 'client' }),
  ]);
  for (const place of places) {
    for (const host of hosts) {
      await settled(place, { host, port }, names);
      const udp = await place.texts({ protocol: 'UDP', host, port, n: 40 });
      assert.deepEqual(new Set(udp.map(answererOf)), new Set(names), `UDP through ${host}`);
    }
  }
  const [fabric] = places;
  assert.ok(fabric !== undefined);
  assertBalanced(await fabric.texts({ host: addresses.node(1), port, n: 300, concurrency: 6 }), names);
};

const loopback: PacketCase = async (scene) => {
  const port = await freeNodePort();
  const target = { host: '127.0.0.1', port };
  const host = await scene.at('host');
  await scene.apply(nodePortService('web', port), echoDeployment('web', 3));
  const names = (await scene.ready('web', 3)).map(nameOf);
  await settled(host, target, names);
  assertBalanced(await host.texts({ ...target, n: 200, concurrency: 6 }), names);
  const udp = await host.texts({ ...target, protocol: 'UDP', n: 60 });
  assert.deepEqual(new Set(udp.map(answererOf)), new Set(names));
  await scene.kubectl.ok('scale deployment web --replicas=0');
  await scene.ready('web', 0);
  for (const { text, error, ms } of await host.answers({ ...target, n: 5 })) {
    assert.match(text ?? error ?? '', /^ECONN(REFUSED|RESET)$/, 'a node port without endpoints');
    // The prober itself gives up after 5 s.
    assert.ok(ms < 4000, `ended only after ${ms} ms`);
  }
  await scene.kubectl.ok('delete service web');
  await eventually('the port to be free again', async () => {
    const [answer] = await host.answers(target);
    return answer?.error === 'ECONNREFUSED' ? true : undefined;
  });
  await assertRefused(host, target);
};

const source: PacketCase = async (scene) => {
  const [cluster, local] = [await freeNodePort(), await freeNodePort()];
  await scene.apply(
    nodePortService('cluster', cluster, { selector: { app: 'web' } }),
    nodePortService('local', local, { selector: { app: 'web' }, externalTrafficPolicy: 'Local' }),
    echoPod('web', 'web', { nodeName: 'node-2' }),
  );
  await scene.ready('web', 1);
  const fabric = await scene.at('fabric');
  const through = (node: number, port: number) => ({ host: addresses.node(node), port });
  for (const [node, port] of [
    [1, cluster],
    [2, cluster],
    [2, local],
  ] as const) {
    await settled(fabric, through(node, port), ['web']);
  }
  const seen = async (node: number, port: number): Promise<string> =>
    addressOf(await fabric.text({ ...through(node, port), path: '/clientip' }));
  assert.equal(await seen(1, cluster), addresses.node(1), 'masqueraded as the node that took it');
  assert.notEqual(await seen(2, cluster), addresses.controlPlane, 'masqueraded on the node of the Pod, too');
  assert.equal(await seen(2, local), addresses.controlPlane, 'policy Local keeps the client');
  const [answer] = await fabric.answers({ ...through(1, local), timeoutMs: 700 });
  assert.equal(answer?.error, 'timeout', 'policy Local: a node without an endpoint drops');
};

const refused: PacketCase = async (scene) => {
  const port = await freeNodePort();
  await scene.apply(nodePortService('web', port), clientPod('client', 'node-1'));
  const places = [
    await scene.at('fabric'),
    await scene.at({ pod: 'client' }),
    await scene.at({ node: 'node-3' }),
  ];
  for (const place of places) {
    for (const n of [1, 2, 3]) {
      const target = { host: addresses.node(n), port };
      await assertRefused(place, target);
      await assertRefused(place, { ...target, protocol: 'UDP' });
    }
  }
};

packetCases('a node port', {
  'answers on every node, to other machines, nodes and Pods, over TCP and UDP': everywhere,
  'answers on the loopback of the host, until the Service is deleted': loopback,
  'masquerades clients under externalTrafficPolicy Cluster, and keeps their address under Local': source,
  'refuses at once while the Service has no endpoints': refused,
});
