import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../base/json.ts';
import { parseFeatureGates } from '../../feature-gates.ts';
import { json, refusalOf, scopeOf, startRegistry, type TestRegistry } from '../../fixtures/test-registry.ts';

const port = (name: string, protocol: string): JsonObject => ({ port: 53, name, protocol });
const start = (gates: string): Promise<TestRegistry> =>
  startRegistry({ config: { featureGates: parseFeatureGates(gates) } });
const merge = 'application/merge-patch+json';

interface Row {
  readonly gates: string;
  readonly name?: string;
  readonly spec: JsonObject;
  /** The end of the answer. */
  readonly answer: RegExp;
}
const lb = { type: 'LoadBalancer', ports: [port('a', 'TCP'), port('b', 'UDP')] };
const sctp = { ports: [port('a', 'SCTP')] };
const rows: Readonly<Record<string, Row>> = {
  'SCTP is a protocol': { gates: '', spec: sctp, answer: /accepted/ },
  'SCTP is none with SCTPSupport off': {
    gates: 'SCTPSupport=false',
    spec: sctp,
    answer: /spec\.ports\[0\]\.protocol: Unsupported value: "SCTP": supported values: "TCP", "UDP"$/,
  },
  'a load balancer may mix protocols': { gates: '', spec: lb, answer: /accepted/ },
  'a load balancer may not mix protocols with MixedProtocolLBService off': {
    gates: 'MixedProtocolLBService=false',
    spec: lb,
    answer: /: cannot create an external load balancer with mix protocols$/,
  },
  'another type may mix protocols all the same': {
    gates: 'MixedProtocolLBService=false',
    spec: { ...lb, type: 'NodePort' },
    answer: /accepted/,
  },
  'a name begins with a letter': {
    gates: '',
    name: '1web',
    spec: sctp,
    answer: /metadata\.name: Invalid value: "1web": a DNS-1035 label must consist/,
  },
  'a name may begin with a digit with RelaxedServiceNameValidation on': {
    gates: 'RelaxedServiceNameValidation=true',
    name: '1web',
    spec: sctp,
    answer: /accepted/,
  },
};

describe('a feature gate', () => {
  for (const [sentence, { gates, name = 'web', spec, answer }] of Object.entries(rows)) {
    it(`decides whether ${sentence}`, async () => {
      const registry = await start(gates);
      const body = { metadata: { name }, spec };
      assert.match(await refusalOf(registry.resource('services').write.create(scopeOf(), body)), answer);
      await registry.stop();
    });
  }

  it('that is turned off leaves what stands alone', async () => {
    const first = await start('');
    const spec = { type: 'LoadBalancer', ports: [port('a', 'TCP'), port('b', 'SCTP')] };
    await first.resource('services').write.create(scopeOf(), { metadata: { name: 'web' }, spec });
    await first.stop();
    const second = await startRegistry({
      store: first.store,
      config: { featureGates: parseFeatureGates('SCTPSupport=false,MixedProtocolLBService=false') },
    });
    const patch = { name: 'web', type: merge, body: { metadata: { labels: { a: 'b' } } } } as const;
    assert.equal(await refusalOf(second.resource('services').write.patch(scopeOf(), patch)), 'accepted');
    await second.stop();
  });

  it('ServiceLBNodePortControl that is off gives every load balancer node ports', async () => {
    const registry = await start('ServiceLBNodePortControl=false');
    const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] };
    const body = { metadata: { name: 'web' }, spec };
    const made = json(await registry.resource('services').write.create(scopeOf(), body)).spec as {
      ports: { nodePort?: number }[];
    };
    assert.ok((made.ports[0]?.nodePort ?? 0) > 0);
    await registry.stop();
  });
});

describe('external IPs', () => {
  const body = (externalIPs: string[]): JsonObject => ({
    metadata: { name: 'web' },
    spec: { ports: [{ port: 80 }], externalIPs },
  });
  const denied =
    '403 Forbidden: services "web" is forbidden: Use of external IPs is denied by admission control';

  it('are refused', async () => {
    const registry = await startRegistry();
    const { write } = registry.resource('services');
    assert.equal(await refusalOf(write.create(scopeOf(), body(['1.2.3.4']))), denied);
    await write.create(scopeOf(), body([]));
    const change = { spec: { externalIPs: ['1.2.3.4'] } };
    const patching = write.patch(scopeOf(), { name: 'web', type: merge, body: change });
    assert.equal(await refusalOf(patching), denied);
    await registry.stop();
  });

  it('that stand may stay and go, but not be joined by others', async () => {
    const first = await startRegistry({ config: { disabledAdmission: ['DenyServiceExternalIPs'] } });
    await first.resource('services').write.create(scopeOf(), body(['1.2.3.4', '1.2.3.5']));
    await first.stop();
    const second = await startRegistry({ store: first.store });
    const { write } = second.resource('services');
    const set = (externalIPs: string[]): Promise<string> =>
      refusalOf(write.patch(scopeOf(), { name: 'web', type: merge, body: { spec: { externalIPs } } }));
    assert.equal(await set(['1.2.3.5', '1.2.3.6']), denied);
    assert.equal(await set(['1.2.3.5']), 'accepted');
    assert.equal(await set(['1.2.3.4']), denied);
    await second.stop();
  });
});
