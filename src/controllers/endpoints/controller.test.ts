import assert from 'node:assert/strict';
import { it } from 'node:test';
import { deployments } from '../../api/apps/v1/deployment.ts';
import { endpoints } from '../../api/core/v1/endpoints.ts';
import { events } from '../../api/core/v1/event.ts';
import { nodes } from '../../api/core/v1/node.ts';
import { services } from '../../api/core/v1/service.ts';
import { endpointSlices } from '../../api/discovery/v1/endpoint-slice.ts';
import type { Client } from '../../client/client.ts';
import { startControlPlane } from '../../testing/control-plane.ts';
import { createWorkloadLab } from '../../testing/workload-lab.ts';

const subsets = [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }];

it('Endpoints left over from a Service go at the start, but for leader election locks; later ones may come before theirs', async () => {
  const namespace = 'default';
  const prepare = async (client: Client): Promise<void> => {
    await client.create(endpoints, { metadata: { name: 'left', namespace }, subsets });
    const annotations = { 'control-plane.alpha.kubernetes.io/leader': '{}' };
    await client.create(endpoints, { metadata: { name: 'lock', namespace, annotations } });
    await client.create(services, {
      metadata: { name: 'hand', namespace },
      spec: { ports: [{ port: 80 }] },
    });
    await client.create(endpoints, { metadata: { name: 'hand', namespace }, subsets });
  };
  const plane = await startControlPlane({ prepare });
  const { until, isGone, list } = createWorkloadLab(() => plane.client);
  await until('swept', () => isGone(endpoints, namespace, 'left'));
  await plane.client.create(endpoints, { metadata: { name: 'early', namespace }, subsets });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const names = (await list(endpoints, namespace)).map(({ metadata }) => metadata.name);
  assert.deepEqual(names.sort(), ['early', 'hand', 'kubernetes', 'lock']);
  await plane.client.delete(services, { namespace, name: 'hand' });
  await until('gone with its Service', () => isGone(endpoints, namespace, 'hand'));
  await plane.stop();
});

it('changes of Pods are collected for as long as it is told to, those of a Service are not', async () => {
  const batchMs = 400;
  const endpointLimits = { endpointUpdatesBatchMs: batchMs, endpointSliceUpdatesBatchMs: batchMs };
  const plane = await startControlPlane({ endpointLimits });
  const { fresh, until, list, web, service, readyPods } = createWorkloadLab(() => plane.client);
  const ns = await fresh();
  const versions = new Set<string>();
  plane.informers.for(endpointSlices).onChange(({ next }) => {
    if (next?.metadata.namespace === ns) versions.add(next.metadata.resourceVersion ?? '');
  });
  const start = Date.now();
  await plane.client.create(services, service(ns));
  await until('the empty slice', async () => (await list(endpointSlices, ns)).length === 1);
  assert.ok(Date.now() - start < batchMs, 'a new Service is no matter for waiting');
  await plane.client.create(deployments, web(ns, { replicas: 6 }));
  await until('six ready endpoints', async () => (await readyPods(ns)).length === 6);
  assert.ok(versions.size <= 3, `${versions.size} writes`);
  const { subsets: found } = await plane.client.get(endpoints, { namespace: ns, name: 'web' });
  assert.equal(found?.[0]?.addresses?.length, 6);
  await plane.stop();
});

it('slices hold as many endpoints as they are told to, and hints by zone come and go with the nodes', async () => {
  const plane = await startControlPlane({ endpointLimits: { maxEndpointsPerSlice: 4 } });
  const { fresh, until, list, web, service, readyPods, endpointsOf } = createWorkloadLab(() => plane.client);
  const ns = await fresh();
  const annotations = { 'service.kubernetes.io/topology-mode': 'Auto' };
  const plain = service(ns);
  await plane.client.create(services, { ...plain, metadata: { ...plain.metadata, annotations } });
  await plane.client.create(deployments, web(ns, { replicas: 6 }));
  await until('six ready endpoints', async () => (await readyPods(ns)).length === 6);
  const sizes = (await list(endpointSlices, ns)).map((slice) => slice.endpoints.length);
  assert.ok(sizes.length >= 2 && sizes.every((size) => size <= 4), String(sizes));
  const isTold = (text: string) => async () =>
    (await list(events, ns)).some(({ message = '' }) => message === `${text}, addressType: IPv4`);
  await until(
    'the nodes say too little',
    isTold('Insufficient Node information: allocatable CPU or zone not specified on one or more nodes'),
  );
  const body = { status: { allocatable: { cpu: '2' } } };
  for (const name of ['node-1', 'node-2', 'node-3']) {
    await plane.client.patch(nodes, { name }, { type: 'merge', subresource: 'status', body });
  }
  const hints = async () =>
    (await endpointsOf(ns)).map((endpoint) => endpoint.hints?.forZones?.[0]?.name).sort();
  const byCpu = ['zone-1', 'zone-1', 'zone-1', 'zone-1', 'zone-2', 'zone-2'];
  await until('by CPU', async () => (await hints()).join() === byCpu.join());
  await until('told', isTold('Topology Aware Hints has been enabled'));
  const off = { metadata: { annotations: { 'service.kubernetes.io/topology-mode': 'Disabled' } } };
  await plane.client.patch(services, { namespace: ns, name: 'web' }, { type: 'merge', body: off });
  await until('none', async () => (await hints()).every((zone) => zone === undefined));
  await until('told as well', isTold('Topology Aware Hints has been disabled'));
  await plane.stop();
});
