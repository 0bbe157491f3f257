import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explanationInWords } from './explain-words.ts';
import { serviceFixture, sliceFixture } from './fixtures.ts';
import type { ProxyNode } from './model.ts';
import { createProxyStateTracker } from './proxy-state-tracker.ts';
import type { ProxyStateTracker } from './proxy-state-tracker.ts';

const node: ProxyNode = { name: 'node-1', podCIDRs: [], nodePortAddresses: [], zone: 'a' };
const ending = { ready: false, serving: true, terminating: true } as const;

function explained(tracker: ProxyStateTracker, key = 'default/web'): string[] {
  const explanation = tracker.explain(key);
  assert.ok(explanation);
  return explanationInWords(explanation);
}

describe('why a Service is served as it is', () => {
  it('each endpoint, for clients inside and outside', () => {
    const tracker = createProxyStateTracker({ family: 'IPv4', node });
    const spec = {
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      ports: [{ name: 'http', port: 80, nodePort: 30007 }],
    };
    const annotations = { 'portico.dev/weights': '{"web-3": 0}' };
    tracker.setService('default/web', serviceFixture('web', spec, { annotations }));
    const endpoints = [
      { ip: '10.244.0.1', node: 'node-1', ...ending },
      { ip: '10.244.0.2', node: 'node-1', ready: false },
      { ip: '10.244.1.1', node: 'node-2' },
      { ip: '10.244.1.3', node: 'node-2', pod: 'web-3' },
      { ip: '127.0.0.1', node: 'node-1' },
    ];
    tracker.setSlice('default/a', sliceFixture('a', 'web', { endpoints }));
    tracker.take();
    const everywhere = [
      '  10.244.0.1:9376 (on node-1) it is terminating, and others are ready',
      '  10.244.0.2:9376 (on node-1) it is not ready',
      '  10.244.1.1:9376 (on node-2) is used',
      '  10.244.1.3:9376 (web-3 on node-2) it is drained: its weight is 0',
      '  127.0.0.1:9376 (on node-1) its address is a loopback address',
    ];
    assert.deepEqual(explained(tracker), [
      'endpoint 127.0.0.1 is ignored: its address is a loopback address',
      'cluster IP 10.96.0.10 port 80/TCP for everybody: served: internalTrafficPolicy is Cluster; the ready endpoints count',
      ...everywhere,
      'node port 30007/TCP for clients inside the cluster: served: clients inside the cluster take the short way, whatever the policy; the ready endpoints count',
      ...everywhere,
      'node port 30007/TCP for clients outside of it: served: externalTrafficPolicy is Local; none of this node is ready, so those that still serve while they terminate count',
      '  10.244.0.1:9376 (on node-1) is used',
      '  10.244.0.2:9376 (on node-1) it is not ready',
      '  10.244.1.1:9376 (on node-2) it is on another node',
      '  10.244.1.3:9376 (web-3 on node-2) it is drained: its weight is 0',
      '  127.0.0.1:9376 (on node-1) its address is a loopback address',
    ]);
  });

  it('who is meant for others, who has the node port, and why nobody answers', () => {
    const tracker = createProxyStateTracker({ family: 'IPv4', node });
    const nodePort = { type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30007 }] };
    const old = { created: '2026-01-01T00:00:00Z' };
    tracker.setService('default/old', serviceFixture('old', { ...nodePort, clusterIPs: ['10.96.0.2'] }, old));
    tracker.setService('default/web', serviceFixture('web', nodePort, { created: '2026-02-01T00:00:00Z' }));
    const hinted = (ip: string, zone: string): object => ({ ip, forZones: [zone] });
    const endpoints = [hinted('10.244.0.1', 'a'), hinted('10.244.1.1', 'b')] as { ip: string }[];
    tracker.setSlice('default/a', sliceFixture('a', 'web', { endpoints }));
    tracker.take();
    assert.deepEqual(explained(tracker), [
      'node port 30007/TCP is left to default/old:http/TCP, which has the better claim',
      'cluster IP 10.96.0.10 port 80/TCP for everybody: served: internalTrafficPolicy is Cluster; the ready endpoints that are meant for this zone count',
      '  10.244.0.1:9376 is used',
      '  10.244.1.1:9376 it is meant for other zones',
      'node port 30007/TCP: held by default/old:http/TCP',
    ]);
    assert.deepEqual(explained(tracker, 'default/old'), [
      'cluster IP 10.96.0.2 port 80/TCP for everybody: refused: internalTrafficPolicy is Cluster; no endpoint is usable anywhere',
      'node port 30007/TCP for everybody: refused: externalTrafficPolicy is Cluster; no endpoint is usable anywhere',
    ]);
  });

  const cases: Record<string, { spec?: object; labels?: Record<string, string>; why: string }> = {
    headless: {
      spec: { clusterIP: 'None', clusterIPs: ['None'] },
      why: 'it is headless: clients reach its Pods directly',
    },
    'an ExternalName': {
      spec: { type: 'ExternalName' },
      why: 'it is an ExternalName, which only DNS answers for',
    },
    'without an address': { spec: { clusterIP: '', clusterIPs: [] }, why: 'it has no cluster IP yet' },
    'another proxy’s': {
      labels: { 'service.kubernetes.io/service-proxy-name': 'x' },
      why: 'its label service.kubernetes.io/service-proxy-name leaves it to another proxy, x',
    },
    'of the other family': {
      spec: { clusterIP: 'fd00::1', clusterIPs: ['fd00::1'] },
      why: 'it has no IPv4 address, or no port',
    },
  };
  for (const [name, { spec = {}, labels, why }] of Object.entries(cases)) {
    it(`or is not: ${name}`, () => {
      const tracker = createProxyStateTracker({ family: 'IPv4', node });
      tracker.setService('default/web', serviceFixture('web', spec, labels ? { labels } : {}));
      tracker.take();
      assert.deepEqual(explained(tracker), [`not proxied: ${why}`]);
    });
  }

  it('nothing of a Service that is not there', () => {
    assert.equal(createProxyStateTracker({ family: 'IPv4', node }).explain('default/x'), undefined);
  });
});
