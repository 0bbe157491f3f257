import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterRoleBinding } from '../../api/rbac/v1/cluster-role-binding.ts';
import type { ClusterRole } from '../../api/rbac/v1/cluster-role.ts';
import { fakeClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createMemoryStore } from '../../storage/memory/memory-store.ts';
import { decodeStored, encodeObject } from '../cache/stored-object.ts';
import { createWatchCache } from '../cache/watch-cache.ts';
import { createAcknowledged, type RegistryContext } from '../registry/generic/context.ts';
import { bootstrapPolicy } from './default-roles.ts';
import { reconcilePolicy } from './reconcile-policy.ts';

const plurals = ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'];
const prefixOf = (plural: string): string => `/registry/${plural}.rbac.authorization.k8s.io/`;

async function stored(objects: Readonly<Record<string, ClusterRole | ClusterRoleBinding>>) {
  const store = createMemoryStore();
  const clock = fakeClock(Date.UTC(2026, 0, 1));
  const writes = Object.entries(objects).map(([key, object]) => ({ key, value: encodeObject(object) }));
  if (writes.length > 0) await store.commit(writes);
  const prefixes = [...plurals.map(prefixOf), '/registry/namespaces/'];
  const cache = createWatchCache({ store, clock, logger: silentLogger, prefixes, listeners: [] });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  await cache.loaded(stop.signal);
  const context = { store, cache, clock, logger: silentLogger, acknowledged: createAcknowledged() };
  return {
    reconcile: () => reconcilePolicy(context as unknown as RegistryContext),
    revision: () => cache.revision,
    read: async <T>(plural: string, name: string): Promise<T> => {
      const entry = await store.get(prefixOf(plural) + name);
      assert.ok(entry !== undefined, `${plural} ${name}`);
      return decodeStored(entry.value, entry.revision) as T;
    },
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

const defaults = bootstrapPolicy();
const role = (name: string): ClusterRole => {
  const found = defaults.clusterRoles.get(name);
  assert.ok(found !== undefined);
  return found;
};

describe('the default policy in a store', () => {
  it('is made in one write, and not again', async () => {
    const policy = await stored({});
    const before = policy.revision();
    await policy.reconcile();
    assert.equal(policy.revision(), before + 1);
    const made = await policy.read<ClusterRole>('clusterroles', 'system:node');
    assert.deepEqual(
      [made.rules, made.metadata.creationTimestamp],
      [role('system:node').rules, '2026-01-01T00:00:00Z'],
    );
    await policy.reconcile();
    assert.equal(policy.revision(), before + 1);
    await policy.stop();
  });

  it('gets back what it lost and keeps what it gained, unless it is to be left alone', async () => {
    const view = role('system:kube-dns');
    const mine = { verbs: ['get'], apiGroups: ['mine'], resources: ['things'] };
    const alone = role('system:node-proxier');
    const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' };
    const binding = defaults.clusterRoleBindings.find(({ metadata }) => metadata.name === 'cluster-admin');
    assert.ok(binding !== undefined);
    const jane = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' };
    const policy = await stored({
      [`${prefixOf('clusterroles')}system:kube-dns`]: { ...view, rules: [mine] },
      [`${prefixOf('clusterroles')}system:node-proxier`]: {
        ...alone,
        rules: [],
        metadata: { ...alone.metadata, annotations },
      },
      [`${prefixOf('clusterrolebindings')}cluster-admin`]: { ...binding, subjects: [jane] },
    });
    await policy.reconcile();
    const mended = await policy.read<ClusterRole>('clusterroles', 'system:kube-dns');
    assert.deepEqual(mended.rules[0], mine);
    assert.equal(mended.rules.length, 5);
    assert.deepEqual((await policy.read<ClusterRole>('clusterroles', 'system:node-proxier')).rules, []);
    const { subjects } = await policy.read<ClusterRoleBinding>('clusterrolebindings', 'cluster-admin');
    assert.deepEqual(subjects, [jane, ...(binding.subjects ?? [])]);
    await policy.stop();
  });
});
