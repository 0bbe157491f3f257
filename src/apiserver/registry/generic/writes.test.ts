import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../../api/kind.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { Resource } from '../../rest/rest.ts';
import {
  json,
  refusalOf,
  scopeOf,
  START_MS,
  startRegistry,
  type TestRegistry,
} from '../../fixtures/test-registry.ts';
import { generateName } from './object-meta.ts';

let registry: TestRegistry;
let maps: Resource<KubeObject>;
before(async () => {
  registry = await startRegistry();
  maps = registry.resource('configmaps');
});
after(() => registry.stop());

let nNames = 0;
const freshName = (): string => `object-${nNames++}`;
const createMap = async (changes: JsonObject = {}, data: JsonObject = {}): Promise<KubeObject> =>
  maps.write.create(scopeOf(), { metadata: { name: freshName(), ...changes }, data });
const merge = 'application/merge-patch+json';

describe('create', () => {
  it('fills in what the server alone decides', async () => {
    const { metadata } = await createMap({
      uid: 'mine',
      selfLink: '/x',
      generation: 7,
      deletionTimestamp: '2020-01-01T00:00:00Z',
      creationTimestamp: '2020-01-01T00:00:00Z',
      managedFields: [{ manager: 'me' }],
    });
    assert.match(metadata.uid ?? '', /^[0-9a-f]{8}-/);
    assert.equal(metadata.creationTimestamp, new Date(START_MS).toISOString().replace('.000', ''));
    assert.match(metadata.resourceVersion ?? '', /^\d+$/);
    assert.deepEqual(Object.keys(metadata).sort(), [
      'creationTimestamp',
      'managedFields',
      'name',
      'namespace',
      'resourceVersion',
      'uid',
    ]);
  });

  it('keeps each owner once, and says so', async () => {
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u' };
    const scope = scopeOf('default', { warnings: [] });
    const ownerReferences = [owner, { ...owner }, { ...owner, uid: 'v' }];
    const created = await maps.write.create(scope, { metadata: { name: 'owned', ownerReferences } });
    assert.deepEqual(
      created.metadata.ownerReferences?.map(({ uid }) => uid),
      ['u', 'v'],
    );
    assert.match(
      scope.warnings[0] ?? '',
      /contains duplicate entries; .* duplicate UID\(s\) observed: \[u\]$/,
    );
    const body = json({ ...created, metadata: { ...created.metadata, ownerReferences } });
    const { object } = await maps.write.update(scope, { name: 'owned', body });
    assert.equal(object.metadata.resourceVersion, created.metadata.resourceVersion);
  });

  it('makes a name out of a prefix', async () => {
    const { metadata } = await maps.write.create(scopeOf(), { metadata: { generateName: 'web-' } });
    assert.match(metadata.name, /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  const refusals: Readonly<Record<string, readonly [JsonObject, RegExp]>> = {
    'no name': [
      { metadata: {} },
      /^422 Invalid: .*metadata\.name: Required value: name or generateName is required$/,
    ],
    'a bad name': [
      { metadata: { name: 'A' } },
      /^422 Invalid: ConfigMap "A" is invalid: metadata\.name: Invalid value: "A"/,
    ],
    'a resource version': [
      { metadata: { name: 'a', resourceVersion: '1' } },
      /^400 BadRequest: resourceVersion should not be set on objects to be created$/,
    ],
    'another namespace': [
      { metadata: { name: 'a', namespace: 'other' } },
      /^400 BadRequest: the namespace of the provided object does not match the namespace sent on the request$/,
    ],
    'another kind': [{ kind: 'Secret', metadata: { name: 'a' } }, /^400 BadRequest: /],
    'an unknown field': [{ metadata: { name: 'a' }, dato: {} }, /^400 BadRequest: .*unknown field "dato"/],
  };
  for (const [what, [body, expected]] of Object.entries(refusals)) {
    it(`refuses ${what}`, async () =>
      assert.match(await refusalOf(maps.write.create(scopeOf(), body)), expected));
  }

  it('warns of unknown fields where the client wants to be warned', async () => {
    const scope = scopeOf('default', { fieldValidation: 'Warn' });
    await maps.write.create(scope, { metadata: { name: freshName() }, dato: {} });
    assert.deepEqual(scope.warnings, ['unknown field "dato"']);
  });

  it('refuses what exists, also by a dry run', async () => {
    const { metadata } = await createMap();
    const body = { metadata: { name: metadata.name } };
    const expected = `409 AlreadyExists: configmaps "${metadata.name}" already exists`;
    assert.equal(await refusalOf(maps.write.create(scopeOf(), body)), expected);
    assert.equal(await refusalOf(maps.write.create(scopeOf('default', { isDryRun: true }), body)), expected);
  });

  it('refuses a namespace that does not exist', async () => {
    const creating = maps.write.create(scopeOf('nowhere'), { metadata: { name: 'a' } });
    assert.equal(await refusalOf(creating), '404 NotFound: namespaces "nowhere" not found');
  });
});

describe('generated names', () => {
  it('are labels, however long the prefix', () => {
    const name = generateName('x'.repeat(80), () => 0);
    assert.equal(name, `${'x'.repeat(58)}bbbbb`);
  });
});

describe('update', () => {
  it('refuses a stale resource version and changes nothing', async () => {
    const first = await createMap();
    const { name } = first.metadata;
    await maps.write.update(scopeOf(), { name, body: { ...json(first), data: { a: '1' } } });
    const stale = maps.write.update(scopeOf(), { name, body: { ...json(first), data: { a: '2' } } });
    assert.equal(
      await refusalOf(stale),
      `409 Conflict: Operation cannot be fulfilled on configmaps "${name}": the object has been modified; please apply your changes to the latest version and try again`,
    );
    assert.deepEqual(json(await maps.read.get(scopeOf(), name)).data, { a: '1' });
  });

  it('overwrites without a resource version, for the kinds that allow it', async () => {
    const { name } = (await createMap()).metadata;
    const { object, isCreated } = await maps.write.update(scopeOf(), {
      name,
      body: { metadata: { name }, data: { b: '1' } },
    });
    assert.deepEqual([json(object).data, isCreated], [{ b: '1' }, false]);
  });

  it('wants a resource version where two writers must not both believe they have won', async () => {
    const leases = registry.resource('leases');
    const object = json(await leases.write.create(scopeOf(), { metadata: { name: 'rv' }, spec: {} }));
    const { resourceVersion: _, ...metadata } = object.metadata as JsonObject;
    assert.equal(
      await refusalOf(leases.write.update(scopeOf(), { name: 'rv', body: { ...object, metadata } })),
      '422 Invalid: Lease.coordination.k8s.io "rv" is invalid: metadata.resourceVersion: Invalid value: "": must be specified for an update',
    );
  });

  it('overwrites a Service that names none', async () => {
    const services = registry.resource('services');
    const object = json(
      await services.write.create(scopeOf(), { metadata: { name: 'rv' }, spec: { ports: [{ port: 80 }] } }),
    );
    const { resourceVersion: _, ...metadata } = object.metadata as JsonObject;
    const body = { ...object, metadata: { ...metadata, labels: { a: 'b' } } };
    const { object: updated } = await services.write.update(scopeOf(), { name: 'rv', body });
    assert.deepEqual(updated.metadata.labels, { a: 'b' });
  });

  it('makes no revision when nothing changes', async () => {
    const object = await createMap({}, { a: '1' });
    const { revision } = await registry.store.list('');
    const updated = await maps.write.update(scopeOf(), { name: object.metadata.name, body: json(object) });
    assert.equal(updated.object.metadata.resourceVersion, object.metadata.resourceVersion);
    assert.equal((await registry.store.list('')).revision, revision);
  });

  it('keeps the system fields that a client leaves out, and refuses to change them', async () => {
    const object = await createMap();
    const { name, uid } = object.metadata;
    const { object: updated } = await maps.write.update(scopeOf(), {
      name,
      body: { metadata: { name }, data: { a: '1' } },
    });
    assert.equal(updated.metadata.uid, uid);
    assert.equal(updated.metadata.creationTimestamp, object.metadata.creationTimestamp);
    const metadata = { name, creationTimestamp: '2020-01-01T00:00:00Z' };
    assert.match(
      await refusalOf(maps.write.update(scopeOf(), { name, body: { metadata } })),
      /metadata\.creationTimestamp: Invalid value: "2020-01-01T00:00:00Z": field is immutable/,
    );
    assert.match(
      await refusalOf(maps.write.update(scopeOf(), { name, body: { metadata: { name, uid: 'other' } } })),
      /^409 Conflict: .*Precondition failed: UID in precondition: other, UID in object meta: /,
    );
  });

  it('refuses a body about another object', async () => {
    const { name } = (await createMap()).metadata;
    assert.equal(
      await refusalOf(maps.write.update(scopeOf(), { name, body: { metadata: { name: 'other' } } })),
      `400 BadRequest: the name of the object (other) does not match the name on the URL (${name})`,
    );
  });

  it('of what does not exist is 404, or a create for the kinds that allow it', async () => {
    const body = { metadata: { name: 'fresh' } };
    assert.equal(
      await refusalOf(maps.write.update(scopeOf(), { name: 'fresh', body })),
      '404 NotFound: configmaps "fresh" not found',
    );
    const endpoints = registry.resource('endpoints');
    const { isCreated, object } = await endpoints.write.update(scopeOf(), { name: 'fresh', body });
    assert.deepEqual([isCreated, object.metadata.name], [true, 'fresh']);
  });

  it('by a dry run answers and changes nothing', async () => {
    const object = await createMap();
    const { name } = object.metadata;
    const dry = scopeOf('default', { isDryRun: true });
    const { object: answer } = await maps.write.update(dry, {
      name,
      body: { ...json(object), data: { a: '1' } },
    });
    assert.deepEqual(json(answer).data, { a: '1' });
    assert.equal(json(await maps.read.get(scopeOf(), name)).data, undefined);
  });

  it('counts generations of the spec only', async () => {
    const deployments = registry.resource('deployments');
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const spec = { selector: { matchLabels: { a: 'b' } }, template };
    const created = await deployments.write.create(scopeOf(), { metadata: { name: 'generations' }, spec });
    assert.equal(created.metadata.generation, 1);
    const name = 'generations';
    const patch = async (body: JsonObject, subresource?: string): Promise<number | undefined> => {
      const request = {
        name,
        type: merge,
        body,
        ...(subresource === undefined ? {} : { subresource }),
      } as const;
      return (await deployments.write.patch(scopeOf(), request)).metadata.generation;
    };
    assert.equal(await patch({ metadata: { labels: { x: 'y' } } }), 1);
    assert.equal(await patch({ spec: { replicas: 3 } }), 2);
    assert.equal(await patch({ status: { replicas: 3 } }, 'status'), 2);
    assert.equal(await patch({ status: { replicas: 4 } }), 2);
    const { status, spec: now } = json(await deployments.read.get(scopeOf(), name));
    assert.deepEqual([(status as JsonObject).replicas, (now as JsonObject).replicas], [3, 3]);
  });
});

describe('patch', () => {
  it('merges, by each of the three ways', async () => {
    const { name } = (await createMap({}, { a: '1', b: '2' })).metadata;
    const patch = async (
      type: 'json' | 'merge' | 'strategic',
      body: JsonObject | JsonObject[],
    ): Promise<unknown> => {
      const full = {
        json: 'application/json-patch+json',
        merge: 'application/merge-patch+json',
        strategic: 'application/strategic-merge-patch+json',
      } as const;
      return json(await maps.write.patch(scopeOf(), { name, type: full[type], body })).data;
    };
    assert.deepEqual(await patch('json', [{ op: 'replace', path: '/data/a', value: 'x' }]), {
      a: 'x',
      b: '2',
    });
    assert.deepEqual(await patch('merge', { data: { b: null, c: '3' } }), { a: 'x', c: '3' });
    assert.deepEqual(await patch('strategic', { data: { a: null } }), { c: '3' });
  });

  it('succeeds however many write at the same time, as do the others that need no version', async () => {
    const { name } = (await createMap()).metadata;
    const patches = Array.from({ length: 100 }, (_, i) =>
      maps.write.patch(scopeOf(), { name, type: merge, body: { data: { [`k${i}`]: 'v' } } }),
    );
    await Promise.all(patches);
    assert.equal(Object.keys(json(await maps.read.get(scopeOf(), name)).data as JsonObject).length, 100);
    const puts = Array.from({ length: 50 }, (_, i) =>
      maps.write.update(scopeOf(), { name, body: { metadata: { name }, data: { n: String(i) } } }),
    );
    const removal = maps.write.delete(scopeOf(), { name, options: {} });
    assert.equal((await Promise.all(puts)).length, 50);
    await removal;
    await assert.rejects(maps.read.get(scopeOf(), name), /not found/);
  });

  it('with a resource version is only for that one', async () => {
    const object = await createMap();
    const { name, resourceVersion = '' } = object.metadata;
    const body = { metadata: { resourceVersion }, data: { a: '1' } };
    await maps.write.patch(scopeOf(), { name, type: merge, body });
    const again = maps.write.patch(scopeOf(), { name, type: merge, body: { ...body, data: { a: '2' } } });
    assert.match(await refusalOf(again), /^409 Conflict: .*the object has been modified/);
  });

  it('refuses what would be invalid, and what is not there', async () => {
    const { name } = (await createMap()).metadata;
    const bad = maps.write.patch(scopeOf(), { name, type: merge, body: { data: { 'a b': 'c' } } });
    assert.match(await refusalOf(bad), /^422 Invalid: .*data\[a b\]: Invalid value/);
    const missing = maps.write.patch(scopeOf(), { name: 'missing', type: merge, body: {} });
    assert.equal(await refusalOf(missing), '404 NotFound: configmaps "missing" not found');
  });
});
