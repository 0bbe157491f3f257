import assert from 'node:assert/strict';
import { it } from 'node:test';
import { configMaps } from '../../api/core/v1/config-map.ts';
import { namespaces } from '../../api/core/v1/namespace.ts';
import { nodes } from '../../api/core/v1/node.ts';
import { isNotFound } from '../../api/errors/api-error.ts';
import type { Kind, KubeObject } from '../../api/kind.ts';
import { realClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createInformers } from '../../client/informers.ts';
import { startInProcessApi } from '../../testing/in-process-api.ts';
import { eventually } from '../../testing/test-cluster.ts';
import { createGarbageController } from './controller.ts';

it('the garbage controller takes what belongs to nobody, and only that', async (t) => {
  const api = startInProcessApi();
  const { client } = api;
  const deps = { client, clock: realClock, logger: silentLogger };
  const informers = createInformers(deps);
  const controller = createGarbageController({ ...deps, informers });
  const stop = new AbortController();
  const running = [controller, informers].map((part) => part.run(stop.signal));
  t.after(async () => {
    stop.abort();
    await Promise.all(running);
    await api.stop();
  });
  await client.create(namespaces, { metadata: { name: 'garbage' } });
  const owner = (object: KubeObject, changes: object = {}) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: object.metadata.name,
    uid: object.metadata.uid ?? '',
    ...changes,
  });
  const create = (name: string, metadata: object = {}, namespace = 'garbage') =>
    client.create(configMaps, { metadata: { name, namespace, ...metadata } });
  const exists = (kind: Kind, name: string, namespace?: string): Promise<boolean> =>
    client.get(kind, { name, ...(namespace === undefined ? {} : { namespace }) }).then(
      () => true,
      (error: unknown) => {
        if (isNotFound(error)) return false;
        throw error;
      },
    );
  const gone = (name: string, namespace = 'garbage') =>
    eventually(`${name} is gone`, async () =>
      (await exists(configMaps as unknown as Kind, name, namespace)) ? undefined : true,
    );

  await t.test('two that own each other go, also in the foreground', async () => {
    const first = await create('first');
    const block = { blockOwnerDeletion: true };
    const second = await create('second', { ownerReferences: [owner(first, block)] });
    const body = { metadata: { ownerReferences: [owner(second, block)] } };
    await client.patch(configMaps, first.metadata, { type: 'merge', body });
    await client.delete(configMaps, first.metadata, { propagationPolicy: 'Foreground' });
    await gone('first');
    await gone('second');
  });

  await t.test('what has no namespace does not go after what has one', async () => {
    const home = await create('home');
    const stray = { metadata: { name: 'stray', ownerReferences: [owner(home)] } };
    await client.create(nodes, { ...stray, spec: {} });
    await client.delete(configMaps, home.metadata);
    await gone('home');
    await client.patch(
      nodes,
      { name: 'stray' },
      { type: 'merge', body: { metadata: { labels: { a: 'b' } } } },
    );
    await realClock.sleep(200);
    assert.equal(await exists(nodes as unknown as Kind, 'stray'), true);
  });

  await t.test('an owner in another namespace is none', async () => {
    await client.create(namespaces, { metadata: { name: 'elsewhere' } });
    const far = await create('far', {}, 'elsewhere');
    await create('near', { ownerReferences: [owner(far)] });
    await gone('near');
    assert.equal(await exists(configMaps as unknown as Kind, 'far', 'elsewhere'), true);
  });

  await t.test('orphans stay, without their owner', async () => {
    const parent = await create('parent');
    await create('orphan', { ownerReferences: [owner(parent)] });
    await client.delete(configMaps, parent.metadata, { propagationPolicy: 'Orphan' });
    await gone('parent');
    const left = await client.get(configMaps, { name: 'orphan', namespace: 'garbage' });
    assert.equal(left.metadata.ownerReferences, undefined);
  });
});
