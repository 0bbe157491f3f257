import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../../api/kind.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { RequestScope } from '../../rest/rest.ts';
import { json, refusalOf, scopeOf, startRegistry, type TestRegistry } from '../../fixtures/test-registry.ts';

let registry: TestRegistry;
before(async () => {
  registry = await startRegistry();
});
after(() => registry.stop());

const by = (fieldManager: string, changes: Partial<RequestScope> = {}): RequestScope =>
  scopeOf('default', { fieldManager, ...changes });

/** `manager operation [subresource]` of each entry, and the members of what it owns of data or spec. */
const ownersOf = ({ metadata }: KubeObject): readonly string[] =>
  (metadata.managedFields ?? []).map(({ manager = '', operation = '', subresource, fieldsV1 = {} }) => {
    const part = (fieldsV1['f:data'] ?? fieldsV1['f:spec'] ?? fieldsV1['f:status'] ?? {}) as JsonObject;
    const names = Object.keys(part).filter((name) => name !== '.');
    return [manager, operation, ...(subresource === undefined ? [] : [subresource]), ...names].join(' ');
  });

const map = (name: string, data: Record<string, string>): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});

describe('managedFields', () => {
  it('follow an object through create, update, patch and apply', async () => {
    const { write } = registry.resource('configmaps');
    const name = 'life';
    const created = await write.create(by('creator'), map(name, { a: '1', b: '1' }));
    assert.deepEqual(ownersOf(created), ['creator Update f:a f:b']);
    const { object: updated } = await write.update(by('updater'), {
      name,
      body: map(name, { a: '1', b: '2' }),
    });
    assert.deepEqual(ownersOf(updated), ['creator Update f:a', 'updater Update f:b']);
    const patched = await write.patch(by('patcher'), {
      name,
      type: 'application/merge-patch+json',
      body: { data: { c: '3' } },
    });
    assert.deepEqual(ownersOf(patched), ['creator Update f:a', 'patcher Update f:c', 'updater Update f:b']);
    const { object: applied, isCreated } = await write.apply(by('applier'), {
      name,
      config: map(name, { d: '4', a: '1' }),
      isForced: false,
    });
    assert.equal(isCreated, false);
    assert.deepEqual(ownersOf(applied), [
      'applier Apply f:a f:d',
      'creator Update f:a',
      'patcher Update f:c',
      'updater Update f:b',
    ]);
    assert.deepEqual(json(applied).data, { a: '1', b: '2', c: '3', d: '4' });
  });

  it('name the conflict, which force resolves', async () => {
    const { write } = registry.resource('configmaps');
    const name = 'fight';
    await write.create(by('creator'), map(name, { a: '1' }));
    const request = { name, config: map(name, { a: '2' }), isForced: false };
    assert.equal(
      await refusalOf(write.apply(by('applier'), request)),
      '409 Conflict: Apply failed with 1 conflict: conflict with "creator" using v1: .data.a',
    );
    const { object } = await write.apply(by('applier'), { ...request, isForced: true });
    // The map itself stays with the one who made it.
    assert.deepEqual(ownersOf(object), ['applier Apply f:a', 'creator Update']);
  });

  it('make no revision when an apply changes nothing', async () => {
    const { write } = registry.resource('configmaps');
    const request = { name: 'same', config: map('same', { a: '1' }), isForced: false };
    const { object, isCreated } = await write.apply(by('applier'), request);
    assert.equal(isCreated, true);
    await registry.clock.advance(5000);
    const { object: again } = await write.apply(by('applier'), request);
    assert.equal(again.metadata.resourceVersion, object.metadata.resourceVersion);
    assert.deepEqual(again, object);
  });

  it('are kept apart for the status, which owns nothing of the rest', async () => {
    const services = registry.resource('services');
    const { write } = services;
    const name = 'lb';
    const spec = { type: 'LoadBalancer', ports: [{ port: 80 }] };
    const created = json(await write.create(by('creator'), { metadata: { name }, spec }));
    const body = { ...created, status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } };
    const { object } = await write.update(by('cloud'), { name, body, subresource: 'status' });
    const status = object.metadata.managedFields?.find(({ manager }) => manager === 'cloud');
    assert.deepEqual(
      [status?.subresource, status?.fieldsV1],
      ['status', { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } }],
    );
    const config = {
      apiVersion: 'v1',
      kind: 'Service',
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.2' }] } },
    };
    assert.match(
      await refusalOf(write.apply(by('other'), { name, config, isForced: false, subresource: 'status' })),
      /conflict with "cloud" with subresource "status" using v1: \.status\.loadBalancer\.ingress$/,
    );
  });

  it('say nothing of the node a scheduler chose', async () => {
    const { write } = registry.resource('pods');
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    const pod = json(await write.create(by('creator'), { metadata: { name: 'p' }, spec }));
    const body = { ...pod, spec: { ...(pod.spec as JsonObject), nodeName: 'n' } };
    const { object } = await write.update(by('scheduler'), { name: 'p', body, subresource: 'binding' });
    assert.deepEqual(
      object.metadata.managedFields?.map(({ manager }) => manager),
      ['creator'],
    );
  });
});

describe('an apply', () => {
  it('that is a dry run writes nothing', async () => {
    const { write, read } = registry.resource('configmaps');
    const request = { name: 'dry', config: map('dry', { a: '1' }), isForced: false };
    const { object, isCreated } = await write.apply(by('applier', { isDryRun: true }), request);
    assert.deepEqual([isCreated, json(object).data], [true, { a: '1' }]);
    assert.equal(await refusalOf(read.get(scopeOf(), 'dry')), '404 NotFound: configmaps "dry" not found');
  });

  it('names another object, a version or a uid in vain', async () => {
    const { write } = registry.resource('configmaps');
    const apply = (metadata: JsonObject): Promise<string> => {
      const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
      return refusalOf(write.apply(by('applier'), { name: 'new', config, isForced: false }));
    };
    assert.match(await apply({ name: 'other' }), /^400 BadRequest: the name of the object \(other\)/);
    assert.match(await apply({ name: 'new', resourceVersion: '5' }), /^409 Conflict/);
    assert.match(
      await apply({ name: 'new', uid: 'u' }),
      /uid mismatch: the provided object specified uid u, and no existing object was found$/,
    );
    assert.equal(await apply({ name: 'new' }), 'accepted');
    assert.match(await apply({ name: 'new', resourceVersion: '1' }), /^409 Conflict: .* has been modified/);
  });

  it('must be allowed to create', async () => {
    const { write } = registry.resource('configmaps');
    const mayCreate = (): Promise<void> => Promise.reject(new Error('not you'));
    const request = { name: 'denied', config: map('denied', {}), isForced: false };
    await assert.rejects(write.apply(by('applier', { mayCreate }), request), /not you/);
  });

  it('keeps the addresses and ports the server has chosen', async () => {
    const { write } = registry.resource('services');
    const config = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { type: 'NodePort', selector: { a: 'b' }, ports: [{ port: 80 }] },
    };
    const request = { name: 'web', config, isForced: false };
    const { object: first } = await write.apply(by('applier'), request);
    const ports = [
      { port: 80, targetPort: 8080 },
      { name: 'more', port: 81 },
    ];
    const renamed = ports.map((port, i) => ({ name: `p${i}`, ...port }));
    const second = { ...request, config: { ...config, spec: { ...config.spec, ports: renamed } } };
    const { object } = await write.apply(by('applier'), second);
    const [before, after] = [json(first).spec as JsonObject, json(object).spec as JsonObject];
    assert.equal(after.clusterIP, before.clusterIP);
    const nodePort = (spec: JsonObject): unknown => (spec.ports as JsonObject[])[0]?.nodePort;
    assert.equal(nodePort(after), nodePort(before));
    const [entry] = object.metadata.managedFields ?? [];
    assert.deepEqual(Object.keys(entry?.fieldsV1 ?? {}), ['f:spec']);
  });
});

describe('a patch', () => {
  const name = 'patched';
  before(() => registry.resource('configmaps').write.create(by('creator'), map(name, { a: '1' })));
  const refused: [string, Partial<RequestScope>, Record<string, unknown>, RegExp | string][] = [
    [
      'with a field nobody knows, strictly',
      {},
      { type: 'application/merge-patch+json', body: { colour: 'red' } },
      /^422 Invalid: {2}"" is invalid: patch: Invalid value: "\{.*": strict decoding error: unknown field "colour"$/,
    ],
    [
      'with a field nobody knows, strategically',
      {},
      { type: 'application/strategic-merge-patch+json', body: { colour: { is: 'red' } } },
      '422 Invalid:  "" is invalid: patch: Invalid value: "map[colour:map[is:red]]": strict decoding error: unknown field "colour"',
    ],
    [
      'with a duplicate in its own text',
      {},
      { type: 'application/json-patch+json', body: [], faults: ['duplicate field "[0].op"'] },
      /strict decoding error: json patch duplicate field "\[0\]\.op"$/,
    ],
    [
      'with a wrong type, however lax',
      { fieldValidation: 'Ignore' },
      { type: 'application/merge-patch+json', body: { data: 1 } },
      /^422 Invalid: {2}"" is invalid: patch: Invalid value: .*json: cannot unmarshal number into Go struct field ConfigMap\.data/,
    ],
    [
      'with a test that fails',
      {},
      { type: 'application/json-patch+json', body: [{ op: 'test', path: '/data/a', value: '9' }] },
      '422 Invalid: the server rejected our request due to an error in our request: testing value /data/a failed: test failed',
    ],
  ];
  for (const [sentence, scope, request, expected] of refused) {
    it(`${sentence}, is refused`, async () => {
      const { write } = registry.resource('configmaps');
      const text = await refusalOf(write.patch(by('p', scope), { name, ...request } as never));
      if (typeof expected === 'string') assert.equal(text, expected);
      else assert.match(text, expected);
    });
  }

  it('with a field nobody knows is done with a warning, or without one', async () => {
    const { write } = registry.resource('configmaps');
    const request = { name, type: 'application/merge-patch+json', body: { colour: 'red' } } as const;
    const warned = by('p', { fieldValidation: 'Warn', warnings: [] });
    await write.patch(warned, request);
    assert.deepEqual(warned.warnings, ['unknown field "colour"']);
    const ignored = by('p', { fieldValidation: 'Ignore', warnings: [] });
    await write.patch(ignored, request);
    assert.deepEqual(ignored.warnings, []);
  });
});
