import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { jobs } from '../../api/batch/v1/job.ts';
import type { Job } from '../../api/batch/v1/job.ts';
import { events } from '../../api/core/v1/event.ts';
import { pods } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { replicationControllers } from '../../api/core/v1/replication-controller.ts';
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
const { fresh, list, until, activePods, isGone } = createWorkloadLab(() => plane.client);

const spec = { restartPolicy: 'Never', containers: [{ name: 'c', image: 'one' }] };
const work = (namespace: string, changes: Partial<Job['spec']> = {}): Job => ({
  metadata: { name: 'work', namespace },
  spec: { template: { spec }, ...changes },
});
const named = (namespace: string) => ({ namespace, name: 'work' });
const get = (namespace: string) => plane.client.get(jobs, named(namespace));
const has = async (namespace: string, type: string): Promise<boolean> =>
  (await get(namespace)).status?.conditions?.some((one) => one.type === type && one.status === 'True') ??
  false;
const end = async (pod: Pod, phase: 'Succeeded' | 'Failed'): Promise<void> => {
  const finishedAt = `${new Date().toISOString().slice(0, 19)}Z`;
  const state = { terminated: { exitCode: phase === 'Failed' ? 1 : 0, finishedAt } };
  const containerStatuses = [{ name: 'c', ready: false, restartCount: 0, image: '', imageID: '', state }];
  const body = { status: { phase, containerStatuses } };
  await plane.client.patch(pods, pod.metadata, { type: 'merge', subresource: 'status', body });
};
const running = async (namespace: string, n: number): Promise<readonly Pod[]> => {
  let found: readonly Pod[] = [];
  await until(`${n} running`, async () => {
    found = (await activePods(namespace)).filter(({ status }) => status?.phase === 'Running');
    return found.length === n;
  });
  return found;
};

describe('a Job', { concurrency: true }, () => {
  it('is complete when as many Pods have succeeded as it asks for, so many at a time', async () => {
    const ns = await fresh();
    await plane.client.create(jobs, work(ns, { completions: 3, parallelism: 2 }));
    for (const pod of await running(ns, 2)) await end(pod, 'Succeeded');
    const [last] = await running(ns, 1);
    assert.ok(last !== undefined);
    await end(last, 'Succeeded');
    await until('complete', () => has(ns, 'Complete'));
    const { status } = await get(ns);
    assert.deepEqual([status?.succeeded, status?.failed, status?.active], [3, undefined, undefined]);
    assert.ok(status?.startTime !== undefined && status.completionTime !== undefined);
    assert.deepEqual(
      status.conditions?.map(({ type, reason }) => [type, reason]),
      [
        ['SuccessCriteriaMet', 'CompletionsReached'],
        ['Complete', 'CompletionsReached'],
      ],
    );
    await until('nothing holds the Pods', async () =>
      (await list(pods, ns)).every(({ metadata }) => (metadata.finalizers ?? []).length === 0),
    );
    await until('told', async () =>
      (await list(events, ns)).some(
        ({ reason, message }) => reason === 'Completed' && message === 'Job completed',
      ),
    );
  });

  it('counts a Pod that somebody deleted once, and makes another', async () => {
    const ns = await fresh();
    await plane.client.create(jobs, work(ns));
    const [pod] = await running(ns, 1);
    await plane.client.delete(pods, { namespace: ns, name: pod?.metadata.name ?? '' });
    const isCounted = async () => (await get(ns)).status?.failed === 1;
    await until('counted', isCounted);
    await until('gone', () => isGone(pods, ns, pod?.metadata.name ?? ''));
    const [second] = await running(ns, 1);
    assert.notEqual(second?.metadata.uid, pod?.metadata.uid);
    assert.ok(await isCounted());
  });

  it('fails when more Pods have failed than it allows', async () => {
    const ns = await fresh();
    await plane.client.create(jobs, work(ns, { backoffLimit: 0, completions: 2, parallelism: 2 }));
    const [first] = await running(ns, 2);
    assert.ok(first !== undefined);
    await end(first, 'Failed');
    await until('failed', () => has(ns, 'Failed'));
    const { status } = await get(ns);
    const failed = status?.conditions?.find(({ type }) => type === 'Failed');
    assert.deepEqual(
      [failed?.reason, failed?.message],
      ['BackoffLimitExceeded', 'Job has reached the specified backoff limit'],
    );
    assert.equal(status?.completionTime, undefined);
    assert.equal(
      (await activePods(ns)).filter(({ status: { phase } = {} }) => phase === 'Running').length,
      0,
    );
  });

  it('gives each Pod its number', async () => {
    const ns = await fresh();
    const indexed = { completionMode: 'Indexed', completions: 3, parallelism: 3 };
    await plane.client.create(jobs, work(ns, indexed));
    const all = await running(ns, 3);
    const numbers = all.map(
      ({ metadata }) => metadata.annotations?.['batch.kubernetes.io/job-completion-index'],
    );
    assert.deepEqual(numbers.sort(), ['0', '1', '2']);
    const second = all.find(({ spec: { hostname } }) => hostname === 'work-1');
    assert.match(second?.metadata.name ?? '', /^work-1-/);
    assert.equal(second?.spec.containers[0]?.env?.[0]?.name, 'JOB_COMPLETION_INDEX');
    for (const pod of all) await end(pod, 'Succeeded');
    await until('complete', () => has(ns, 'Complete'));
    const { status } = await get(ns);
    assert.deepEqual([status?.completedIndexes, status?.succeeded], ['0-2', 3]);
  });

  it('stops while it is suspended', async () => {
    const ns = await fresh();
    await plane.client.create(jobs, work(ns));
    await running(ns, 1);
    const suspend = (value: boolean) =>
      plane.client.patch(jobs, named(ns), { type: 'merge', body: { spec: { suspend: value } } });
    await suspend(true);
    await until('suspended', () => has(ns, 'Suspended'));
    await until('no Pod', async () => (await list(pods, ns)).length === 0);
    assert.equal((await get(ns)).status?.startTime, undefined);
    await suspend(false);
    await running(ns, 1);
    await until('no longer', async () => !(await has(ns, 'Suspended')));
  });

  it('takes its Pods with it, those that ended as well', async () => {
    const ns = await fresh();
    await plane.client.create(jobs, work(ns, { ttlSecondsAfterFinished: 0 }));
    const [pod] = await running(ns, 1);
    assert.ok(pod !== undefined);
    await end(pod, 'Succeeded');
    await until('the Job is gone', () => isGone(jobs, ns, 'work'));
    await until('the Pod is gone', async () => (await list(pods, ns)).length === 0);
    await plane.client.create(jobs, work(ns));
    await running(ns, 1);
    await plane.client.delete(jobs, named(ns), { propagationPolicy: 'Background' });
    await until('the other Pod is gone', async () => (await list(pods, ns)).length === 0);
  });

  it('leaves its Pods behind, free, where the client does not say', async () => {
    const ns = await fresh();
    await plane.client.create(jobs, work(ns));
    const [pod] = await running(ns, 1);
    await plane.client.delete(jobs, named(ns));
    await until('the Job is gone', () => isGone(jobs, ns, 'work'));
    await until('the Pod is nobody’s', async () => {
      const [left] = await list(pods, ns);
      return left?.metadata.ownerReferences === undefined && left?.metadata.finalizers === undefined;
    });
    await plane.client.create(jobs, work(ns));
    const all = await running(ns, 2);
    assert.ok(all.some(({ metadata }) => metadata.uid === pod?.metadata.uid));
  });

  it('is left alone when another controller looks after it', async () => {
    const ns = await fresh();
    await plane.client.create(jobs, work(ns, { managedBy: 'example.com/other' }));
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual([(await get(ns)).status, (await list(pods, ns)).length], [{}, 0]);
  });
});

it('a ReplicationController keeps its Pods', async () => {
  const ns = await fresh();
  const labels = { app: 'old' };
  const template = { metadata: { labels }, spec: { containers: spec.containers } };
  const rc = { metadata: { name: 'old', namespace: ns }, spec: { replicas: 2, template } };
  await plane.client.create(replicationControllers, rc);
  const ready = async () =>
    (await plane.client.get(replicationControllers, { namespace: ns, name: 'old' })).status?.readyReplicas ??
    0;
  await until('two', async () => (await ready()) === 2);
  const [pod] = await activePods(ns);
  assert.equal(pod?.metadata.ownerReferences?.[0]?.kind, 'ReplicationController');
  const body = { spec: { replicas: 1 } };
  await plane.client.patch(replicationControllers, { namespace: ns, name: 'old' }, { type: 'merge', body });
  await until('one', async () => (await ready()) === 1 && (await list(pods, ns)).length === 1);
});

it('nothing of all this was logged as a failure', () => {
  const bad = logger.lines.filter(({ level }) => level === 'error' || level === 'warn');
  assert.deepEqual(
    bad.map(({ message, fields }) => [message, fields.controller, fields.key, String(fields.err)]),
    [],
  );
});
