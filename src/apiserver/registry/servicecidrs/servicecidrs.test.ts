import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ServiceCIDR } from '../../../api/networking/v1/service-cidr.ts';
import type { JsonObject } from '../../../base/json.ts';
import { createMemoryStore } from '../../../storage/memory/memory-store.ts';
import {
  cidr,
  json,
  queryOf,
  refusalOf,
  scopeOf,
  settle,
  startRegistry,
  type TestRegistry,
} from '../../fixtures/test-registry.ts';

const cluster = scopeOf('');
const of = (name: string, ...cidrs: string[]): JsonObject => ({ metadata: { name }, spec: { cidrs } });
const withService = (name: string, clusterIP?: string): JsonObject => ({
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...(clusterIP === undefined ? {} : { clusterIP }) },
});

async function ready(registry: TestRegistry, name: string): Promise<string> {
  await settle(10);
  const { status } = (await registry.resource('servicecidrs').read.get(cluster, name)) as ServiceCIDR;
  const found = status?.conditions?.find(({ type }) => type === 'Ready');
  return `${found?.status} ${found?.reason ?? ''}: ${found?.message}`;
}

/** [CIDRs, what is refused; '' when nothing is]. */
const created: Readonly<Record<string, readonly [readonly string[], string]>> = {
  'of one family': [['10.200.0.0/16'], ''],
  'of both families': [['10.200.0.0/16', 'fd00:1::/112'], ''],
  'without CIDRs': [[], 'spec.cidrs: Required value: at least one CIDR required'],
  'of three CIDRs': [
    ['10.0.0.0/16', 'fd00::/112', '10.2.0.0/16'],
    'spec.cidrs: Invalid value: {"CIDRs":["10.0.0.0/16","fd00::/112","10.2.0.0/16"]}: may only hold up to 2 values',
  ],
  'twice of one family': [
    ['10.0.0.0/16', '10.2.0.0/16'],
    'spec.cidrs: Invalid value: ["10.0.0.0/16","10.2.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
  ],
  'of what is no CIDR': [
    ['10.0.0.0'],
    'spec.cidrs[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  ],
  'with leading zeros': [
    ['010.0.0.0/16'],
    'spec.cidrs[0]: Invalid value: "010.0.0.0/16": must not have leading 0s in IP or prefix length',
  ],
  'with bits beyond the prefix': [
    ['10.0.0.1/16'],
    'spec.cidrs[0]: Invalid value: "10.0.0.1/16": must not have bits set beyond the prefix length',
  ],
  'not in canonical form': [
    ['FD00::/112'],
    'spec.cidrs[0]: Invalid value: "FD00::/112": must be in canonical form ("fd00::/112")',
  ],
};

describe('a ServiceCIDR', () => {
  for (const [sentence, [cidrs, refusal]] of Object.entries(created)) {
    it(`${sentence} is ${refusal === '' ? 'accepted' : 'refused'}`, async () => {
      const registry = await startRegistry();
      const creating = registry.resource('servicecidrs').write.create(cluster, of('more', ...cidrs));
      assert.equal(
        await refusalOf(creating),
        refusal === ''
          ? 'accepted'
          : `422 Invalid: ServiceCIDR.networking.k8s.io "more" is invalid: ${refusal}`,
      );
      await registry.stop();
    });
  }

  /** CIDRs before and after -> what is refused. */
  const changed: Readonly<Record<string, readonly [readonly string[], readonly string[], string]>> = {
    'may get a second family': [['10.200.0.0/16'], ['10.200.0.0/16', 'fd00:1::/112'], ''],
    'may not get another block': [
      ['10.200.0.0/16'],
      ['10.201.0.0/16'],
      'spec.cidrs[0]: Invalid value: "10.201.0.0/16": field is immutable',
    ],
    'may not get another first block with the second': [
      ['10.200.0.0/16'],
      ['10.201.0.0/16', 'fd00:1::/112'],
      'spec.cidrs[0]: Invalid value: "10.201.0.0/16": field is immutable',
    ],
    'may not lose a family': [
      ['10.200.0.0/16', 'fd00:1::/112'],
      ['10.200.0.0/16'],
      'spec.cidrs: Invalid value: ["10.200.0.0/16"]: field is immutable',
    ],
  };
  for (const [sentence, [before, after, refusal]] of Object.entries(changed)) {
    it(sentence, async () => {
      const registry = await startRegistry();
      const { write } = registry.resource('servicecidrs');
      await write.create(cluster, of('more', ...before));
      const body = { spec: { cidrs: [...after] } };
      const answer = await refusalOf(
        write.patch(cluster, { name: 'more', type: 'application/merge-patch+json', body }),
      );
      assert.ok(answer.endsWith(refusal === '' ? 'accepted' : `is invalid: ${refusal}`), answer);
      await registry.stop();
    });
  }

  it('exists in every cluster, protected and ready', async () => {
    const registry = await startRegistry({
      config: { serviceCidrs: [cidr('10.96.0.0/12'), cidr('fd00::/112')] },
    });
    assert.equal(await ready(registry, 'kubernetes'), 'True : Kubernetes default Service CIDR is ready');
    const object = (await registry.resource('servicecidrs').read.get(cluster, 'kubernetes')) as ServiceCIDR;
    assert.deepEqual(object.spec.cidrs, ['10.96.0.0/12', 'fd00::/112']);
    assert.deepEqual(object.metadata.finalizers, ['networking.k8s.io/service-cidr-finalizer']);
    await registry.stop();
  });

  it('of one family gets the second when the cluster does', async () => {
    const store = createMemoryStore();
    await (await startRegistry({ store })).stop();
    const serviceCidrs = [cidr('10.96.0.0/12'), cidr('fd00::/112')];
    const registry = await startRegistry({ store, config: { serviceCidrs } });
    const object = (await registry.resource('servicecidrs').read.get(cluster, 'kubernetes')) as ServiceCIDR;
    assert.deepEqual(object.spec.cidrs, ['10.96.0.0/12', 'fd00::/112']);
    await registry.stop();
  });

  it('of other ranges than the configured ones stays, and is told', async () => {
    const store = createMemoryStore();
    await (await startRegistry({ store })).stop();
    const registry = await startRegistry({ store, config: { serviceCidrs: [cidr('10.97.0.0/16')] } });
    await settle(10);
    const object = (await registry.resource('servicecidrs').read.get(cluster, 'kubernetes')) as ServiceCIDR;
    assert.deepEqual(object.spec.cidrs, ['10.96.0.0/12']);
    const { items } = await registry.resource('events').read.list(scopeOf('default'), queryOf());
    assert.deepEqual(
      items.map((event) => json(event).message),
      [
        'The default ServiceCIDR [10.96.0.0/12] does not match the controller flag configurations [10.97.0.0/16]',
      ],
    );
    await registry.stop();
  });

  it('enlarges what can be allocated', async () => {
    const registry = await startRegistry({ config: { serviceCidrs: [cidr('10.96.0.0/30')] } });
    const { write } = registry.resource('services');
    await write.create(scopeOf(), withService('a'));
    assert.match(await refusalOf(write.create(scopeOf(), withService('b'))), /range is full$/);
    assert.match(
      await refusalOf(write.create(scopeOf(), withService('b', '10.200.0.5'))),
      /not in the valid/,
    );
    await registry.resource('servicecidrs').write.create(cluster, of('more', '10.200.0.0/24'));
    const b = json(await write.create(scopeOf(), withService('b'))).spec as { clusterIP: string };
    assert.match(b.clusterIP, /^10\.200\.0\./);
    assert.equal(await refusalOf(write.create(scopeOf(), withService('c', '10.200.0.5'))), 'accepted');
    assert.equal(await ready(registry, 'more'), 'True : Kubernetes Service CIDR is ready');
    await registry.stop();
  });

  it('waits to be deleted until its last address is free and every server has heard of it', async () => {
    const registry = await startRegistry();
    const { write, read } = registry.resource('servicecidrs');
    const services = registry.resource('services').write;
    await write.create(cluster, of('more', '10.200.0.0/24'));
    await services.create(scopeOf(), withService('a', '10.200.0.5'));
    await settle();
    await write.delete(cluster, { name: 'more', options: {} });
    assert.equal(
      await ready(registry, 'more'),
      'False Terminating: There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
    );
    assert.match(
      await refusalOf(services.create(scopeOf(), withService('b', '10.200.0.6'))),
      /not in the valid range/,
    );
    await registry.clock.advance(20_000);
    await settle();
    assert.equal(await refusalOf(read.get(cluster, 'more')), 'accepted');
    await services.delete(scopeOf(), { name: 'a', options: {} });
    await registry.clock.advance(2000);
    await settle(10);
    assert.match(await refusalOf(read.get(cluster, 'more')), /^404/);
    await registry.stop();
  });

  it('goes after ten seconds when another one has its addresses, too', async () => {
    const registry = await startRegistry();
    const { write, read } = registry.resource('servicecidrs');
    await write.create(cluster, of('inner', '10.96.0.0/24'));
    await settle();
    await write.delete(cluster, { name: 'inner', options: {} });
    await registry.clock.advance(9000);
    await settle(10);
    assert.equal(await refusalOf(read.get(cluster, 'inner')), 'accepted');
    await registry.clock.advance(2000);
    await settle(10);
    assert.match(await refusalOf(read.get(cluster, 'inner')), /^404/);
    await registry.stop();
  });

  it('that was deleted is made again when it is the default', async () => {
    const registry = await startRegistry();
    const { write, read } = registry.resource('servicecidrs');
    await registry.resource('services').write.delete(scopeOf(), { name: 'kubernetes', options: {} });
    const found = (await read.get(cluster, 'kubernetes')) as ServiceCIDR;
    const { uid } = found.metadata;
    await write.delete(cluster, { name: 'kubernetes', options: {} });
    await registry.clock.advance(40_000);
    await settle(20);
    const again = (await read.get(cluster, 'kubernetes')) as ServiceCIDR;
    assert.notEqual(again.metadata.uid, uid);
    assert.equal((await registry.resource('ipaddresses').read.list(cluster, queryOf())).items.length, 1);
    await registry.stop();
  });
});

/** name and parentRef -> what is refused. */
const addresses: Readonly<Record<string, readonly [string, JsonObject | undefined, string]>> = {
  'of a Service': ['10.96.0.9', { resource: 'services', namespace: 'default', name: 'a' }, ''],
  'of another group': [
    '2001:db8::ffff',
    { group: 'gateway.networking.k8s.io', resource: 'gateways', namespace: 'foo', name: 'bar' },
    '',
  ],
  'without a parent': ['10.96.0.9', undefined, 'spec.parentRef: Required value'],
  'of a parent without a resource': ['10.96.0.9', { name: 'a' }, 'spec.parentRef.resource: Required value'],
  'of a parent without a name': [
    '10.96.0.9',
    { resource: 'services' },
    'spec.parentRef.name: Required value',
  ],
  'of a parent in a wrong group': [
    '10.96.0.9',
    { group: '-', resource: 'services', name: 'a' },
    `spec.parentRef.group: Invalid value: "-": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  ],
  'of a parent with a slash in its name': [
    '10.96.0.9',
    { resource: 'services', name: 'a/b' },
    `spec.parentRef.name: Invalid value: "a/b": may not contain '/'`,
  ],
  'named otherwise': [
    'web',
    { resource: 'services', name: 'a' },
    'metadata.name: Invalid value: "web": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  'named not canonically': [
    '2001:DB8::1',
    { resource: 'services', name: 'a' },
    'metadata.name: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1")',
  ],
  'named with leading zeros': [
    '10.096.0.9',
    { resource: 'services', name: 'a' },
    'metadata.name: Invalid value: "10.096.0.9": must not have leading 0s',
  ],
};

describe('an IPAddress', () => {
  for (const [sentence, [name, parentRef, refusal]] of Object.entries(addresses)) {
    it(`${sentence} is ${refusal === '' ? 'accepted' : 'refused'}`, async () => {
      const registry = await startRegistry();
      const spec = parentRef === undefined ? {} : { parentRef };
      const body = { metadata: { name }, spec };
      assert.equal(
        await refusalOf(registry.resource('ipaddresses').write.create(cluster, body)),
        refusal === ''
          ? 'accepted'
          : `422 Invalid: IPAddress.networking.k8s.io "${name}" is invalid: ${refusal}`,
      );
      await registry.stop();
    });
  }

  it('keeps its parent', async () => {
    const registry = await startRegistry();
    const { write } = registry.resource('ipaddresses');
    const type = 'application/merge-patch+json';
    const body = { spec: { parentRef: { name: 'other' } } };
    assert.match(
      await refusalOf(write.patch(cluster, { name: '10.96.0.1', type, body })),
      /spec\.parentRef: Invalid value: .*: field is immutable$/,
    );
    const labels = { metadata: { labels: { a: 'b' } } };
    assert.equal(
      await refusalOf(write.patch(cluster, { name: '10.96.0.1', type, body: labels })),
      'accepted',
    );
    await registry.stop();
  });

  it('that somebody made keeps the address from Services', async () => {
    const registry = await startRegistry();
    const spec = { parentRef: { resource: 'gateways', name: 'a' } };
    await registry.resource('ipaddresses').write.create(cluster, { metadata: { name: '10.96.0.9' }, spec });
    assert.match(
      await refusalOf(registry.resource('services').write.create(scopeOf(), withService('a', '10.96.0.9'))),
      /provided IP is already allocated$/,
    );
    await registry.stop();
  });

  it('shows who has it', async () => {
    const registry = await startRegistry();
    const { read, columns } = registry.resource('ipaddresses');
    const object = await read.get(cluster, '10.96.0.1');
    assert.deepEqual(
      columns.slice(0, 2).map((shown) => shown.cell(object, 0)),
      ['10.96.0.1', 'services/default/kubernetes'],
    );
    await registry.stop();
  });
});
