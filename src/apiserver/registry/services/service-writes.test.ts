import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Service } from '../../../api/core/v1/service.ts';
import type { JsonObject } from '../../../base/json.ts';
import {
  claimedKeys,
  json,
  queryOf,
  refusalOf,
  scopeOf,
  startRegistry,
  type TestRegistry,
} from '../../fixtures/test-registry.ts';

const ports = [{ port: 80 }];
const body = (spec: JsonObject = {}, name = 'web'): JsonObject => ({
  metadata: { name },
  spec: { ports, ...spec },
});
const mergePatch = 'application/merge-patch+json';

describe('writing a Service', () => {
  let registry: TestRegistry;
  before(async () => (registry = await startRegistry()));
  after(() => registry.stop());
  const services = () => registry.resource('services');
  const create = async (spec: JsonObject = {}, name = 'web'): Promise<JsonObject> =>
    json(await services().write.create(scopeOf(), body(spec, name)));
  const remove = (name = 'web'): Promise<unknown> =>
    services().write.delete(scopeOf(), { name, options: {} });

  it('fails with a version that is no longer the present one', async () => {
    const first = await create();
    await services().write.update(scopeOf(), {
      name: 'web',
      body: { ...first, spec: { ports, type: 'NodePort' } },
    });
    assert.equal(
      await refusalOf(services().write.update(scopeOf(), { name: 'web', body: first })),
      '409 Conflict: Operation cannot be fulfilled on services "web": the object has been modified; please apply your changes to the latest version and try again',
    );
    await remove();
  });

  it('fails when it means another Service of that name', async () => {
    const { metadata, ...rest } = await create();
    const { resourceVersion: _, ...mine } = metadata as JsonObject;
    const other = { ...rest, metadata: { ...mine, uid: '11111111-1111-1111-1111-111111111111' } };
    assert.match(
      await refusalOf(services().write.update(scopeOf(), { name: 'web', body: other })),
      /^409 Conflict: Operation cannot be fulfilled on services "web": Precondition failed: UID in precondition: 11111111-1111-1111-1111-111111111111, UID in object meta: /,
    );
    await remove();
  });

  it('leaves its status alone', async () => {
    const first = await create({ type: 'LoadBalancer' });
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] } };
    const { object } = await services().write.update(scopeOf(), { name: 'web', body: { ...first, status } });
    assert.deepEqual(json(object).status, { loadBalancer: {} });
    await remove();
  });

  it('knows no topology keys any more', async () => {
    assert.match(
      await refusalOf(create({ topologyKeys: ['*'] })),
      /^400 BadRequest: .*strict decoding error: unknown field "spec\.topologyKeys"$/,
    );
  });

  it('that fails gives back what it was allocated', async () => {
    await create({ type: 'NodePort', ports: [{ port: 80, nodePort: 30100 }] });
    const held = await claimedKeys(registry.store);
    for (const spec of [
      { clusterIP: '10.96.0.50', type: 'NodePort', ports: [{ port: 80, nodePort: 30100 }] },
      { clusterIP: '10.96.0.50' },
    ]) {
      const name = spec.type === undefined ? 'web' : 'other';
      assert.match(await refusalOf(create(spec, name)), /already (allocated|exists)/);
      assert.deepEqual(await claimedKeys(registry.store), held);
    }
    await remove();
  });

  it('by a dry run changes nothing, whatever is changed', async () => {
    await create({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' });
    const { revision } = await registry.store.list('');
    const dry = scopeOf('default', { isDryRun: true });
    const patched = json(
      await services().write.patch(dry, {
        name: 'web',
        type: mergePatch,
        body: { spec: { type: 'ClusterIP' } },
      }),
    ) as unknown as Service;
    assert.equal(patched.spec.healthCheckNodePort, undefined);
    await services().write.delete(dry, { name: 'web', options: {} });
    assert.equal((await registry.store.list('')).revision, revision);
    await remove();
  });

  it('away is answered with its name, kind and uid, and takes hand-written Endpoints along', async () => {
    const { metadata } = await create();
    const subsets = [{ addresses: [{ ip: '192.0.2.1' }], ports }];
    const endpoints = registry.resource('endpoints');
    await endpoints.write.create(scopeOf(), { metadata: { name: 'web' }, subsets });
    await endpoints.write.create(scopeOf(), { metadata: { name: 'other' }, subsets });
    const { uid } = metadata as JsonObject;
    const answer = json(await remove());
    assert.deepEqual(
      [answer.kind, answer.status, answer.details],
      ['Status', 'Success', { name: 'web', kind: 'services', uid }],
    );
    assert.match(await refusalOf(endpoints.read.get(scopeOf(), 'web')), /^404 NotFound/);
    assert.equal(await refusalOf(endpoints.read.get(scopeOf(), 'other')), 'accepted');
  });

  it('away by collection gives all of it back', async () => {
    const held = await claimedKeys(registry.store);
    await create({ type: 'NodePort' }, 'a');
    await create({ type: 'NodePort' }, 'b');
    const request = { query: queryOf({ fields: 'metadata.name!=kubernetes' }), options: {} };
    const { items } = await services().write.deleteCollection(scopeOf(), request);
    assert.deepEqual(items.map(({ metadata }) => metadata.name).sort(), ['a', 'b']);
    assert.deepEqual(await claimedKeys(registry.store), held);
  });
});
