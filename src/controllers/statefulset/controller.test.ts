import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { controllerRevisions, daemonSets, statefulSets } from '../../api/apps/v1/revisioned-workloads.ts';
import type { DaemonSet, StatefulSet } from '../../api/apps/v1/revisioned-workloads.ts';
import { events } from '../../api/core/v1/event.ts';
import { nodes } from '../../api/core/v1/node.ts';
import { pods } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { persistentVolumeClaims } from '../../api/core/v1/volume-claim.ts';
import { memoryLogger } from '../../base/logger.ts';
import { startControlPlane } from '../../testing/control-plane.ts';
import type { ControlPlane } from '../../testing/control-plane.ts';
import { createWorkloadLab } from '../../testing/workload-lab.ts';

let plane: ControlPlane;
const logger = memoryLogger();
before(async () => {
  plane = await startControlPlane({ logger });
});
after(() => plane.stop());
const { fresh, list, until, activePods } = createWorkloadLab(() => plane.client);

const selector = { matchLabels: { app: 'db' } };
const templateOf = (image: string) => ({
  metadata: { labels: { app: 'db' } },
  spec: { containers: [{ name: 'c', image }] },
});
const stateful = (namespace: string, spec: Partial<StatefulSet['spec']> = {}): StatefulSet => ({
  metadata: { name: 'db', namespace },
  spec: { replicas: 3, serviceName: 'db', selector, template: templateOf('one'), ...spec },
});
const db = (namespace: string) => ({ namespace, name: 'db' });
const get = (namespace: string) => plane.client.get(statefulSets, db(namespace));
const patch = (namespace: string, spec: object) =>
  plane.client.patch(statefulSets, db(namespace), { type: 'strategic', body: { spec } });
const settled = async (namespace: string, replicas: number): Promise<boolean> => {
  const { metadata, status } = await get(namespace);
  return (
    status?.observedGeneration === metadata.generation &&
    status?.replicas === replicas &&
    (status.readyReplicas ?? 0) === replicas &&
    (status.updatedReplicas ?? 0) === replicas &&
    status.currentRevision === status.updateRevision
  );
};
const imagesOf = (list: readonly Pod[]): string[] =>
  list.map(({ metadata, spec }) => `${metadata.name} ${spec.containers[0]?.image}`).sort();

describe('a StatefulSet', { concurrency: true }, () => {
  it('makes its Pods one after the other, each with its name, its number and its claims', async () => {
    const ns = await fresh();
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    const order: string[] = [];
    const readyBefore: number[] = [];
    const seen = new Map<string, Pod>();
    const stop = plane.informers.for(pods).onChange(({ prev, next }) => {
      if (next?.metadata.namespace !== ns) return;
      seen.set(next.metadata.name, next);
      if (prev !== undefined) return;
      order.push(next.metadata.name);
      const isReady = (pod: Pod): boolean =>
        pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
      readyBefore.push([...seen.values()].filter(isReady).length);
    });
    await plane.client.create(statefulSets, stateful(ns, { volumeClaimTemplates: [claim] }));
    await until('three Pods', () => settled(ns, 3));
    stop();
    assert.deepEqual(
      [order, readyBefore],
      [
        ['db-0', 'db-1', 'db-2'],
        [0, 1, 2],
      ],
    );
    const pod = await plane.client.get(pods, { namespace: ns, name: 'db-1' });
    const { updateRevision } = (await get(ns)).status ?? {};
    assert.deepEqual(pod.metadata.labels, {
      app: 'db',
      'statefulset.kubernetes.io/pod-name': 'db-1',
      'apps.kubernetes.io/pod-index': '1',
      'controller-revision-hash': updateRevision,
    });
    assert.deepEqual([pod.spec.hostname, pod.spec.subdomain], ['db-1', 'db']);
    const volume = pod.spec.volumes?.find(({ name }) => name === 'data');
    assert.equal(volume?.persistentVolumeClaim?.claimName, 'data-db-1');
    const claims = await list(persistentVolumeClaims, ns);
    assert.deepEqual(
      claims.map(({ metadata }) => [metadata.name, metadata.labels]),
      [0, 1, 2].map((i) => [`data-db-${i}`, { app: 'db' }]),
    );
    await until('events of them', async () => {
      const texts = (await list(events, ns)).map(({ reason, message }) => `${reason}: ${message}`);
      return [
        'SuccessfulCreate: create Claim data-db-0 Pod db-0 in StatefulSet db success',
        'SuccessfulCreate: create Pod db-0 in StatefulSet db successful',
      ].every((text) => texts.includes(text));
    });
  });

  it('waits for a Pod that is not ready, unless it may make all at once', async () => {
    const ns = await fresh();
    plane.nodes.unready.add('slow-0');
    const named = { name: 'slow', namespace: ns };
    await plane.client.create(statefulSets, { ...stateful(ns), metadata: named });
    const isThere = (name: string) => async () =>
      (await list(pods, ns)).some(({ metadata }) => metadata.name === name);
    await until('the first', isThere('slow-0'));
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal((await list(pods, ns)).length, 1);
    plane.nodes.unready.delete('slow-0');
    await plane.nodes.setReady(await plane.client.get(pods, { namespace: ns, name: 'slow-0' }), true);
    await until('the others', isThere('slow-2'));
    plane.nodes.unready.add('quick-0');
    const all = stateful(ns, {
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: { app: 'quick' } },
      template: { ...templateOf('one'), metadata: { labels: { app: 'quick' } } },
    });
    await plane.client.create(statefulSets, { ...all, metadata: { name: 'quick', namespace: ns } });
    await until('all of the other', isThere('quick-2'));
  });

  it('is scaled down from the highest number', async () => {
    const ns = await fresh();
    await plane.client.create(statefulSets, stateful(ns, { replicas: 4 }));
    await until('four Pods', () => settled(ns, 4));
    const gone: string[] = [];
    const stop = plane.informers.for(pods).onChange(({ prev, next }) => {
      if (prev?.metadata.namespace === ns && next === undefined) gone.push(prev.metadata.name);
    });
    await patch(ns, { replicas: 1 });
    await until('one Pod', () => settled(ns, 1));
    stop();
    assert.deepEqual(gone, ['db-3', 'db-2', 'db-1']);
  });

  it('is updated from the highest number down to the partition, and goes back', async () => {
    const ns = await fresh();
    await plane.client.create(statefulSets, stateful(ns));
    await until('three Pods', () => settled(ns, 3));
    await patch(ns, { template: templateOf('two'), updateStrategy: { rollingUpdate: { partition: 2 } } });
    await until('one of three', async () => (await get(ns)).status?.updatedReplicas === 1);
    await until('ready', async () => (await get(ns)).status?.readyReplicas === 3);
    assert.deepEqual(imagesOf(await activePods(ns)), ['db-0 one', 'db-1 one', 'db-2 two']);
    await plane.client.delete(pods, { namespace: ns, name: 'db-0' });
    await until(
      'back',
      async () => (await get(ns)).status?.readyReplicas === 3 && (await activePods(ns)).length === 3,
    );
    assert.deepEqual(
      imagesOf(await activePods(ns))[0],
      'db-0 one',
      'below the partition it comes back as it was',
    );
    await patch(ns, { updateStrategy: { rollingUpdate: { partition: 0 } } });
    await until('all', () => settled(ns, 3));
    assert.deepEqual(imagesOf(await activePods(ns)), ['db-0 two', 'db-1 two', 'db-2 two']);
    await patch(ns, { template: templateOf('one') });
    await until('back again', () => settled(ns, 3));
    const revisions = (await list(controllerRevisions, ns)).map(({ revision }) => revision);
    assert.deepEqual(revisions.sort(), [2, 3], 'the first one is the third now');
  });

  it('leaves its Pods alone when they are updated as they are deleted', async () => {
    const ns = await fresh();
    await plane.client.create(statefulSets, stateful(ns, { updateStrategy: { type: 'OnDelete' } }));
    await until('three Pods', async () => (await get(ns)).status?.readyReplicas === 3);
    await patch(ns, { template: templateOf('two') });
    await until('seen', async () => {
      const { metadata, status } = await get(ns);
      return (
        status?.observedGeneration === metadata.generation &&
        status?.currentRevision !== status?.updateRevision
      );
    });
    await plane.client.delete(pods, { namespace: ns, name: 'db-1' });
    await until('one of the new', async () => (await get(ns)).status?.updatedReplicas === 1);
    assert.deepEqual(imagesOf(await activePods(ns)), ['db-0 one', 'db-1 two', 'db-2 one']);
  });

  it('forgets revisions that nobody uses', async () => {
    const ns = await fresh();
    await plane.client.create(statefulSets, stateful(ns, { replicas: 1, revisionHistoryLimit: 1 }));
    await until('one', () => settled(ns, 1));
    for (const image of ['two', 'three', 'four']) {
      await patch(ns, { template: templateOf(image) });
      await until(image, () => settled(ns, 1));
    }
    const numbers = async () => (await list(controllerRevisions, ns)).map(({ revision }) => revision).sort();
    await until('two revisions', async () => (await numbers()).join() === '3,4');
  });

  it('lets claims go with their Pods where it says so', async () => {
    const ns = await fresh();
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete', whenScaled: 'Delete' };
    const spec = { replicas: 2, volumeClaimTemplates: [claim], persistentVolumeClaimRetentionPolicy };
    await plane.client.create(statefulSets, stateful(ns, spec));
    await until('two Pods', () => settled(ns, 2));
    await patch(ns, { replicas: 1 });
    const names = async () => (await list(persistentVolumeClaims, ns)).map(({ metadata }) => metadata.name);
    await until('one claim', async () => (await names()).join() === 'data-db-0');
    await plane.client.delete(statefulSets, db(ns), { propagationPolicy: 'Background' });
    await until('no claim', async () => (await names()).length === 0);
  });
});

const daemon = (namespace: string, spec: Partial<DaemonSet['spec']> = {}): DaemonSet => ({
  metadata: { name: 'db', namespace },
  spec: { selector, template: templateOf('one'), ...spec },
});
const getDaemon = (namespace: string) => plane.client.get(daemonSets, db(namespace));
const isSpread = async (namespace: string, nNodes: number): Promise<boolean> => {
  const { metadata, status } = await getDaemon(namespace);
  return (
    status?.observedGeneration === metadata.generation &&
    status?.desiredNumberScheduled === nNodes &&
    (status.updatedNumberScheduled ?? 0) === nNodes &&
    (status.numberAvailable ?? 0) === nNodes
  );
};

describe('a DaemonSet', () => {
  it('runs on every node, and on another as soon as it fits', async () => {
    const ns = await fresh();
    await plane.client.create(daemonSets, daemon(ns));
    await until('three nodes', () => isSpread(ns, 3));
    const there = await activePods(ns);
    assert.deepEqual(there.map(({ spec }) => spec.nodeName).sort(), ['node-1', 'node-2', 'node-3']);
    const [pod] = there;
    const terms =
      pod?.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    assert.deepEqual(terms, [
      { matchFields: [{ key: 'metadata.name', operator: 'In', values: [pod?.spec.nodeName] }] },
    ]);
    assert.equal(pod?.metadata.labels?.['pod-template-generation'], '1');
    const taints = [{ key: 'busy', effect: 'NoExecute' }];
    const taint = (list: object[]) =>
      plane.client.patch(nodes, { name: 'node-2' }, { type: 'merge', body: { spec: { taints: list } } });
    await taint(taints);
    await until('two nodes', () => isSpread(ns, 2));
    await until('one Pod less', async () => (await activePods(ns)).length === 2);
    await taint([]);
    await until('three again', () => isSpread(ns, 3));
  });

  it('runs on nodes that its selector names', async () => {
    const ns = await fresh();
    const template = templateOf('one');
    const spec = { ...template.spec, nodeSelector: { 'kubernetes.io/hostname': 'node-3' } };
    await plane.client.create(daemonSets, daemon(ns, { template: { ...template, spec } }));
    await until('one node', () => isSpread(ns, 1));
    assert.deepEqual(
      (await activePods(ns)).map(({ spec: { nodeName } }) => nodeName),
      ['node-3'],
    );
  });

  for (const [way, rollingUpdate] of Object.entries({
    'one node after the other': { maxUnavailable: 1 },
    'beside the old one first': { maxUnavailable: 0, maxSurge: 1 },
  })) {
    it(`is updated on ${way}`, async () => {
      const ns = await fresh();
      const updateStrategy = { type: 'RollingUpdate', rollingUpdate };
      await plane.client.create(daemonSets, daemon(ns, { updateStrategy }));
      await until('three nodes', () => isSpread(ns, 3));
      let fewest = 3;
      const stop = plane.informers.for(daemonSets).onChange(({ next }) => {
        if (next?.metadata.namespace === ns) fewest = Math.min(fewest, next.status?.numberAvailable ?? 0);
      });
      await plane.client.patch(daemonSets, db(ns), {
        type: 'strategic',
        body: { spec: { template: templateOf('two') } },
      });
      await until('all new', () => isSpread(ns, 3));
      await until('no old one', async () => (await activePods(ns)).length === 3);
      stop();
      assert.ok(fewest >= 3 - rollingUpdate.maxUnavailable, `${fewest} available`);
      assert.deepEqual(
        (await activePods(ns)).map(({ spec }) => spec.containers[0]?.image),
        ['two', 'two', 'two'],
      );
      assert.equal((await list(controllerRevisions, ns)).length, 2);
    });
  }

  it('leaves old Pods to whoever deletes them, and replaces those that fail', async () => {
    const ns = await fresh();
    await plane.client.create(daemonSets, daemon(ns, { updateStrategy: { type: 'OnDelete' } }));
    await until('three nodes', () => isSpread(ns, 3));
    await plane.client.patch(daemonSets, db(ns), {
      type: 'strategic',
      body: { spec: { template: templateOf('two') } },
    });
    const [first, second] = await activePods(ns);
    await plane.client.delete(pods, { namespace: ns, name: first?.metadata.name ?? '' });
    await until('one new', async () => (await getDaemon(ns)).status?.updatedNumberScheduled === 1);
    const body = { status: { phase: 'Failed' } };
    const failed = { namespace: ns, name: second?.metadata.name ?? '' };
    await plane.client.patch(pods, failed, { type: 'merge', subresource: 'status', body });
    await until('two new', async () => (await getDaemon(ns)).status?.updatedNumberScheduled === 2);
    await until('told', async () =>
      (await list(events, ns)).some(({ reason }) => reason === 'FailedDaemonPod'),
    );
  });
});

it('nothing of all this was logged as a failure', () => {
  const bad = logger.lines.filter(({ level }) => level === 'error' || level === 'warn');
  assert.deepEqual(
    bad.map(({ message, fields }) => [message, fields.controller, fields.key, String(fields.err)]),
    [],
  );
});
