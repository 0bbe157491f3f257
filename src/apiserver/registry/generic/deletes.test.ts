import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../../api/kind.ts';
import type { JsonObject } from '../../../base/json.ts';
import { createMemoryStore } from '../../../storage/memory/memory-store.ts';
import type { Resource } from '../../rest/rest.ts';
import {
  json,
  queryOf,
  refusalOf,
  scopeOf,
  startRegistry,
  type TestRegistry,
} from '../../fixtures/test-registry.ts';

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

describe('delete', () => {
  it('answers a Status that says what is gone', async () => {
    const { name, uid } = (await createMap()).metadata;
    assert.deepEqual(await maps.write.delete(scopeOf(), { name, options: {} }), {
      apiVersion: 'v1',
      kind: 'Status',
      metadata: {},
      status: 'Success',
      details: { name, kind: 'configmaps', uid },
    });
    assert.match(await refusalOf(maps.read.get(scopeOf(), name)), /^404 NotFound/);
    assert.match(await refusalOf(maps.write.delete(scopeOf(), { name, options: {} })), /^404 NotFound/);
  });

  it('checks preconditions', async () => {
    const { name, resourceVersion, uid } = (await createMap()).metadata;
    const remove = (preconditions: { uid?: string; resourceVersion?: string }): Promise<string> =>
      refusalOf(maps.write.delete(scopeOf(), { name, options: { preconditions } }));
    assert.match(
      await remove({ uid: 'other' }),
      /^409 Conflict: .*the UID in the precondition \(other\) does not match/,
    );
    assert.match(
      await remove({ resourceVersion: '1' }),
      /^409 Conflict: .*the ResourceVersion in the precondition \(1\)/,
    );
    assert.equal(await remove({ uid: uid ?? '', resourceVersion: resourceVersion ?? '' }), 'accepted');
  });

  it('waits for the last finalizer', async () => {
    const { name } = (await createMap({ finalizers: ['example.com/a', 'example.com/b'] })).metadata;
    const marked = json(await maps.write.delete(scopeOf(), { name, options: {} }));
    const metadata = marked.metadata as JsonObject;
    assert.deepEqual(
      [metadata.deletionTimestamp, metadata.deletionGracePeriodSeconds],
      ['2026-01-01T00:00:00Z', 0],
    );
    const patch = (finalizers: string[] | null): Promise<string> =>
      refusalOf(maps.write.patch(scopeOf(), { name, type: merge, body: { metadata: { finalizers } } }));
    assert.equal(
      await patch(['example.com/a', 'example.com/c']),
      `422 Invalid: ConfigMap "${name}" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/c"}`,
    );
    assert.equal(await patch(['example.com/b']), 'accepted');
    assert.equal(await refusalOf(maps.read.get(scopeOf(), name)), 'accepted');
    assert.equal(await patch(null), 'accepted');
    assert.match(await refusalOf(maps.read.get(scopeOf(), name)), /^404 NotFound/);
  });

  for (const [policy, finalizer] of [
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan'],
  ] as const) {
    it(`leaves the owned objects to the collector when the policy is ${policy}`, async () => {
      const { name } = (await createMap()).metadata;
      const marked = json(
        await maps.write.delete(scopeOf(), { name, options: { propagationPolicy: policy } }),
      );
      assert.deepEqual((marked.metadata as JsonObject).finalizers, [finalizer]);
      // A later wish for the background lets it go.
      await maps.write.delete(scopeOf(), { name, options: { propagationPolicy: 'Background' } });
      assert.match(await refusalOf(maps.read.get(scopeOf(), name)), /^404 NotFound/);
    });
  }

  it('leaves the Pods of a Job or ReplicationController alone, unless the client says otherwise', async () => {
    const controllers = registry.resource('replicationcontrollers');
    const metadata = { labels: { a: 'b' } };
    const template = { metadata, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const spec = { selector: { a: 'b' }, template };
    for (const [name, options, expected] of [
      ['quiet', {}, ['orphan']],
      ['told', { propagationPolicy: 'Foreground' }, ['foregroundDeletion']],
    ] as const) {
      await controllers.write.create(scopeOf(), { metadata: { name }, spec });
      const left = json(await controllers.write.delete(scopeOf(), { name, options }));
      assert.deepEqual((left.metadata as { finalizers?: unknown }).finalizers, expected);
    }
  });

  it('by a dry run deletes nothing', async () => {
    const { name } = (await createMap()).metadata;
    await maps.write.delete(scopeOf('default', { isDryRun: true }), { name, options: {} });
    assert.equal(await refusalOf(maps.read.get(scopeOf(), name)), 'accepted');
  });

  it('of a collection takes what is selected', async () => {
    await createMap({ name: 'c1', labels: { group: 'x' } });
    await createMap({ name: 'c2', labels: { group: 'x' } });
    await createMap({ name: 'c3', labels: { group: 'y' } });
    const request = { query: queryOf({ labels: 'group=x' }), options: {} };
    const { items } = await maps.write.deleteCollection(scopeOf(), request);
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      ['c1', 'c2'],
    );
    const left = await maps.read.list(scopeOf(), queryOf({ labels: 'group' }));
    assert.deepEqual(
      left.items.map(({ metadata }) => metadata.name),
      ['c3'],
    );
  });

  it('of a Service takes hand-written Endpoints of its name along', async () => {
    const services = registry.resource('services');
    const endpoints = registry.resource('endpoints');
    await services.write.create(scopeOf(), { metadata: { name: 'manual' }, spec: { ports: [{ port: 80 }] } });
    const subsets = [{ addresses: [{ ip: '192.0.2.42' }], ports: [{ port: 9376 }] }];
    await endpoints.write.create(scopeOf(), { metadata: { name: 'manual' }, subsets });
    await services.write.delete(scopeOf(), { name: 'manual', options: {} });
    assert.match(await refusalOf(endpoints.read.get(scopeOf(), 'manual')), /^404 NotFound/);
  });
});

describe('a Pod that is deleted', () => {
  const spec = { containers: [{ name: 'c', image: 'i' }] };
  const pods = (): Resource<KubeObject> => registry.resource('pods');
  const scheduled = async (changes: JsonObject = {}): Promise<string> => {
    const name = freshName();
    await pods().write.create(scopeOf(), {
      metadata: { name },
      spec: { ...spec, nodeName: 'node-1', ...changes },
    });
    return name;
  };
  const meta = async (name: string): Promise<unknown[]> => {
    const { metadata } = await pods().read.get(scopeOf(), name);
    return [metadata.deletionTimestamp, metadata.deletionGracePeriodSeconds, metadata.generation];
  };
  const remove = (name: string, gracePeriodSeconds?: number): Promise<unknown> =>
    pods().write.delete(scopeOf(), {
      name,
      options: gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds },
    });

  it('goes at once when it runs nowhere', async () => {
    const name = freshName();
    await pods().write.create(scopeOf(), { metadata: { name }, spec });
    assert.equal(json(await remove(name)).kind, 'Pod');
    assert.match(await refusalOf(pods().read.get(scopeOf(), name)), /^404 NotFound/);
  });

  it('has its own time to stop', async () => {
    const name = await scheduled();
    assert.equal(json(await remove(name)).kind, 'Pod');
    assert.deepEqual(await meta(name), ['2026-01-01T00:00:30Z', 30, 2]);
  });

  it('may be given less time later, but not more', async () => {
    const name = await scheduled({ terminationGracePeriodSeconds: 10 });
    await remove(name, 20);
    await remove(name, 5);
    assert.deepEqual(await meta(name), ['2026-01-01T00:00:05Z', 5, 2]);
    await remove(name, 60);
    await remove(name);
    assert.deepEqual(await meta(name), ['2026-01-01T00:00:05Z', 5, 2]);
  });

  it('may be given more time than there is, and less later', async () => {
    const name = await scheduled({ terminationGracePeriodSeconds: Number.MAX_SAFE_INTEGER });
    await remove(name);
    assert.deepEqual(await meta(name), ['9999-12-31T23:59:59Z', Number.MAX_SAFE_INTEGER, 2]);
    await remove(name, 5);
    assert.deepEqual((await meta(name))[1], 5);
    await remove(name, 0);
    assert.match(await refusalOf(pods().read.get(scopeOf(), name)), /^404 NotFound/);
  });

  it('goes when its node says that it has stopped', async () => {
    const name = await scheduled();
    await remove(name);
    await remove(name, 0);
    assert.match(await refusalOf(pods().read.get(scopeOf(), name)), /^404 NotFound/);
  });

  it('stays for its finalizers even then', async () => {
    const name = await scheduled();
    const finalizers = ['example.com/a'];
    await pods().write.patch(scopeOf(), { name, type: merge, body: { metadata: { finalizers } } });
    await remove(name, 0);
    assert.deepEqual((await meta(name))[1], 0);
    await pods().write.patch(scopeOf(), { name, type: merge, body: { metadata: { finalizers: null } } });
    assert.match(await refusalOf(pods().read.get(scopeOf(), name)), /^404 NotFound/);
  });
});

describe('namespaces', () => {
  const namespaces = (): Resource<KubeObject> => registry.resource('namespaces');

  it('say their name in a label and are held by their controller', async () => {
    const object = json(await namespaces().write.create(scopeOf(''), { metadata: { name: 'labelled' } }));
    assert.deepEqual((object.metadata as JsonObject).labels, { 'kubernetes.io/metadata.name': 'labelled' });
    assert.deepEqual([object.spec, object.status], [{ finalizers: ['kubernetes'] }, { phase: 'Active' }]);
  });

  it('take nothing new while they go, and go when their finalizers are gone', async () => {
    await namespaces().write.create(scopeOf(''), { metadata: { name: 'leaving' } });
    await maps.write.create(scopeOf('leaving'), { metadata: { name: 'a' } });
    const marked = json(await namespaces().write.delete(scopeOf(''), { name: 'leaving', options: {} }));
    assert.deepEqual([marked.kind, marked.status], ['Namespace', { phase: 'Terminating' }]);
    const late = await maps.write
      .create(scopeOf('leaving'), { metadata: { name: 'b' } })
      .catch((error: unknown) => error);
    const { status } = late as { status: JsonObject };
    assert.equal(
      status.message,
      'configmaps "b" is forbidden: unable to create new content in namespace leaving because it is being terminated',
    );
    assert.deepEqual((status.details as JsonObject).causes, [
      {
        reason: 'NamespaceTerminating',
        message: 'namespace leaving is being terminated',
        field: 'metadata.namespace',
      },
    ]);
    // A second delete changes nothing; the spec's finalizers do not go by an ordinary update.
    await namespaces().write.delete(scopeOf(''), { name: 'leaving', options: {} });
    await namespaces().write.update(scopeOf(''), { name: 'leaving', body: { ...marked, spec: {} } });
    assert.equal(await refusalOf(namespaces().read.get(scopeOf(''), 'leaving')), 'accepted');
    const current = json(await namespaces().read.get(scopeOf(''), 'leaving'));
    await namespaces().write.update(scopeOf(''), {
      name: 'leaving',
      body: { ...current, spec: {} },
      subresource: 'finalize',
    });
    assert.match(await refusalOf(namespaces().read.get(scopeOf(''), 'leaving')), /^404 NotFound/);
  });

  it('of the system cannot be deleted', async () => {
    assert.equal(
      await refusalOf(namespaces().write.delete(scopeOf(''), { name: 'default', options: {} })),
      '403 Forbidden: namespaces "default" is forbidden: this namespace may not be deleted',
    );
  });

  it('have a phase that says whether they go', async () => {
    const body = { metadata: { name: 'default' }, status: { phase: 'Terminating' } };
    assert.match(
      await refusalOf(
        namespaces().write.update(scopeOf(''), { name: 'default', body, subresource: 'status' }),
      ),
      /status\.Phase: Invalid value: "Terminating": may only be 'Active' if `deletionTimestamp` is empty/,
    );
  });

  it('refuse a namespace of their own, and finalizers that mean nothing', async () => {
    const create = (body: JsonObject): Promise<string> =>
      refusalOf(namespaces().write.create(scopeOf(''), body));
    assert.match(
      await create({ metadata: { name: 'x', namespace: 'y' } }),
      /metadata\.namespace: Forbidden: not allowed on this type/,
    );
    assert.match(
      await create({ metadata: { name: 'x' }, spec: { finalizers: ['odd'] } }),
      /spec\.finalizers\[1\]: Invalid value: "odd": name is neither a standard finalizer name nor is it fully qualified/,
    );
  });
});

describe('two servers on one store', () => {
  it('see and respect what the other has written', async () => {
    const store = createMemoryStore();
    const [one, other] = [await startRegistry({ store }), await startRegistry({ store })];
    const [a, b] = [one.resource('configmaps'), other.resource('configmaps')];
    const created = await a.write.create(scopeOf(), { metadata: { name: 'shared' } });
    const read = await b.read.get(scopeOf(), 'shared');
    assert.equal(read.metadata.resourceVersion, created.metadata.resourceVersion);
    await b.write.update(scopeOf(), { name: 'shared', body: { ...json(read), data: { by: 'b' } } });
    const stale = a.write.update(scopeOf(), {
      name: 'shared',
      body: { ...json(created), data: { by: 'a' } },
    });
    assert.match(await refusalOf(stale), /^409 Conflict/);
    await b.write.delete(scopeOf(), { name: 'shared', options: {} });
    assert.match(
      await refusalOf(a.write.delete(scopeOf(), { name: 'shared', options: {} })),
      /^404 NotFound/,
    );
    await one.stop();
    await other.stop();
  });
});
