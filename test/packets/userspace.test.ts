import assert from 'node:assert/strict';
import { addresses } from '../../src/testing/addresses.ts';
import { startTestCluster } from '../../src/testing/test-cluster.ts';
import { endpoints } from '../kubectl/manifests.ts';
import { clientPod, echoDeployment, echoPod, echoService } from './manifests.ts';
import { assertRefused, freeNodePort, nameOf, packetCases, settled, type PacketCase } from './scene.ts';

const answererOf = (text: string): string => text.split(' ')[0] ?? '';

const bothProtocols = (nodePort?: number) =>
  (['TCP', 'UDP'] as const).map((protocol) => ({
    name: protocol.toLowerCase(),
    protocol,
    port: 80,
    targetPort: 9376,
    ...(nodePort === undefined ? {} : { nodePort }),
  }));

const takesTurns: PacketCase = async (scene) => {
  await scene.apply(echoService('web', { ports: bothProtocols() }), echoDeployment('web', 3));
  await scene.apply(clientPod('client', 'node-2'));
  const names = (await scene.ready('web', 3)).map(nameOf);
  const target = await scene.target('web');
  for (const place of [await scene.at({ pod: 'client' }), await scene.at({ node: 'node-3' })]) {
    await settled(place, target, names);
    const answers = await place.texts({ ...target, n: 30 });
    for (const name of names) assert.equal(answers.filter((a) => a === name).length, 10, answers.join(' '));
    const udp = (await place.texts({ ...target, protocol: 'UDP', n: 30 })).map(answererOf);
    for (const name of names) assert.equal(udp.filter((a) => a === name).length, 10, udp.join(' '));
  }
  const self = await scene.at({ pod: names[0] ?? '' });
  assert.deepEqual(new Set(await self.texts({ ...target, n: 12 })), new Set(names), 'itself included');
};

const nodePort: PacketCase = async (scene) => {
  const port = await freeNodePort();
  await scene.apply(
    echoService('web', { type: 'NodePort', ports: bothProtocols(port) }),
    echoDeployment('web', 3),
    clientPod('client', 'node-2'),
  );
  const names = (await scene.ready('web', 3)).map(nameOf);
  for (const where of ['fabric', { node: 'node-2' }, { pod: 'client' }] as const) {
    const place = await scene.at(where);
    for (const host of [1, 2, 3].map(addresses.node)) {
      await settled(place, { host, port }, names);
      const udp = await place.texts({ protocol: 'UDP', host, port, n: 6 });
      assert.deepEqual(new Set(udp.map(answererOf)), new Set(names));
    }
  }
  await settled(await scene.at('host'), { host: '127.0.0.1', port }, names);
};

const affinity: PacketCase = async (scene) => {
  await scene.apply(
    echoService('web', { sessionAffinity: 'ClientIP' }),
    echoService('fair', { selector: { app: 'web' } }),
    echoDeployment('web', 3),
    clientPod('client', 'node-2'),
  );
  const names = (await scene.ready('web', 3)).map(nameOf);
  const client = await scene.at({ pod: 'client' });
  await settled(client, await scene.target('fair'), names);
  const target = await scene.target('web');
  const [first = '', ...others] = new Set(await client.texts({ ...target, n: 40 }));
  assert.deepEqual(others, []);
  await scene.kubectl.ok(`delete pod ${first}`);
  await scene.ready('web', 3);
  const [next = '', ...more] = new Set(await client.texts({ ...target, n: 40 }));
  assert.deepEqual(more, []);
  assert.notEqual(next, first);
};

const deadEndpoint: PacketCase = async (scene) => {
  await scene.apply(echoService('web', { selector: undefined }), echoPod('alive', 'web'));
  await scene.apply(clientPod('client', 'node-2'));
  const [pod] = await scene.ready('web', 1);
  const dead = [1, 2, 3].map((n) => ({ ip: addresses.node(n) }));
  const subset = { addresses: [...dead, { ip: pod?.status?.podIP }], ports: [{ port: 9376 }] };
  await scene.apply(endpoints('web', [subset]));
  const client = await scene.at({ pod: 'client' });
  const target = await scene.target('web');
  await settled(client, target, ['alive']);
  assert.deepEqual(new Set(await client.texts({ ...target, n: 40 })), new Set(['alive']));
};

const refused: PacketCase = async (scene) => {
  const port = await freeNodePort();
  await scene.apply(
    echoService('web', { type: 'NodePort', ports: bothProtocols(port) }),
    echoDeployment('web', 1, { args: ['--drain', '0'] }),
    clientPod('client', 'node-2'),
  );
  const names = (await scene.ready('web', 1)).map(nameOf);
  const target = await scene.target('web');
  const client = await scene.at({ pod: 'client' });
  await settled(client, target, names);
  await scene.kubectl.ok('scale deployment web --replicas=0');
  await scene.ready('web', 0);
  const atNodePort = { host: addresses.node(3), port };
  for (const refusing of [target, atNodePort]) {
    await assertRefused(client, refusing);
    await assertRefused(client, { ...refusing, protocol: 'UDP' });
  }
  await scene.kubectl.ok('scale deployment web --replicas=1');
  await settled(client, target, (await scene.ready('web', 1)).map(nameOf));
};

packetCases(
  'the userspace mode',
  {
    'takes turns among the Pods, over TCP and UDP': takesTurns,
    'serves node ports on every node and the loopback of the host': nodePort,
    'keeps a client with its Pod, and moves it when that one goes': affinity,
    'tries another endpoint when one does not answer': deadEndpoint,
    'refuses at once while there are no endpoints': refused,
  },
  () => startTestCluster({ flags: ['--proxy-mode', 'userspace'] }),
);
