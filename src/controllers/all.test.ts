import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deployments } from '../api/apps/v1/deployment.ts';
import { leases } from '../api/coordination/v1/lease.ts';
import { configMaps } from '../api/core/v1/config-map.ts';
import { events } from '../api/core/v1/event.ts';
import { namespaces } from '../api/core/v1/namespace.ts';
import { pods } from '../api/core/v1/pod.ts';
import { serviceAccounts } from '../api/core/v1/service-account.ts';
import { services } from '../api/core/v1/service.ts';
import { memoryLogger } from '../base/logger.ts';
import { startControlPlane } from '../testing/control-plane.ts';
import type { ControlPlane } from '../testing/control-plane.ts';
import { createWorkloadLab } from '../testing/workload-lab.ts';

let plane: ControlPlane;
const logger = memoryLogger();
before(async () => {
  plane = await startControlPlane({ logger });
});
after(() => plane.stop());
const { fresh, list, isGone, until, web, service, rolledOut } = createWorkloadLab(() => plane.client);

describe('the scheduler', () => {
  it('says why a Pod fits nowhere, and binds it when a node changes', async () => {
    const ns = await fresh();
    const spec = { nodeSelector: { disk: 'ssd' }, containers: [{ name: 'c', image: 'x' }] };
    await plane.client.create(pods, { metadata: { name: 'picky', namespace: ns }, spec });
    const get = () => plane.client.get(pods, { namespace: ns, name: 'picky' });
    const message = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.";
    await until(
      'refused',
      async () =>
        (await get()).status?.conditions?.some(
          (c) => c.reason === 'Unschedulable' && c.message === message,
        ) ?? false,
    );
    await until('an Event', async () =>
      (await list(events, ns)).some(
        (event) => event.reason === 'FailedScheduling' && event.message === message,
      ),
    );
    const { nodes } = await import('../api/core/v1/node.ts');
    await plane.client.patch(
      nodes,
      { name: 'node-2' },
      { type: 'merge', body: { metadata: { labels: { disk: 'ssd' } } } },
    );
    await until('bound', async () => (await get()).spec.nodeName === 'node-2');
  });
});

describe('a namespace', () => {
  it('gets its default ServiceAccount, again when it is deleted', async () => {
    const ns = await fresh();
    await until('there', async () => !(await isGone(serviceAccounts, ns, 'default')));
    const { metadata } = await plane.client.get(serviceAccounts, { namespace: ns, name: 'default' });
    await plane.client.delete(serviceAccounts, { namespace: ns, name: 'default' });
    await until('there again', async () =>
      (await list(serviceAccounts, ns)).some((account) => account.metadata.uid !== metadata.uid),
    );
  });

  it('is emptied when it is deleted, and goes', async () => {
    const ns = await fresh();
    await plane.client.create(deployments, web(ns));
    await plane.client.create(services, service(ns));
    await plane.client.create(configMaps, { metadata: { name: 'c', namespace: ns } });
    await rolledOut(ns);
    await plane.client.delete(namespaces, { name: ns });
    await until('gone', () => isGone(namespaces, '', ns));
    assert.equal((await list(pods, ns)).length + (await list(configMaps, ns)).length, 0);
  });
});

describe('garbage', () => {
  it('of an owner that never existed goes; of one that exists stays; of a mixture loses the missing owner', async () => {
    const ns = await fresh();
    const owner = await plane.client.create(configMaps, { metadata: { name: 'owner', namespace: ns } });
    const real = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid ?? '' };
    const ghost = { apiVersion: 'v1', kind: 'ConfigMap', name: 'ghost', uid: 'no-such-uid' };
    const make = (name: string, ownerReferences: (typeof real)[]) =>
      plane.client.create(configMaps, { metadata: { name, namespace: ns, ownerReferences } });
    await make('owned', [real]);
    await make('both', [real, ghost]);
    await make('haunted', [ghost]);
    await make('impostor', [{ ...real, uid: 'another-uid' }]);
    await make('foreign', [{ ...ghost, apiVersion: 'example.com/v1', kind: 'Thing' }]);
    await until('the ghost lets go', async () => {
      const left = await list(configMaps, ns);
      const both = left.find(({ metadata }) => metadata.name === 'both');
      return (
        both?.metadata.ownerReferences?.length === 1 &&
        !left.some(({ metadata }) => ['haunted', 'impostor'].includes(metadata.name))
      );
    });
    const names = (await list(configMaps, ns))
      .map(({ metadata }) => metadata.name)
      .filter((name) => name !== 'kube-root-ca.crt');
    assert.deepEqual(names.sort(), ['both', 'foreign', 'owned', 'owner']);
    await plane.client.delete(configMaps, { namespace: ns, name: 'owner' });
    await until(
      'its own go with it',
      async () =>
        !(await list(configMaps, ns)).some(({ metadata }) => ['both', 'owned'].includes(metadata.name)),
    );
  });
});

it('the leases of the nodes are where nodes look for them', async () => {
  assert.equal((await list(leases, 'kube-node-lease')).length, 3);
});

it('nothing of all this was logged as a failure', () => {
  const bad = logger.lines.filter(({ level }) => level === 'error' || level === 'warn');
  assert.deepEqual(
    bad.map(({ message, fields }) => [message, fields.controller, fields.key, String(fields.err)]),
    [],
  );
});
