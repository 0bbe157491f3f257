import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deployments } from '../../api/apps/v1/deployment.ts';
import { replicaSets } from '../../api/apps/v1/replica-set.ts';
import { endpoints } from '../../api/core/v1/endpoints.ts';
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
  until,
  web,
  service,
  endpointsOf,
  readyPods,
  activePods,
  getWeb,
  patchWeb,
  progress,
  rolledOut,
} = createWorkloadLab(() => plane.client);

describe('a Service and a Deployment', () => {
  it('end in ready endpoints on different nodes, in slices and in Endpoints', async () => {
    const ns = await fresh();
    await plane.client.create(services, service(ns));
    await until(
      'the new Service has its empty slice',
      async () => (await list(endpointSlices, ns)).length === 1,
    );
    await plane.client.create(deployments, web(ns));
    await until('three ready endpoints', async () => (await readyPods(ns)).length === 3);
    await rolledOut(ns);
    assert.equal(new Set((await endpointsOf(ns)).map(({ nodeName }) => nodeName)).size, 3);
    assert.equal((await list(endpointSlices, ns)).length, 1);
    const { subsets } = await plane.client.get(endpoints, { namespace: ns, name: 'web' });
    assert.deepEqual(
      [subsets?.length, subsets?.[0]?.addresses?.length, subsets?.[0]?.ports?.[0]?.port],
      [1, 3, 9376],
    );
    assert.equal(progress(await getWeb(ns))?.reason, 'NewReplicaSetAvailable');
  });

  it('settle: nothing is written any more once nothing changes', async () => {
    const ns = await fresh();
    await plane.client.create(services, service(ns));
    await plane.client.create(deployments, web(ns));
    await rolledOut(ns);
    await until('three ready endpoints', async () => (await readyPods(ns)).length === 3);
    const versions = async () => {
      const all = [
        ...(await list(endpointSlices, ns)),
        ...(await list(endpoints, ns)),
        ...(await list(replicaSets, ns)),
        await getWeb(ns),
      ];
      return all.map(({ metadata }) => metadata.resourceVersion);
    };
    await until('nothing was written for 300 ms', async () => {
      const before = await versions();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return before.join() === (await versions()).join();
    });
  });

  it('a Pod that is not ready leaves the endpoints and comes back', async () => {
    const ns = await fresh();
    await plane.client.create(services, service(ns));
    await plane.client.create(deployments, web(ns));
    await until('three ready endpoints', async () => (await readyPods(ns)).length === 3);
    const [pod] = await list(pods, ns);
    assert.ok(pod !== undefined);
    await plane.nodes.setReady(pod, false);
    await until('it has left', async () => !(await readyPods(ns)).includes(pod.metadata.name));
    assert.equal((await endpointsOf(ns)).length, 3);
    await plane.nodes.setReady(pod, true);
    await until('it is back', async () => (await readyPods(ns)).includes(pod.metadata.name));
  });

  it('scale up, down and to zero, and the empty slice stays', async () => {
    const ns = await fresh();
    await plane.client.create(services, service(ns));
    await plane.client.create(deployments, web(ns));
    for (const replicas of [5, 1, 0, 2]) {
      await patchWeb(ns, { replicas });
      await until(
        `${replicas} ready endpoints`,
        async () => (await readyPods(ns)).length === replicas && (await activePods(ns)).length === replicas,
      );
      await rolledOut(ns);
    }
    await patchWeb(ns, { replicas: 0 });
    await until('no endpoints', async () => (await endpointsOf(ns)).length === 0);
    assert.equal((await list(endpointSlices, ns)).length, 1);
  });

  it('a Pod that is deleted is not ready at once, serves on, and is replaced', async () => {
    const ns = await fresh();
    await plane.client.create(services, service(ns));
    await plane.client.create(deployments, web(ns));
    await until('three ready endpoints', async () => (await readyPods(ns)).length === 3);
    const [pod] = await list(pods, ns);
    const seen: (boolean | undefined)[] = [];
    const leave = plane.informers.for(endpointSlices).onChange(({ next }) => {
      const endpoint = next?.endpoints.find(({ targetRef }) => targetRef?.uid === pod?.metadata.uid);
      if (endpoint?.conditions?.terminating === true)
        seen.push(endpoint.conditions.ready, endpoint.conditions.serving);
    });
    await plane.client.delete(pods, { namespace: ns, name: pod?.metadata.name ?? '' });
    await until(
      'three ready ones again',
      async () => (await readyPods(ns)).length === 3 && (await endpointsOf(ns)).length === 3,
    );
    leave();
    assert.deepEqual(seen.slice(0, 2), [false, true]);
  });

  it('a selector-less Service has the slices of its hand-written Endpoints', async () => {
    const ns = await fresh();
    await plane.client.create(
      services,
      service(ns, { selector: undefined, ports: [{ port: 80, targetPort: 9376 }] }),
    );
    await plane.client.create(endpoints, {
      metadata: { name: 'web', namespace: ns },
      subsets: [{ addresses: [{ ip: '192.0.2.42' }], ports: [{ port: 9376 }] }],
    });
    await until(
      'mirrored',
      async () => (await endpointsOf(ns)).map(({ addresses }) => addresses[0]).join() === '192.0.2.42',
    );
    await plane.client.delete(endpoints, { namespace: ns, name: 'web' });
    await until('gone with them', async () => (await list(endpointSlices, ns)).length === 0);
  });

  it('the slices and Endpoints of a deleted Service go', async () => {
    const ns = await fresh();
    await plane.client.create(services, service(ns));
    await until('a slice', async () => (await list(endpointSlices, ns)).length === 1);
    await plane.client.delete(services, { namespace: ns, name: 'web' });
    await until(
      'gone',
      async () => (await list(endpointSlices, ns)).length + (await list(endpoints, ns)).length === 0,
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
