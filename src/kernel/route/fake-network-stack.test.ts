import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeNetworkStack } from './fake-network-stack.ts';

describe('the fake network stack', () => {
  it('keeps the rules of the kernel', () => {
    const pod = fakeNetworkStack();
    const host = fakeNetworkStack(new Map([['/pod', pod]]));
    assert.throws(
      () => host.ensure({ kind: 'address', link: 'v', address: '10.0.0.1/32' }),
      /no network device v/,
    );
    const veth = {
      kind: 'link',
      name: 'v',
      create: { type: 'veth', peer: { name: 'eth0', netnsPath: '/pod' } },
    } as const;
    assert.equal(host.ensure(veth), true);
    assert.equal(host.ensure(veth), false);
    assert.deepEqual(
      pod.links().map((l) => l.name),
      ['lo', 'eth0'],
    );
    assert.equal(host.ensure({ kind: 'route', to: '10.0.0.2/32', link: 'v' }), true);
    assert.equal(host.ensure({ kind: 'link', name: 'v', isUp: true }), true);
    assert.equal(host.links().find((l) => l.name === 'v')?.isUp, true);
    assert.equal(host.list('route').length, 1);
    assert.equal(host.remove({ kind: 'link', name: 'v' }), true);
    assert.equal(host.remove({ kind: 'link', name: 'v' }), false);
    assert.equal(host.list('route').length, 0);
    assert.deepEqual(
      pod.links().map((l) => l.name),
      ['lo'],
    );
    assert.equal(host.sysctl('net.ipv4.ip_forward', '1'), true);
    assert.equal(host.sysctl('net.ipv4.ip_forward', '1'), false);
  });
});
