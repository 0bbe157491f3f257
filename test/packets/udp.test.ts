import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import type { Place } from './place.ts';
import type { Target } from './prober.ts';
import { clientPod, echoDeployment, echoPod, echoService } from './manifests.ts';
import { assertBalanced, assertRefused, nameOf, packetCases, type PacketCase, type Scene } from './scene.ts';

/** `NAME in NAMESPACE answers ADDRESS:PORT: hello` */
const parse = (text: string): { readonly name: string; readonly client: string } => {
  const [, name = '', client = ''] = /^(\S+) (?:in \S+ )?answers (\S+):\d+: hello$/.exec(text) ?? [];
  return { name, client };
};

const service = echoService('dns', { ports: [{ port: 53, targetPort: 9376, protocol: 'UDP' }] });

async function udpTarget(scene: Scene): Promise<Target> {
  return { ...(await scene.target('dns')), protocol: 'UDP' };
}

function answeredBy(place: Place, target: Target, names: readonly string[]): Promise<true> {
  return eventually(`datagrams to be answered by ${names.join(' ')}`, async () => {
    const answers = await place.answers({ ...target, n: 12 * names.length, timeoutMs: 1000 });
    const seen = new Set(answers.map(({ text }) => parse(text ?? '').name));
    return seen.size === names.length && names.every((name) => seen.has(name)) ? true : undefined;
  });
}

/**
 * Sends until it is refused. The flow of a removed Pod is ended just after the rules have changed: a datagram sent in
 * between is lost, as datagrams may be.
 */
function refused(place: Place, target: Target): Promise<true> {
  return eventually(`${target.host} to refuse datagrams`, async () => {
    const [answer] = await place.answers({ ...target, n: 1, timeoutMs: 200 });
    return answer?.error === 'ECONNREFUSED' ? true : undefined;
  });
}

const balance: PacketCase = async (scene) => {
  await scene.apply(service, echoDeployment('dns', 3), clientPod('client', 'node-1'));
  const names = (await scene.ready('dns', 3)).map(nameOf);
  const target = await udpTarget(scene);
  const client = await scene.at({ pod: 'client' });
  const node = await scene.at({ node: 'node-2' });
  for (const place of [client, node]) {
    await answeredBy(place, target, names);
    const answers = (await place.texts({ ...target, n: 400, concurrency: 4 })).map(parse);
    assertBalanced(
      answers.map(({ name }) => name),
      names,
    );
    if (place !== client) continue;
    const { status } = await scene.pod('client');
    assert.deepEqual([...new Set(answers.map((a) => a.client))], [status?.podIP]);
  }
};

const comesAndGoes: PacketCase = async (scene) => {
  await scene.apply(service, clientPod('client', 'node-1'));
  const target = await udpTarget(scene);
  const fixed = { ...target, sourcePort: 40_053 };
  const client = await scene.at({ pod: 'client' });
  await assertRefused(client, target);
  await assertRefused(client, fixed);
  await scene.apply(echoPod('first', 'dns', { nodeName: 'node-2' }));
  await scene.ready('dns', 1);
  await answeredBy(client, fixed, ['first']);
  await scene.kubectl.ok('delete pod first --grace-period=1');
  await refused(client, fixed);
  await assertRefused(client, target);
  await assertRefused(client, fixed);
};

/** A resolver keeps its socket: to the kernel all it sends is one flow, which a lone change of rules does not move. */
const moves: PacketCase = async (scene) => {
  await scene.apply(service, echoPod('first', 'dns', { nodeName: 'node-2' }), clientPod('client', 'node-1'));
  await scene.ready('dns', 1);
  const target = { ...(await udpTarget(scene)), sourcePort: 40_054 };
  const client = await scene.at({ pod: 'client' });
  await answeredBy(client, target, ['first']);
  await scene.apply(echoPod('second', 'dns', { nodeName: 'node-3' }));
  await scene.ready('dns', 2);
  await answeredBy(client, { ...target, sourcePort: 0 }, ['first', 'second']);
  const before = await client.texts({ ...target, n: 20 });
  assert.deepEqual(new Set(before.map((text) => parse(text).name)), new Set(['first']), 'the flow stays');
  await scene.kubectl.ok('delete pod first --grace-period=1 --wait=true');
  const after = await client.texts({ ...target, n: 20 });
  assert.deepEqual(new Set(after.map((text) => parse(text).name)), new Set(['second']));
};

packetCases('UDP', {
  'is spread evenly over the ready Pods, which see the address of the Pod that asks': balance,
  'is refused at once without endpoints, also on a flow that was answered before': comesAndGoes,
  'of one source port stays with its Pod, and moves to another when that one goes': moves,
});
