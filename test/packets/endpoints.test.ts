import assert from 'node:assert/strict';
import { addresses } from '../../src/testing/addresses.ts';
import { endpoints, endpointSlice } from '../kubectl/manifests.ts';
import { clientPod, echoPod, echoService } from './manifests.ts';
import { assertBalanced, assertRefused, packetCases, settled, type PacketCase } from './scene.ts';

const namedPort: PacketCase = async (scene) => {
  const web = (name: string, number: number, nodeName: string) =>
    echoPod(name, 'web', {
      nodeName,
      args: ['--port', String(number)],
      ports: [{ name: 'web', containerPort: number }],
      readyPort: 'web',
    });
  await scene.apply(
    echoService('web', { ports: [{ port: 80, targetPort: 'web' }] }),
    web('old', 9376, 'node-1'),
    web('new', 9400, 'node-2'),
    clientPod('client', 'node-3'),
  );
  await scene.ready('web', 2);
  await settled(await scene.at({ pod: 'client' }), await scene.target('web'), ['old', 'new']);
};

const severalPorts: PacketCase = async (scene) => {
  const pod = (name: string, port: string, number: number) =>
    echoPod(name, 'many', {
      args: ['--port', String(number)],
      ports: [{ name: port, containerPort: number }],
      readyPort: number,
    });
  await scene.apply(
    echoService('many', {
      ports: [
        { name: 'http', port: 80, targetPort: 'web' },
        { name: 'admin', port: 8443, targetPort: 'admin' },
        { name: 'both', port: 90, targetPort: 9376 },
        { name: 'none', port: 99, targetPort: 'nobody-has-it' },
        { name: 'closed', port: 98, targetPort: 1 },
      ],
    }),
    pod('front', 'web', 9376),
    pod('back', 'admin', 9377),
    clientPod('client', 'node-3'),
  );
  await scene.ready('many', 2);
  const client = await scene.at({ pod: 'client' });
  const { host } = await scene.target('many');
  await settled(client, { host, port: 80 }, ['front']);
  await settled(client, { host, port: 8443 }, ['back']);
  const both = await client.answers({ host, port: 90, n: 40 });
  const outcomes = new Set(both.map(({ text, error }) => text ?? error));
  assert.deepEqual(outcomes, new Set(['front', 'ECONNREFUSED']), 'a number is taken as it is, in each Pod');
  for (const port of [99, 98, 97]) await assertRefused(client, { host, port });
};

const handWritten: PacketCase = async (scene) => {
  const ports = (['TCP', 'UDP'] as const).map((protocol) => ({
    name: protocol.toLowerCase(),
    protocol,
    port: 80,
    targetPort: 18_080,
  }));
  const at = (node: number) =>
    endpoints('outside', [
      {
        addresses: [{ ip: addresses.node(node) }],
        ports: ports.map(({ name, protocol }) => ({ name, protocol, port: 18_080 })),
      },
    ]);
  const [two, three] = [await scene.at({ node: 'node-2' }), await scene.at({ node: 'node-3' })];
  await two.serve('on node-2', 18_080);
  await three.serve('on node-3', 18_080);
  await scene.apply(echoService('outside', { selector: undefined, ports }), clientPod('client', 'node-1'));
  const target = await scene.target('outside');
  const client = await scene.at({ pod: 'client' });
  await assertRefused(client, { ...target, protocol: 'TCP' });
  await scene.apply(at(2));
  for (const place of [client, two, three]) {
    await settled(place, { ...target, protocol: 'TCP' }, ['on node-2']);
    assert.equal(await place.text({ ...target, protocol: 'UDP' }), 'on node-2');
  }
  await scene.apply(at(3));
  for (const place of [client, two, three]) {
    await settled(place, { ...target, protocol: 'TCP' }, ['on node-3']);
    assert.equal(await place.text({ ...target, protocol: 'UDP' }), 'on node-3');
  }
  await scene.apply(
    endpointSlice(
      'outside-by-hand',
      {
        endpoints: [{ addresses: [addresses.node(2)], conditions: { ready: true } }],
        ports: [{ name: 'tcp', protocol: 'TCP', port: 18_080 }],
      },
      { 'kubernetes.io/service-name': 'outside' },
    ),
  );
  await settled(client, { ...target, protocol: 'TCP' }, ['on node-2', 'on node-3']);
};

const notReady: PacketCase = async (scene) => {
  await scene.apply(
    echoService('strict', { selector: { app: 'slow' } }),
    echoService('eager', { selector: { app: 'slow' }, publishNotReadyAddresses: true }),
    echoPod('slow', 'slow', { args: ['--delay-ready', '600'] }),
    clientPod('client', 'node-3'),
  );
  const client = await scene.at({ pod: 'client' });
  await settled(client, await scene.target('eager'), ['slow']);
  await assertRefused(client, await scene.target('strict'));
};

const many: PacketCase = async (scene) => {
  const numbers = Array.from({ length: 40 }, (_, i) => 19_000 + i);
  const server = await scene.at({ node: 'node-2' });
  for (const number of numbers) await server.serve(String(number), number);
  await scene.apply(
    echoService('many', { selector: undefined }),
    endpoints(
      'many',
      numbers.map((port) => ({ addresses: [{ ip: addresses.node(2) }], ports: [{ port }] })),
    ),
    clientPod('client', 'node-1'),
  );
  const target = { ...(await scene.target('many')), protocol: 'TCP' } as const;
  const names = numbers.map(String);
  for (const place of [await scene.at({ pod: 'client' }), await scene.at({ node: 'node-3' })]) {
    await settled(place, target, names);
    assertBalanced(await place.texts({ ...target, n: 800, concurrency: 8 }), names);
  }
};

const apiServer: PacketCase = async (scene) => {
  await scene.apply(clientPod('client', 'node-3'));
  await scene.at({ pod: 'client' });
  const pod = `${scene.namespace}/client`;
  for (const where of [{ pod }, { node: 'node-1' }, { node: 'node-2' }]) {
    const url = 'https://kubernetes.default.svc.cluster.local/version';
    const { stdout, stderr } = await scene.cluster.shell(['curl', '-sk', '-m', '10', url], where);
    assert.match(stdout, /"gitVersion"|"code": ?401/, stderr);
  }
};

packetCases('endpoints', {
  'of a named target port have each Pod’s own number': namedPort,
  'belong to the ports they are named for, when a Service has several': severalPorts,
  'written by hand, as Endpoints or as slices, lead out of the Pods and to where they are changed':
    handWritten,
  'of whatever number share the connections evenly': many,
  'of the API server are behind a cluster IP like others': apiServer,
  'that are not ready are used only where publishNotReadyAddresses says so': notReady,
});
