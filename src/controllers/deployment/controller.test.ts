import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deployments } from '../../api/apps/v1/deployment.ts';
import { replicaSets } from '../../api/apps/v1/replica-set.ts';
import { pods } from '../../api/core/v1/pod.ts';
import { services } from '../../api/core/v1/service.ts';
import { endpointSlices } from '../../api/discovery/v1/endpoint-slice.ts';
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
const {
  fresh,
  list,
  isGone,
  until,
  web,
  service,
  readyPods,
  activePods,
  getWeb,
  patchWeb,
  progress,
  isRolledOut,
  rolledOut,
} = createWorkloadLab(() => plane.client);

describe('a Deployment', () => {
  it('rolls a new template out without falling below what must be available', async () => {
    const ns = await fresh();
    await plane.client.create(services, service(ns));
    await plane.client.create(deployments, web(ns, { replicas: 4 }));
    await until('four ready endpoints', async () => (await readyPods(ns)).length === 4);
    await rolledOut(ns);
    const low: number[] = [];
    const high: number[] = [];
    const leave = plane.informers.for(endpointSlices).onChange(({ next }) => {
      if (next?.metadata.namespace === ns)
        low.push(next.endpoints.filter((e) => e.conditions?.ready === true).length);
    });
    const watchPods = plane.informers.for(pods).onChange(() => {
      const here = plane.informers.for(pods).by('namespace', ns);
      high.push(here.filter(({ metadata }) => metadata.deletionTimestamp === undefined).length);
    });
    await patchWeb(ns, { template: { spec: { containers: [{ name: 'c', image: 'two' }] } } });
    await rolledOut(ns);
    leave();
    watchPods();
    // 25 % of 4: one more at most, one fewer at most.
    assert.ok(Math.min(...low) >= 3, `ready endpoints: ${low.join(' ')}`);
    assert.ok(Math.max(...high) <= 5, `Pods: ${high.join(' ')}`);
    const images = new Set((await activePods(ns)).map(({ spec }) => spec.containers[0]?.image));
    assert.deepEqual([...images], ['two']);
    const revisions = (await list(replicaSets, ns)).map(
      ({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/revision'],
    );
    assert.deepEqual(revisions.sort(), ['1', '2']);
    assert.equal((await getWeb(ns)).metadata.annotations?.['deployment.kubernetes.io/revision'], '2');
  });

  it('goes back to an old template under a new revision, and keeps a limited history', async () => {
    const ns = await fresh();
    await plane.client.create(deployments, web(ns, { replicas: 1, revisionHistoryLimit: 1 }));
    await rolledOut(ns);
    for (const image of ['two', 'one', 'three']) {
      await patchWeb(ns, { template: { spec: { containers: [{ name: 'c', image }] } } });
      await until(
        `rolled out ${image}`,
        async () =>
          (await isRolledOut(ns)) &&
          (await activePods(ns)).every(({ spec }) => spec.containers[0]?.image === image),
      );
    }
    await until('one old ReplicaSet', async () => (await list(replicaSets, ns)).length === 2);
    assert.equal((await getWeb(ns)).metadata.annotations?.['deployment.kubernetes.io/revision'], '4');
  });

  it('with Recreate never runs old and new together', async () => {
    const ns = await fresh();
    await plane.client.create(deployments, web(ns, { replicas: 2, strategy: { type: 'Recreate' } }));
    await rolledOut(ns);
    const mixed: number[] = [];
    const leave = plane.informers.for(pods).onChange(() => {
      const here = plane.informers.for(pods).by('namespace', ns);
      mixed.push(new Set(here.map(({ spec }) => spec.containers[0]?.image)).size);
    });
    await patchWeb(ns, { template: { spec: { containers: [{ name: 'c', image: 'two' }] } } });
    await until(
      'new Pods',
      async () =>
        (await isRolledOut(ns)) &&
        (await activePods(ns)).every(({ spec }) => spec.containers[0]?.image === 'two'),
    );
    leave();
    assert.equal(Math.max(...mixed), 1);
  });

  it('that is paused scales but does not roll, and goes on when resumed', async () => {
    const ns = await fresh();
    await plane.client.create(deployments, web(ns, { replicas: 2 }));
    await rolledOut(ns);
    await patchWeb(ns, {
      paused: true,
      replicas: 3,
      template: { spec: { containers: [{ name: 'c', image: 'two' }] } },
    });
    await until('scaled', async () => (await activePods(ns)).length === 3);
    await until('paused', async () => progress(await getWeb(ns))?.reason === 'DeploymentPaused');
    assert.equal((await list(replicaSets, ns)).length, 1);
    await patchWeb(ns, { paused: false });
    await until(
      'rolled out',
      async () =>
        (await isRolledOut(ns)) &&
        (await activePods(ns)).every(({ spec }) => spec.containers[0]?.image === 'two'),
    );
  });

  it('that cannot progress keeps its old Pods and says so after its deadline', async () => {
    const ns = await fresh();
    plane.nodes.unready.add('stuck-');
    await plane.client.create(services, service(ns));
    await plane.client.create(deployments, web(ns, { replicas: 2, progressDeadlineSeconds: 1 }));
    await rolledOut(ns);
    const broken = {
      metadata: { labels: { app: 'web', broken: 'yes' } },
      spec: { containers: [{ name: 'c', image: 'broken' }] },
    };
    plane.nodes.unready.add('web-');
    await patchWeb(ns, { template: broken });
    await until('timed out', async () => progress(await getWeb(ns))?.reason === 'ProgressDeadlineExceeded');
    plane.nodes.unready.delete('web-');
    assert.equal((await readyPods(ns)).length, 2);
  });

  it('deleted takes its ReplicaSets and Pods with it; deleted as an orphan it leaves them, and takes them up again', async () => {
    const ns = await fresh();
    await plane.client.create(deployments, web(ns, { replicas: 2 }));
    await rolledOut(ns);
    const names = (await list(pods, ns)).map(({ metadata }) => metadata.uid).sort();
    await plane.client.delete(deployments, { namespace: ns, name: 'web' }, { propagationPolicy: 'Orphan' });
    await until('the Deployment is gone', () => isGone(deployments, ns, 'web'));
    assert.equal((await list(replicaSets, ns))[0]?.metadata.ownerReferences, undefined);
    await plane.client.create(deployments, web(ns, { replicas: 2 }));
    await rolledOut(ns);
    assert.deepEqual((await list(pods, ns)).map(({ metadata }) => metadata.uid).sort(), names);
    await plane.client.delete(deployments, { namespace: ns, name: 'web' });
    await until(
      'all gone',
      async () => (await list(replicaSets, ns)).length + (await list(pods, ns)).length === 0,
    );
  });

  it('deleted in the foreground goes last', async () => {
    const ns = await fresh();
    await plane.client.create(deployments, web(ns, { replicas: 2 }));
    await rolledOut(ns);
    const order: string[] = [];
    const leave = [
      plane.informers
        .for(deployments)
        .onChange(
          ({ prev, next }) =>
            next === undefined && prev?.metadata.namespace === ns && order.push('deployment'),
        ),
      plane.informers
        .for(replicaSets)
        .onChange(
          ({ prev, next }) =>
            next === undefined && prev?.metadata.namespace === ns && order.push('replicaset'),
        ),
    ];
    await plane.client.delete(
      deployments,
      { namespace: ns, name: 'web' },
      { propagationPolicy: 'Foreground' },
    );
    await until(
      'all gone',
      async () => (await isGone(deployments, ns, 'web')) && (await list(pods, ns)).length === 0,
    );
    await until('told', async () => order.length === 2);
    for (const end of leave) end();
    assert.deepEqual(order, ['replicaset', 'deployment']);
  });
});

describe('a ReplicaSet', () => {
  it('lets a Pod go whose labels no longer match, makes another, and takes a matching orphan in', async () => {
    const ns = await fresh();
    await plane.client.create(deployments, web(ns, { replicas: 1 }));
    await rolledOut(ns);
    const [pod] = await list(pods, ns);
    const ref = { namespace: ns, name: pod?.metadata.name ?? '' };
    await plane.client.patch(pods, ref, { type: 'merge', body: { metadata: { labels: { app: 'debug' } } } });
    await until('released and replaced', async () => (await list(pods, ns)).length === 2);
    await until(
      'without owner',
      async () => (await plane.client.get(pods, ref)).metadata.ownerReferences === undefined,
    );
    await plane.client.patch(pods, ref, { type: 'merge', body: { metadata: { labels: { app: 'web' } } } });
    await until('one of the two has gone', async () => (await activePods(ns)).length === 1);
  });
});

it('nothing of all this was logged as a failure', () => {
  const bad = logger.lines.filter(({ level }) => level === 'error' || level === 'warn');
  assert.deepEqual(
    bad.map(({ message, fields }) => [message, fields.controller, fields.key, String(fields.err)]),
    [],
  );
});
