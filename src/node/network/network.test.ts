import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '../../api/core/v1/node.ts';
import { fakeClock } from '../../base/clock.ts';
import type { Change, Informer } from '../../client/informer.ts';
import { fakeNetworkStack } from '../../kernel/route/fake-network-stack.ts';
import { createIpam } from './ipam.ts';
import { followNodeRoutes, nodeRouteOf } from './node-routes.ts';
import { fabricPlan, nodeNetworkPlan, podLinkName, podMac, podNetworkPlan } from './plan.ts';

describe('Pod addresses', () => {
  it('are the lowest free ones, the same for the same owner', () => {
    const ipam = createIpam('10.244.1.0/24', fakeClock());
    assert.equal(ipam.allocate('a'), '10.244.1.2');
    assert.equal(ipam.allocate('b'), '10.244.1.3');
    assert.equal(ipam.allocate('a'), '10.244.1.2');
  });
  it('rest for half a minute before they are used again', async () => {
    const clock = fakeClock();
    const ipam = createIpam('10.244.1.0/24', clock);
    ipam.allocate('a');
    ipam.release('a');
    ipam.release('never');
    assert.equal(ipam.allocate('b'), '10.244.1.3');
    await clock.advance(30_000);
    assert.equal(ipam.allocate('c'), '10.244.1.2');
  });
  it('are used again at once rather than not at all, and then run out', () => {
    const ipam = createIpam('10.244.1.0/30', fakeClock());
    assert.equal(ipam.allocate('a'), '10.244.1.2');
    assert.throws(() => ipam.allocate('b'), /no Pod address is free in 10\.244\.1\.0\/30/);
    ipam.release('a');
    assert.equal(ipam.allocate('b'), '10.244.1.2');
  });
  it('can be reserved by who had them', () => {
    const ipam = createIpam('10.244.1.0/24', fakeClock());
    assert.equal(ipam.reserve('a', '10.244.1.2'), true);
    assert.equal(ipam.reserve('a', '10.244.1.2'), true);
    assert.equal(ipam.reserve('b', '10.244.1.2'), false);
    assert.equal(ipam.reserve('b', '10.9.9.9'), false);
    assert.equal(ipam.allocate('b'), '10.244.1.3');
    assert.throws(() => createIpam('nonsense', fakeClock()), /not a CIDR/);
  });
});

describe('the network plan', () => {
  it('of a Pod holds on a namespace like any other', () => {
    const pod = fakeNetworkStack();
    const node = fakeNetworkStack(new Map([['/ns/pod', pod]]));
    const plan = podNetworkPlan({ podIP: '10.244.0.2', nodeIP: '172.18.0.2', netnsPath: '/ns/pod' });
    for (const object of plan.node) assert.equal(node.ensure(object), true);
    for (const object of plan.pod) pod.ensure(object);
    assert.deepEqual(
      node.list('route').map((r) => r.kind === 'route' && [r.to, r.link, r.source]),
      [['10.244.0.2/32', 'pod0af40002', '172.18.0.2']],
    );
    for (const object of plan.node) assert.equal(node.ensure(object), false);
    assert.ok(podLinkName('255.255.255.255').length <= 15);
    assert.equal(podMac('10.244.0.2'), '0a:58:0a:f4:00:02');
  });
  it('of a node joins it to the fabric', () => {
    const node = fakeNetworkStack();
    const root = fakeNetworkStack(new Map([['/ns/n', node]]));
    const input = {
      fabricAddress: '172.18.0.1/16',
      nodeIP: '172.18.0.2',
      podCIDR: '10.244.0.0/24',
      netnsPath: '/ns/n',
    };
    const plan = nodeNetworkPlan(input);
    for (const object of [...fabricPlan(input), ...plan.fabric]) root.ensure(object);
    for (const object of plan.node) node.ensure(object);
    assert.equal(root.links().find((l) => l.name === 'nodeac120002')?.master, 2);
    assert.deepEqual(
      node.list('route').map((r) => r.kind === 'route' && [r.to, r.via]),
      [
        ['0.0.0.0/0', '172.18.0.1'],
        ['10.244.0.0/24', undefined],
      ],
    );
  });
});

const nodeObject = (name: string, ip: string, podCIDR: string): Node => ({
  metadata: { name },
  spec: { podCIDR },
  status: { addresses: [{ type: 'InternalIP', address: ip }] },
});

describe('routes to other nodes', () => {
  it('follow the nodes', () => {
    const stack = fakeNetworkStack();
    let tell: (change: Change<Node>) => void = () => assert.fail('nobody listens');
    const errors: unknown[] = [];
    const informer: Pick<Informer<Node>, 'onChange'> = {
      onChange: (handler) => {
        tell = handler;
        return () => undefined;
      },
    };
    followNodeRoutes(informer as Informer<Node>, { ownName: 'a', stack, onError: (e) => errors.push(e) });
    const routes = (): unknown => stack.list('route').map((r) => (r.kind === 'route' ? [r.to, r.via] : []));
    const change = (prev: Node | undefined, next: Node | undefined): void => tell({ key: 'x', prev, next });
    change(undefined, nodeObject('a', '172.18.0.2', '10.244.0.0/24'));
    assert.deepEqual(routes(), []);
    const b = nodeObject('b', '172.18.0.3', '10.244.1.0/24');
    change(undefined, b);
    assert.deepEqual(routes(), [['10.244.1.0/24', '172.18.0.3']]);
    const moved = nodeObject('b', '172.18.0.4', '10.244.1.0/24');
    change(b, moved);
    assert.deepEqual(routes(), [['10.244.1.0/24', '172.18.0.4']]);
    const renumbered = nodeObject('b', '172.18.0.4', '10.244.9.0/24');
    change(moved, renumbered);
    assert.deepEqual(routes(), [['10.244.9.0/24', '172.18.0.4']]);
    change(renumbered, undefined);
    assert.deepEqual([routes(), errors], [[], []]);
    assert.deepEqual(nodeRouteOf({ metadata: { name: 'c' }, spec: {} }), {
      name: 'c',
      nodeIP: '',
      podCIDR: '',
    });
  });
});
