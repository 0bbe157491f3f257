import assert from 'node:assert/strict';
import { it } from 'node:test';
import { replicaSets } from '../api/apps/v1/replica-set.ts';
import { deployments } from '../api/apps/v1/deployment.ts';
import { endpoints } from '../api/core/v1/endpoints.ts';
import { services } from '../api/core/v1/service.ts';
import { endpointSlices } from '../api/discovery/v1/endpoint-slice.ts';
import { startControlPlane } from '../testing/control-plane.ts';
import { unreliable } from '../testing/unreliable-transport.ts';
import type { Trouble } from '../testing/unreliable-transport.ts';
import { createWorkloadLab } from '../testing/workload-lab.ts';

it('while requests, answers and watches get lost, everything ends as asked for, with nothing twice', async (t) => {
  const trouble: Trouble = { lost: 0, unanswered: 0, broken: 0 };
  const plane = await startControlPlane({ wrap: (transport) => unreliable(transport, trouble) });
  t.after(() => plane.stop());
  const lab = createWorkloadLab(() => plane.client);
  const ns = await lab.fresh();
  await plane.client.create(services, lab.service(ns));
  await plane.client.create(deployments, lab.web(ns, { replicas: 4 }));
  await lab.until('four ready endpoints', async () => (await lab.readyPods(ns)).length === 4);

  Object.assign(trouble, { lost: 0.1, unanswered: 0.1, broken: 0.1 });
  for (const [replicas, image] of [
    [6, 'two'],
    [2, 'two'],
    [5, 'three'],
  ] as const) {
    await lab.patchWeb(ns, { replicas, template: { spec: { containers: [{ name: 'c', image }] } } });
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  Object.assign(trouble, { lost: 0, unanswered: 0, broken: 0 });

  await lab.until('rolled out', async () => {
    const pods = await lab.activePods(ns);
    const isNew = pods.every(({ spec }) => spec.containers[0]?.image === 'three');
    return (
      pods.length === 5 && isNew && (await lab.isRolledOut(ns)) && (await lab.readyPods(ns)).length === 5
    );
  });
  await lab.until('old Pods are gone', async () => (await lab.endpointsOf(ns)).length === 5);
  assert.equal((await lab.list(endpointSlices, ns)).length, 1);
  assert.equal((await lab.list(replicaSets, ns)).length, 3);
  const ips = (await lab.activePods(ns)).map(({ status }) => status?.podIP).sort();
  await lab.until('the Endpoints say the same', async () => {
    const { subsets = [] } = await plane.client.get(endpoints, { namespace: ns, name: 'web' });
    const told = subsets.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip)).sort();
    return told.join() === ips.join();
  });
});
