import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serverText } from '../../../kernel/ipvs/model.ts';
import { createIpvsRig } from '../../../testing/ipvs-rig.ts';
import type { IpvsRig } from '../../../testing/ipvs-rig.ts';
import { at, key, weights } from '../../../testing/ipvs-web.ts';
import {
  clusterIp,
  endpoints,
  nodePort,
  plan,
  proxyState,
  servicePort,
} from '../../../testing/proxy-fixtures.ts';
import type { ProxyMode } from '../../state/model.ts';

const { cluster, pod, node } = plan.IPv4;
const web = key(cluster(1), 80);
const inside = {
  endpoints: endpoints('IPv4', 1, 2),
  whenEmpty: 'reject',
  masquerade: 'off-cluster',
} as const;
const state = proxyState(
  'IPv4',
  [
    servicePort('web', [
      clusterIp([cluster(1), 80], endpoints('IPv4', 1, 2)),
      nodePort(30007, endpoints('IPv4', 1), { masquerade: 'never', fromCluster: inside }),
    ]),
    servicePort('other', [clusterIp([cluster(2), 80], endpoints('IPv4', 3))]),
  ],
  { ip: node },
);

async function begun(): Promise<{ rig: IpvsRig; mode: ProxyMode }> {
  const rig = createIpvsRig('IPv4');
  const mode = rig.start();
  await mode.sync(state);
  return { rig, mode };
}

const retire = async (mode: ProxyMode): Promise<boolean | undefined> => mode.retire?.(state);
const routes = (rig: IpvsRig): string[] =>
  rig.stack.objects.flatMap((each) => (each.kind === 'route' ? [`${each.to} from ${each.source}`] : []));

function assertNothing(rig: IpvsRig): void {
  assert.deepEqual([[...rig.ipvs.held], rig.virtualIps(), [...rig.nft.ruleset]], [[], [], []]);
  assert.deepEqual(routes(rig), []);
  assert.ok(!rig.stack.links().some(({ name }) => name === 'kube-ipvs0'));
}

describe('when another mode takes over', () => {
  it('everything goes at once while nobody is connected', async () => {
    const { rig, mode } = await begun();
    assert.equal(await retire(mode), false);
    assertNothing(rig);
  });

  it('servers with connections stay without weight, their addresses as routes, until the connections have ended', async () => {
    const { rig, mode } = await begun();
    rig.ipvs.setConnections(web, at(1), { nActive: 1 });
    assert.equal(await retire(mode), true);
    assert.deepEqual([...rig.ipvs.held.keys()], [serverText(web)]);
    assert.deepEqual(weights(rig), { [pod(1)]: 0 });
    assert.deepEqual([rig.virtualIps(), routes(rig)], [[], [`${cluster(1)}/32 from ${node}`]]);
    rig.ipvs.setConnections(web, at(1), { nActive: 0, nInactive: 1 });
    const nWritten = rig.nft.applied.length + rig.ipvs.applied.length;
    assert.equal(await retire(mode), true);
    assert.equal(rig.nft.applied.length + rig.ipvs.applied.length, nWritten);
    rig.ipvs.setConnections(web, at(1), { nInactive: 0 });
    assert.equal(await retire(mode), false);
    assertNothing(rig);
  });

  it('an address stays while a process of this machine has a connection with it for source, whoever serves it', async () => {
    const { rig, mode } = await begun();
    const original = { source: cluster(2), sourcePort: 4711, destination: cluster(2), destinationPort: 80 };
    const reply = { source: pod(3), sourcePort: 9376, destination: node, destinationPort: 4711 };
    rig.conntrack.flows.push({ family: 'IPv4', protocol: 'TCP', original, reply, id: 1 });
    assert.equal(await retire(mode), true);
    assert.deepEqual([[...rig.ipvs.held], routes(rig)], [[], [`${cluster(2)}/32 from ${node}`]]);
    rig.conntrack.flows.pop();
    assert.equal(await retire(mode), false);
    assertNothing(rig);
  });

  it('what stays at an address is refused to new clients unless the other mode serves them', async () => {
    const { rig, mode } = await begun();
    rig.ipvs.setConnections(web, at(1), { nActive: 1 });
    await retire(mode);
    const attempt = {
      client: { kind: 'pod-here', source: pod(9) },
      protocol: 'TCP',
      ip: cluster(1),
      port: 22,
      isLocal: true,
    } as const;
    rig.stack.ensure({ kind: 'address', link: 'eth0', address: `${cluster(1)}/32` });
    assert.deepEqual(rig.outcomes(state, attempt), ['refused']);
  });

  it('servers of node ports and of marks are known again by a later process, which takes them away', async () => {
    const { rig, mode } = await begun();
    const byNode = key(node, 30007);
    const [marked] = [...rig.ipvs.held.values()].filter(({ server }) => server.key.kind === 'mark');
    assert.ok(marked);
    rig.ipvs.setConnections(byNode, at(1), { nActive: 1 });
    rig.ipvs.setConnections(marked.server.key, at(2), { nActive: 1 });
    await retire(mode);
    const left = [serverText(byNode), serverText(marked.server.key)];
    assert.deepEqual([...rig.ipvs.held.keys()].sort(), left.sort());
    assert.equal(await retire(rig.start()), true);
    assert.deepEqual([...rig.ipvs.held.keys()].sort(), left);
    await rig.start().cleanup();
    assertNothing(rig);
  });

  it('and this one is wanted again it goes on where it was, connections too', async () => {
    const { rig, mode } = await begun();
    rig.ipvs.setConnections(web, at(1), { nActive: 1 });
    rig.ipvs.setConnections(key(node, 30007), at(1), { nActive: 1 });
    await retire(mode);
    const next = rig.start();
    const only = proxyState(
      'IPv4',
      [servicePort('web', [clusterIp([cluster(1), 80], endpoints('IPv4', 2))])],
      {
        ip: node,
      },
    );
    await next.sync(only);
    assert.deepEqual(weights(rig), { [pod(1)]: 0, [pod(2)]: 1 });
    assert.deepEqual(weights(rig, key(node, 30007)), { [pod(1)]: 0 });
    assert.deepEqual([rig.virtualIps(), routes(rig)], [[cluster(1)], []]);
    rig.ipvs.setConnections(web, at(1), { nActive: 0 });
    rig.ipvs.setConnections(key(node, 30007), at(1), { nActive: 0 });
    await next.sync(only, new Set());
    assert.deepEqual([weights(rig), [...rig.ipvs.held.keys()]], [{ [pod(2)]: 1 }, [serverText(web)]]);
  });

  it('a cleanup waits for nobody', async () => {
    const { rig, mode } = await begun();
    rig.ipvs.setConnections(web, at(1), { nActive: 1 });
    await retire(mode);
    await mode.cleanup();
    assertNothing(rig);
  });

  it('what kube-proxy has on a device of that name is nobody’s to take away', async () => {
    const rig = createIpvsRig('IPv4');
    rig.stack.ensure({ kind: 'link', name: 'kube-ipvs0', create: { type: 'dummy' } });
    rig.stack.ensure({ kind: 'address', link: 'kube-ipvs0', address: `${cluster(7)}/32` });
    assert.equal(await retire(rig.start()), false);
    assert.deepEqual(rig.virtualIps(), [cluster(7)]);
    assert.deepEqual(rig.nft.applied, []);
  });
});
