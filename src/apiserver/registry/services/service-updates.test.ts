import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Service } from '../../../api/core/v1/service.ts';
import type { JsonObject } from '../../../base/json.ts';
import {
  claimedKeys,
  cidr,
  json,
  refusalOf,
  scopeOf,
  startRegistry,
  type TestRegistry,
} from '../../fixtures/test-registry.ts';
import { claimKeysOf } from './claims.ts';

const port = (changes: JsonObject = {}): JsonObject => ({ port: 80, ...changes });

/**
 * A Service is created, then written again with some fields of its spec replaced (undefined removes a field).
 * Expected: fields of the spec afterwards, or the refusal.
 */
interface Transition {
  readonly from: JsonObject;
  readonly to: JsonObject;
  readonly becomes?: JsonObject;
  readonly refused?: RegExp;
}

const clusterIP = { clusterIP: '10.96.0.77', ports: [port()] };
const nodePort = { ...clusterIP, type: 'NodePort', ports: [port({ nodePort: 30010 })] };
const localBalancer = {
  ...nodePort,
  type: 'LoadBalancer',
  externalTrafficPolicy: 'Local',
  healthCheckNodePort: 30011,
};
const external = { type: 'ExternalName', externalName: 'a.example.com' };

const transitions: Readonly<Record<string, Transition>> = {
  'the cluster IP may be left out': {
    from: clusterIP,
    to: { clusterIP: undefined, clusterIPs: undefined },
    becomes: { clusterIP: '10.96.0.77', clusterIPs: ['10.96.0.77'] },
  },
  'an old client leaves out only the plural': {
    from: clusterIP,
    to: { clusterIPs: undefined },
    becomes: { clusterIPs: ['10.96.0.77'] },
  },
  'an old client clears the singular alone, which changes nothing': {
    from: clusterIP,
    to: { clusterIP: undefined },
    becomes: { clusterIP: '10.96.0.77', clusterIPs: ['10.96.0.77'] },
  },
  'the plural is required where the singular changes': {
    from: clusterIP,
    to: { clusterIP: '10.96.0.78', clusterIPs: undefined },
    refused: /^422 Invalid: Service "web" is invalid: spec\.clusterIPs: Required value$/,
  },
  'the cluster IP may not change': {
    from: clusterIP,
    to: { clusterIP: '10.96.0.78', clusterIPs: ['10.96.0.78'] },
    refused: /spec\.clusterIPs\[0\]: Invalid value: \["10\.96\.0\.78"\]: may not change once set/,
  },
  'nor when an old client changes only the singular': {
    from: clusterIP,
    to: { clusterIP: '10.96.0.78' },
    refused: /spec\.clusterIPs\[0\]: Invalid value: \["10\.96\.0\.78"\]: may not change once set/,
  },
  'a Service does not become headless': {
    from: clusterIP,
    to: { clusterIP: 'None', clusterIPs: ['None'] },
    refused: /spec\.clusterIPs\[0\]: Invalid value: \["None"\]: may not change once set/,
  },
  'a headless Service gets no cluster IP': {
    from: { clusterIP: 'None', selector: { a: 'b' }, ports: [port()] },
    to: { clusterIP: '10.96.0.78', clusterIPs: ['10.96.0.78'] },
    refused: /spec\.clusterIPs\[0\]: Invalid value: \["10\.96\.0\.78"\]: may not change once set/,
  },
  'ClusterIP to NodePort takes a port': {
    from: clusterIP,
    to: { type: 'NodePort', ports: [port({ nodePort: 30012 })] },
    becomes: {
      ports: [{ port: 80, nodePort: 30012, protocol: 'TCP', targetPort: 80 }],
      externalTrafficPolicy: 'Cluster',
    },
  },
  'NodePort to ClusterIP gives the port back': {
    from: nodePort,
    to: { type: 'ClusterIP' },
    becomes: { ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }], externalTrafficPolicy: undefined },
  },
  'NodePort to ClusterIP with another node port': {
    from: nodePort,
    to: { type: 'ClusterIP', ports: [port({ nodePort: 30099 })] },
    refused: /spec\.ports\[0\]\.nodePort: Forbidden: may not be used when `type` is 'ClusterIP'/,
  },
  'a node port left out stays': {
    from: nodePort,
    to: { ports: [port()] },
    becomes: { ports: [{ port: 80, nodePort: 30010, protocol: 'TCP', targetPort: 80 }] },
  },
  'a node port may change': {
    from: nodePort,
    to: { ports: [port({ nodePort: 30013 })] },
    becomes: { ports: [{ port: 80, nodePort: 30013, protocol: 'TCP', targetPort: 80 }] },
  },
  'to ExternalName everything of the network goes': {
    from: nodePort,
    to: external,
    becomes: {
      clusterIP: undefined,
      clusterIPs: undefined,
      ipFamilies: undefined,
      ipFamilyPolicy: undefined,
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    },
  },
  'to ExternalName with another cluster IP': {
    from: clusterIP,
    to: { ...external, clusterIP: '10.96.0.78' },
    refused: /spec\.clusterIPs: Forbidden: may not be set for ExternalName services/,
  },
  'a local load balancer that becomes an external name gives everything back': {
    from: localBalancer,
    to: external,
    becomes: { healthCheckNodePort: undefined, externalTrafficPolicy: undefined, clusterIP: undefined },
  },
  'from ExternalName with a chosen cluster IP': {
    from: external,
    to: { type: 'ClusterIP', clusterIP: '10.96.0.79', ports: [port()] },
    becomes: {
      clusterIP: '10.96.0.79',
      clusterIPs: ['10.96.0.79'],
      ipFamilies: ['IPv4'],
      externalName: 'a.example.com',
    },
  },
  'a local load balancer that becomes NodePort loses its health check': {
    from: localBalancer,
    to: { type: 'NodePort' },
    becomes: {
      healthCheckNodePort: undefined,
      externalTrafficPolicy: 'Local',
      allocateLoadBalancerNodePorts: undefined,
    },
  },
  'a local load balancer that becomes ClusterIP loses its policy, too': {
    from: localBalancer,
    to: { type: 'ClusterIP' },
    becomes: { healthCheckNodePort: undefined, externalTrafficPolicy: undefined },
  },
  'a health check port left out stays': {
    from: localBalancer,
    to: { healthCheckNodePort: undefined },
    becomes: { healthCheckNodePort: 30011 },
  },
  'a health check port may not change': {
    from: localBalancer,
    to: { healthCheckNodePort: 30014 },
    refused: /spec\.healthCheckNodePort: Forbidden: field is immutable/,
  },
  'a load balancer keeps its class': {
    from: { ...localBalancer, loadBalancerClass: 'a.b/c' },
    to: { loadBalancerClass: 'a.b/d' },
    refused: /spec\.loadBalancerClass: Invalid value: "a\.b\/d": may not change once set/,
  },
  'a load balancer without a class gets none': {
    from: localBalancer,
    to: { loadBalancerClass: 'a.b/d' },
    refused: /spec\.loadBalancerClass: Invalid value: "a\.b\/d": may not change once set/,
  },
  'a Service that becomes a load balancer may have a class': {
    from: clusterIP,
    to: { type: 'LoadBalancer', loadBalancerClass: 'a.b/c' },
    becomes: { loadBalancerClass: 'a.b/c', allocateLoadBalancerNodePorts: true },
  },
  'a load balancer that becomes local takes the health check port it asks for': {
    from: { ...nodePort, type: 'LoadBalancer' },
    to: { externalTrafficPolicy: 'Local', healthCheckNodePort: 30015 },
    becomes: { healthCheckNodePort: 30015 },
  },
  'a load balancer that becomes local may not ask for a port out of the range': {
    from: { ...nodePort, type: 'LoadBalancer' },
    to: { externalTrafficPolicy: 'Local', healthCheckNodePort: 80 },
    refused:
      /^422 Invalid: .*spec\.healthCheckNodePort: Invalid value: 80: provided port is not in the valid range\. The range of valid ports is 30000-32767$/,
  },
  'a local load balancer that is no longer local loses its health check': {
    from: localBalancer,
    to: { externalTrafficPolicy: 'Cluster' },
    becomes: { healthCheckNodePort: undefined },
  },
  'a load balancer that becomes NodePort keeps its external policy': {
    from: { ...nodePort, type: 'LoadBalancer', externalTrafficPolicy: 'Cluster' },
    to: { type: 'NodePort' },
    becomes: { externalTrafficPolicy: 'Cluster' },
  },
  'a load balancer that wants no node ports keeps those it has': {
    from: { ...nodePort, type: 'LoadBalancer' },
    to: { allocateLoadBalancerNodePorts: false },
    becomes: { ports: [{ port: 80, nodePort: 30010, protocol: 'TCP', targetPort: 80 }] },
  },
  'a selector may change': {
    from: clusterIP,
    to: { selector: { a: 'c' } },
    becomes: { selector: { a: 'c' } },
  },
  'the class goes with the type': {
    from: { ...localBalancer, loadBalancerClass: 'a.b/c' },
    to: { type: 'NodePort' },
    becomes: { loadBalancerClass: undefined },
  },
};

function replaced(spec: JsonObject, changes: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries({ ...spec, ...changes }).filter(([, value]) => value !== undefined),
  );
}

/** The claims in the store are exactly those that the Services hold. */
async function assertClaimsFit(registry: TestRegistry): Promise<void> {
  const claims = await claimedKeys(registry.store);
  const stored = await registry.store.list('/registry/services/');
  const held = stored.entries.flatMap(({ value }) =>
    claimKeysOf(JSON.parse(Buffer.from(value).toString()) as Service),
  );
  assert.deepEqual([...claims].sort(), held.sort());
}

describe('a Service that changes', () => {
  let registry: TestRegistry;
  before(async () => (registry = await startRegistry()));
  after(() => registry.stop());

  for (const [sentence, { from, to, becomes, refused }] of Object.entries(transitions)) {
    it(sentence, async () => {
      const { write } = registry.resource('services');
      const scope = scopeOf();
      const created = json(await write.create(scope, { metadata: { name: 'web' }, spec: from }));
      try {
        const spec = replaced(created.spec as JsonObject, to);
        const update = write.update(scope, { name: 'web', body: { ...created, spec } });
        if (refused !== undefined) {
          assert.match(await refusalOf(update), refused);
          return;
        }
        const updated = json((await update).object).spec as JsonObject;
        for (const [field, value] of Object.entries(becomes ?? {}))
          assert.deepEqual(updated[field], value, field);
        await assertClaimsFit(registry);
      } finally {
        await write.delete(scope, { name: 'web', options: {} });
        await assertClaimsFit(registry);
      }
    });
  }

  it('is made by a PUT where there was none, which older versions refused', async () => {
    const { write, read } = registry.resource('services');
    const body = { metadata: { name: 'web' }, spec: clusterIP };
    const { isCreated } = await write.update(scopeOf(), { name: 'web', body });
    assert.equal(isCreated, true);
    assert.equal(json(await read.get(scopeOf(), 'web')).kind, 'Service');
    await assertClaimsFit(registry);
    await write.delete(scopeOf(), { name: 'web', options: {} });
  });

  it('gets different node ports for two protocols, unlike a new one', async () => {
    const { write } = registry.resource('services');
    const ports = [port({ name: 'a' }), port({ name: 'b', protocol: 'UDP' })];
    await write.create(scopeOf(), { metadata: { name: 'web' }, spec: { ports } });
    const type = 'application/merge-patch+json';
    const body = { spec: { type: 'NodePort' } };
    const { spec } = (await write.patch(scopeOf(), { name: 'web', type, body })) as Service;
    const [first, second] = spec.ports ?? [];
    assert.ok(first?.nodePort && second?.nodePort && first.nodePort !== second.nodePort);
    await write.delete(scopeOf(), { name: 'web', options: {} });
    await assertClaimsFit(registry);
  });

  it('loses the status of a load balancer it is no longer', async () => {
    const { write } = registry.resource('services');
    const scope = scopeOf();
    const created = json(
      await write.create(scope, { metadata: { name: 'web' }, spec: { ...clusterIP, type: 'LoadBalancer' } }),
    );
    const status = { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } };
    const { object } = await write.update(scope, {
      name: 'web',
      body: { ...created, status },
      subresource: 'status',
    });
    assert.deepEqual(json(object).status, { loadBalancer: { ingress: [{ ip: '1.2.3.4', ipMode: 'VIP' }] } });
    const patch = { spec: { type: 'ClusterIP' } };
    const patched = await write.patch(scope, {
      name: 'web',
      type: 'application/merge-patch+json',
      body: patch,
    });
    assert.deepEqual(json(patched).status, { loadBalancer: {} });
    await write.delete(scope, { name: 'web', options: {} });
  });
});

/** On a cluster with both families: what changes of policy do. */
describe('a Service on a dual-stack cluster', () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry({
      config: { serviceCidrs: [cidr('10.96.0.0/16'), cidr('fd00:10:96::/112')] },
    });
  });
  after(() => registry.stop());

  const change = async (from: JsonObject, to: (spec: JsonObject) => JsonObject): Promise<JsonObject> => {
    const { write } = registry.resource('services');
    const created = json(
      await write.create(scopeOf(), { metadata: { name: 'web' }, spec: { ports: [port()], ...from } }),
    );
    try {
      const spec = replaced(created.spec as JsonObject, to(created.spec as JsonObject));
      const { object } = await write.update(scopeOf(), { name: 'web', body: { ...created, spec } });
      await assertClaimsFit(registry);
      return json(object).spec as JsonObject;
    } finally {
      await write.delete(scopeOf(), { name: 'web', options: {} });
      await assertClaimsFit(registry);
    }
  };

  it('gets a second address when it asks for it', async () => {
    const spec = await change({}, () => ({ ipFamilyPolicy: 'RequireDualStack' }));
    assert.deepEqual(spec.ipFamilies, ['IPv4', 'IPv6']);
    const [first, second] = spec.clusterIPs as string[];
    assert.match(first ?? '', /^10\.96\./);
    assert.match(second ?? '', /^fd00:10:96::/);
    assert.equal(spec.clusterIP, first);
  });

  it('may choose the second address', async () => {
    const spec = await change({ clusterIP: '10.96.0.9' }, () => ({
      ipFamilyPolicy: 'PreferDualStack',
      clusterIPs: ['10.96.0.9', 'fd00:10:96::9'],
    }));
    assert.deepEqual(spec.clusterIPs, ['10.96.0.9', 'fd00:10:96::9']);
  });

  it('gives the second address back by the policy alone', async () => {
    const spec = await change({ ipFamilyPolicy: 'RequireDualStack' }, () => ({
      ipFamilyPolicy: 'SingleStack',
    }));
    assert.deepEqual(spec.ipFamilies, ['IPv4']);
    assert.equal((spec.clusterIPs as string[]).length, 1);
  });

  it('does not give it back without saying so', async () => {
    const dropping = change({ ipFamilyPolicy: 'RequireDualStack' }, ({ clusterIPs }) => ({
      clusterIPs: (clusterIPs as string[]).slice(0, 1),
    }));
    assert.match(
      await refusalOf(dropping),
      /spec\.ipFamilyPolicy: Invalid value: "RequireDualStack": must be 'SingleStack' to release the secondary cluster IP/,
    );
  });

  it('may not swap its families', async () => {
    const swapping = change({ ipFamilyPolicy: 'RequireDualStack' }, ({ clusterIP }) => ({
      clusterIP,
      ipFamilies: ['IPv6', 'IPv4'],
    }));
    assert.match(
      await refusalOf(swapping),
      /422 Invalid: Service "web" is invalid: .*expected an IPv6 value/,
    );
  });

  it('keeps what it has when it merely prefers both', async () => {
    const spec = await change({ ipFamilyPolicy: 'PreferDualStack' }, () => ({ selector: { a: 'b' } }));
    assert.equal((spec.clusterIPs as string[]).length, 2);
  });
});
