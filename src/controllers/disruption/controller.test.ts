import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deployments } from '../../api/apps/v1/deployment.ts';
import { events } from '../../api/core/v1/event.ts';
import { jobs } from '../../api/batch/v1/job.ts';
import { pods } from '../../api/core/v1/pod.ts';
import { ApiError } from '../../api/errors/api-error.ts';
import { podDisruptionBudgets } from '../../api/policy/v1/pod-disruption-budget.ts';
import type { PodDisruptionBudgetSpec } from '../../api/policy/v1/pod-disruption-budget.ts';
import { memoryLogger } from '../../base/logger.ts';
import { call } from '../../client/call.ts';
import { startControlPlane } from '../../testing/control-plane.ts';
import type { ControlPlane } from '../../testing/control-plane.ts';
import { createWorkloadLab } from '../../testing/workload-lab.ts';

let plane: ControlPlane;
const logger = memoryLogger();
before(async () => {
  plane = await startControlPlane({ logger });
});
after(() => plane.stop());
const { fresh, list, until, web, rolledOut, activePods, patchWeb } = createWorkloadLab(() => plane.client);

const protect = (namespace: string, spec: PodDisruptionBudgetSpec) =>
  plane.client.create(podDisruptionBudgets, {
    metadata: { name: 'b', namespace },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
  });
const statusOf = async (namespace: string) =>
  (await plane.client.get(podDisruptionBudgets, { namespace, name: 'b' })).status;
const said = async (namespace: string) => {
  const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods, conditions } =
    (await statusOf(namespace)) ?? {};
  const reason = conditions?.find(({ type }) => type === 'DisruptionAllowed')?.reason;
  return [disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods, reason].join(' ');
};
const untilSaid = (namespace: string, wanted: string) =>
  until(wanted, async () => (await said(namespace)) === wanted);

/** What the answer to an eviction says; 'evicted' when it is done. */
async function evict(namespace: string, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`;
  const body = JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } });
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  try {
    await call(plane.client.transport, { method: 'POST', path, headers, body });
    return 'evicted';
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    const causes = error.status.details?.causes ?? [];
    return [error.code, error.message, ...causes.map(({ message }) => message)].join(' | ');
  }
}

describe('evictions under a budget', () => {
  it('go until it is spent, and on as soon as there are enough Pods again', async () => {
    const ns = await fresh();
    await plane.client.create(deployments, web(ns));
    await rolledOut(ns);
    await protect(ns, { maxUnavailable: 1 });
    await untilSaid(ns, '1 3 2 3 SufficientPods');
    // The replacement is not to become ready: the budget stays spent.
    plane.nodes.unready.add('web-');
    const [first, second] = await activePods(ns);
    assert.equal(await evict(ns, first?.metadata.name ?? ''), 'evicted');
    await untilSaid(ns, '0 2 2 3 InsufficientPods');
    const refused =
      "429 | Cannot evict pod as it would violate the pod's disruption budget. | The disruption budget b needs 2 healthy pods and has 2 currently";
    assert.equal(await evict(ns, second?.metadata.name ?? ''), refused);
    plane.nodes.unready.delete('web-');
    for (const pod of await activePods(ns)) await plane.nodes.setReady(pod, true);
    await untilSaid(ns, '1 3 2 3 SufficientPods');
    assert.equal(await evict(ns, second?.metadata.name ?? ''), 'evicted');
  });

  it('of a whole node, tried again as kubectl drain does, leave what the budget asks for', async () => {
    const ns = await fresh();
    await plane.client.create(deployments, web(ns, { replicas: 4 }));
    await rolledOut(ns);
    await protect(ns, { minAvailable: '75%' });
    await untilSaid(ns, '1 4 3 4 SufficientPods');
    const old = await activePods(ns);
    for (const { metadata } of old) {
      await until(`${metadata.name} is evicted`, async () => (await evict(ns, metadata.name)) === 'evicted');
      const nReady = (await activePods(ns)).filter(({ status }) =>
        status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
      ).length;
      assert.ok(nReady >= 3, `${nReady} are ready`);
    }
    await untilSaid(ns, '1 4 3 4 SufficientPods');
    const names = new Set((await activePods(ns)).map(({ metadata }) => metadata.name));
    assert.deepEqual(
      old.filter(({ metadata }) => names.has(metadata.name)),
      [],
    );
  });

  it('keep to what is wanted by now', async () => {
    const ns = await fresh();
    await plane.client.create(deployments, web(ns));
    await rolledOut(ns);
    await protect(ns, { minAvailable: '50%' });
    await untilSaid(ns, '1 3 2 3 SufficientPods');
    await patchWeb(ns, { replicas: 4 });
    await untilSaid(ns, '2 4 2 4 SufficientPods');
  });
});

describe('a budget', { concurrency: true }, () => {
  it('of Pods whose controller has no scale says that it cannot be judged', async () => {
    const ns = await fresh();
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] },
    };
    await plane.client.create(jobs, { metadata: { name: 'once', namespace: ns }, spec: { template } });
    await until('a Pod', async () => (await activePods(ns)).length === 1);
    await protect(ns, { maxUnavailable: 1 });
    await until('refused', async () => (await said(ns)).endsWith('SyncFailed'));
    const [condition] = (await statusOf(ns))?.conditions ?? [];
    const why = 'jobs.batch does not implement the scale subresource';
    assert.deepEqual([condition?.status, condition?.message], ['False', why]);
    await until('an Event', async () =>
      (await list(events, ns)).some(
        ({ reason, message }) =>
          reason === 'CalculateExpectedPodCountFailed' &&
          message === `Failed to calculate the number of expected pods: ${why}`,
      ),
    );
  });

  it('of Pods without a controller counts them by minAvailable only, and says so', async () => {
    const ns = await fresh();
    await plane.client.create(pods, {
      metadata: { name: 'lone', namespace: ns, labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    await protect(ns, { maxUnavailable: 1 });
    await untilSaid(ns, '0 1 0 0 InsufficientPods');
    await until('an Event', async () =>
      (await list(events, ns)).some(({ reason }) => reason === 'UnmanagedPods'),
    );
    await plane.client.patch(
      podDisruptionBudgets,
      { namespace: ns, name: 'b' },
      { type: 'merge', body: { spec: { maxUnavailable: null, minAvailable: 0 } } },
    );
    await untilSaid(ns, '1 1 0 1 SufficientPods');
    assert.equal(await evict(ns, 'lone'), 'evicted');
  });
});

it('a Pod that was said to be going and has not gone is not said to be any more', async () => {
  const ns = await fresh();
  await plane.client.create(pods, {
    metadata: { name: 'stays', namespace: ns },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
  const at = { namespace: ns, name: 'stays' };
  const conditions = [
    {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      lastTransitionTime: '2020-01-01T00:00:00Z',
    },
  ];
  await plane.client.patch(pods, at, {
    type: 'strategic',
    subresource: 'status',
    body: { status: { conditions } },
  });
  await until('taken back', async () => {
    const { status } = await plane.client.get(pods, at);
    return status?.conditions?.some((c) => c.type === 'DisruptionTarget' && c.status === 'False') ?? false;
  });
});

it('nothing of all this was logged as a failure', () => {
  const bad = logger.lines.filter(({ level }) => level === 'error' || level === 'warn');
  assert.deepEqual(
    bad.map(({ message, fields }) => [message, fields.controller, fields.key, String(fields.err)]),
    [],
  );
});
