import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { Service } from '../../../api/core/v1/service.ts';
import { ApiError } from '../../../api/errors/api-error.ts';
import type { KubeObject } from '../../../api/kind.ts';
import type { IPAddress } from '../../../api/networking/v1/ip-address.ts';
import type { JsonObject } from '../../../base/json.ts';
import { createMemoryStore } from '../../../storage/memory/memory-store.ts';
import type { Store } from '../../../storage/store.ts';
import type { Resource } from '../../rest/rest.ts';
import {
  cidr,
  claimedKeys,
  json,
  refusalOf,
  scopeOf,
  startRegistry,
  type TestRegistry,
} from '../../fixtures/test-registry.ts';
import { claimKeysOf } from './claims.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const named = (name: string, spec: JsonObject): JsonObject => ({ metadata: { name }, spec });
const specOf = (object: unknown): Service['spec'] => (object as Service).spec;

describe('what a new Service is allocated', () => {
  let registry: TestRegistry;
  let services: Resource<KubeObject>;
  before(async () => {
    registry = await startRegistry();
    services = registry.resource('services');
  });
  after(() => registry.stop());

  const create = async (spec: JsonObject): Promise<Service['spec']> => {
    const object = await services.write.create(scopeOf(), { metadata: { generateName: 'web-' }, spec });
    return specOf(object);
  };
  const refusal = (spec: JsonObject): Promise<string> =>
    refusalOf(services.write.create(scopeOf(), named('refused', spec)));

  it('an address above those kept for explicit choices', async () => {
    for (let i = 0; i < 20; i++) {
      const { clusterIP = '' } = await create({ ports: [{ port: 80 }] });
      const [a = 0, b = 0, c = 0, d = 0] = clusterIP.split('.').map(Number);
      assert.ok(a === 10 && b >= 96 && b < 112, clusterIP);
      assert.ok((b - 96) * 65536 + c * 256 + d > 256, `${clusterIP} is kept for explicit choices`);
    }
  });

  it('with an IPAddress that says who has it, written in the same commit', async () => {
    await services.write.create(
      scopeOf(),
      named('holder', { clusterIP: '10.96.0.200', ports: [{ port: 80 }] }),
    );
    const { metadata, spec } = (await registry
      .resource('ipaddresses')
      .read.get(scopeOf(''), '10.96.0.200')) as IPAddress;
    assert.deepEqual(spec, { parentRef: { resource: 'services', namespace: 'default', name: 'holder' } });
    assert.deepEqual(metadata.labels, {
      'ipaddress.kubernetes.io/ip-family': 'IPv4',
      'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
    });
    const service = await services.read.get(scopeOf(), 'holder');
    assert.equal(metadata.resourceVersion, service.metadata.resourceVersion, 'one commit wrote both');
    assert.match(metadata.uid ?? '', /^[0-9a-f-]{36}$/);
  });

  it('the address it chooses', async () => {
    assert.equal((await create({ clusterIP: '10.96.0.5', ports: [{ port: 80 }] })).clusterIP, '10.96.0.5');
  });

  it('not an address that is taken', async () => {
    assert.equal(
      await refusal({ clusterIP: '10.96.0.1', ports: [{ port: 80 }] }),
      '422 Invalid: Service "refused" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.1"]: failed to allocate IP 10.96.0.1: provided IP is already allocated',
    );
  });

  for (const ip of ['10.95.255.255', '10.112.0.0', '10.96.0.0', '10.111.255.255']) {
    it(`not ${ip}, which is outside of the range or has another use`, async () => {
      assert.equal(
        await refusal({ clusterIP: ip, ports: [{ port: 80 }] }),
        `422 Invalid: Service "refused" is invalid: spec.clusterIPs: Invalid value: ["${ip}"]: failed to allocate IP ${ip}: the provided IP (${ip}) is not in the valid range. The range of valid IPs is 10.96.0.0/12`,
      );
    });
  }

  it('no address when headless', async () => {
    assert.deepEqual((await create({ clusterIP: 'None', ports: [{ port: 80 }] })).clusterIPs, ['None']);
  });

  it('a node port above those kept for explicit choices', async () => {
    const { ports } = await create({ type: 'NodePort', ports: [{ port: 80 }] });
    const { nodePort = 0 } = ports?.[0] ?? {};
    assert.ok(nodePort >= 30086 && nodePort <= 32767, String(nodePort));
  });

  it('one node port for one port number under two protocols', async () => {
    const ports = [
      { port: 53, name: 'a' },
      { port: 53, name: 'b', protocol: 'UDP' },
      { port: 80, name: 'c' },
    ];
    const [a, b, c] = (await create({ type: 'NodePort', ports })).ports ?? [];
    assert.equal(a?.nodePort, b?.nodePort);
    assert.notEqual(a?.nodePort, c?.nodePort);
  });

  it('the node port that the second of two protocols asks for', async () => {
    const ports = [
      { port: 53, name: 'a' },
      { port: 53, name: 'b', protocol: 'UDP', nodePort: 30053 },
    ];
    const spec = await create({ type: 'NodePort', ports });
    assert.deepEqual(
      spec.ports?.map(({ nodePort }) => nodePort),
      [30053, 30053],
    );
  });

  it('not one node port for two port numbers', async () => {
    const ports = [
      { port: 80, name: 'a', nodePort: 30007 },
      { port: 81, name: 'b', protocol: 'UDP', nodePort: 30007 },
    ];
    assert.equal(
      await refusal({ type: 'NodePort', ports }),
      '422 Invalid: Service "refused" is invalid: spec.ports[1].nodePort: Invalid value: 30007: provided port is already allocated',
    );
  });

  it('not a node port that is taken', async () => {
    await create({ type: 'NodePort', ports: [{ port: 80, nodePort: 30008 }] });
    assert.equal(
      await refusal({ type: 'NodePort', ports: [{ port: 80, nodePort: 30008 }] }),
      '422 Invalid: Service "refused" is invalid: spec.ports[0].nodePort: Invalid value: 30008: provided port is already allocated',
    );
  });

  it('not a node port outside of the range', async () => {
    assert.equal(
      await refusal({ type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }),
      '422 Invalid: Service "refused" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    );
  });

  it('a health check port for a local load balancer, from the same range', async () => {
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [{ port: 80 }] };
    const { healthCheckNodePort = 0, ports } = await create(spec);
    assert.ok(healthCheckNodePort >= 30000 && healthCheckNodePort <= 32767);
    assert.notEqual(healthCheckNodePort, ports?.[0]?.nodePort);
    assert.match(
      await refusal({ ...spec, healthCheckNodePort: 80 }),
      /spec\.healthCheckNodePort: Invalid value: 80: provided port is not in the valid range/,
    );
  });

  it('no node ports for a load balancer that wants none', async () => {
    const { ports } = await create({
      type: 'LoadBalancer',
      allocateLoadBalancerNodePorts: false,
      ports: [
        { port: 80, name: 'a' },
        { port: 81, name: 'b', nodePort: 30009 },
      ],
    });
    assert.deepEqual(
      ports?.map(({ nodePort }) => nodePort),
      [undefined, 30009],
    );
  });

  it('nothing by a dry run, which refuses and answers as the real one does', async () => {
    const before = await registry.store.list('');
    const dry = scopeOf('default', { isDryRun: true });
    const answer = await services.write.create(
      dry,
      named('dry', { type: 'NodePort', ports: [{ port: 80 }] }),
    );
    assert.match(specOf(answer).clusterIP ?? '', /^10\./);
    assert.ok(specOf(answer).ports?.[0]?.nodePort);
    const taken = named('dry', { clusterIP: '10.96.0.1', ports: [{ port: 80 }] });
    assert.match(await refusalOf(services.write.create(dry, taken)), /provided IP is already allocated/);
    assert.equal((await registry.store.list('')).revision, before.revision);
  });
});

describe('a range that is full', () => {
  it('answers so, and goes on when something is given back', async () => {
    // Five usable addresses, of which the kubernetes Service has the first.
    const registry = await startRegistry({
      config: { serviceCidrs: [cidr('10.96.0.0/29')], nodePortRange: { first: 30000, size: 2 } },
    });
    const { write } = registry.resource('services');
    for (let i = 0; i < 5; i++) await write.create(scopeOf(), named(`s${i}`, { ports: [{ port: 80 }] }));
    const more = (): Promise<unknown> => write.create(scopeOf(), named('more', { ports: [{ port: 80 }] }));
    assert.equal(
      await refusalOf(more()),
      '500 InternalError: Internal error occurred: failed to allocate a serviceIP: range is full',
    );
    await write.delete(scopeOf(), { name: 's3', options: {} });
    assert.equal(await refusalOf(more()), 'accepted');
    const ports = [1, 2, 3].map((p) => ({ port: p, name: `p${p}` }));
    assert.equal(
      await refusalOf(
        write.create(scopeOf(), named('ports', { clusterIP: 'None', type: 'NodePort', ports })),
      ),
      `422 Invalid: Service "ports" is invalid: spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`,
    );
    const patch = { spec: { type: 'NodePort', ports } };
    const patching = write.patch(scopeOf(), {
      name: 'more',
      type: 'application/merge-patch+json',
      body: patch,
    });
    assert.equal(
      await refusalOf(patching),
      '500 InternalError: Internal error occurred: failed to allocate a nodePort: range is full',
    );
    await registry.stop();
  });
});

/** Every claim is held by one Service, and every Service holds its claims. */
async function assertConsistent(store: Store): Promise<void> {
  const { entries } = await store.list('/registry/services/');
  const held = entries.flatMap(({ value }) =>
    claimKeysOf(JSON.parse(Buffer.from(value).toString()) as Service),
  );
  assert.equal(new Set(held).size, held.length, 'something is held twice');
  const claims = await claimedKeys(store);
  assert.deepEqual([...claims].sort(), held.sort(), 'claims and Services differ');
}

/** Refusals are fine where many want the same; anything else is not. */
const tolerant = async (request: Promise<unknown>): Promise<void> => {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason === '') throw error;
  }
};

interface Step {
  readonly action: 'create' | 'delete' | 'retype' | 'choose';
  readonly server: number;
  readonly name: string;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  readonly last: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  action: fc.constantFrom('create', 'delete', 'retype', 'choose'),
  server: fc.integer({ min: 0, max: 1 }),
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
  last: fc.integer({ min: 1, max: 14 }),
});

function perform({ write }: Resource<KubeObject>, { action, name, type, last }: Step): Promise<unknown> {
  const scope = scopeOf();
  const spec = { type, externalName: 'a.b', ports: [{ port: 80 }], externalTrafficPolicy: 'Local' };
  switch (action) {
    case 'create':
      return write.create(
        scope,
        named(name, json(type === 'LoadBalancer' ? spec : { ...spec, externalTrafficPolicy: undefined })),
      );
    case 'choose': {
      const ports = [{ port: 80, nodePort: 30000 + (last % 8) }];
      return write.create(scope, named(name, { type: 'NodePort', clusterIP: `10.96.0.${last}`, ports }));
    }
    case 'delete':
      return write.delete(scope, { name, options: {} });
    case 'retype':
      return write.patch(scope, {
        name,
        type: 'application/merge-patch+json',
        body: { spec: { type, externalName: 'a.b' } },
      });
  }
}

describe('claims', () => {
  it('are never held twice and never leak, whatever two servers on one store do at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { maxLength: 8 }),
        async (rounds) => {
          // Small ranges, so that the servers get in each other's way.
          const config = { serviceCidrs: [cidr('10.96.0.0/28')], nodePortRange: { first: 30000, size: 8 } };
          const store = createMemoryStore();
          const servers = [await startRegistry({ store, config }), await startRegistry({ store, config })];
          const services = servers.map((server) => server.resource('services'));
          for (const round of rounds) {
            await Promise.all(
              round.map(async (each) => {
                const resource = services[each.server];
                if (resource !== undefined) await tolerant(perform(resource, each));
              }),
            );
            await assertConsistent(store);
          }
          for (const server of servers) await server.stop();
        },
      ),
      { numRuns: 60 },
    );
  });
});
