import assert from 'node:assert/strict';
import { it } from 'node:test';
import { endpoints } from '../../api/core/v1/endpoints.ts';
import { events } from '../../api/core/v1/event.ts';
import { services } from '../../api/core/v1/service.ts';
import { endpointSlices } from '../../api/discovery/v1/endpoint-slice.ts';
import { realClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createInformers } from '../../client/informers.ts';
import { startInProcessApi } from '../../testing/in-process-api.ts';
import { eventually } from '../../testing/test-cluster.ts';
import { createEndpointSliceController } from '../endpointslice/controller.ts';
import { createServicePods } from '../service-pods.ts';
import { createEndpointSliceMirroringController } from './controller.ts';

it('what is too much to mirror is told; the mirror ends with a selector; slices of others stay as they are', async (t) => {
  const api = startInProcessApi();
  const { client } = api;
  const informers = createInformers({ client, clock: realClock, logger: silentLogger });
  const endpointLimits = { mirroringMaxEndpointsPerSubset: 2 };
  const deps = { client, informers, clock: realClock, logger: silentLogger, endpointLimits };
  const stopping = new AbortController();
  const parts = [
    createEndpointSliceMirroringController(deps),
    createEndpointSliceController(deps, createServicePods(informers)),
    informers,
  ];
  const running = parts.map((part) => part.run(stopping.signal));
  t.after(async () => {
    stopping.abort();
    await Promise.all(running);
    await api.stop();
  });
  const namespace = 'default';
  const metadata = { name: 'db', namespace };
  const mirrored = async (): Promise<number[]> => {
    const { items } = await client.list(endpointSlices, {
      namespace,
      labelSelector:
        'kubernetes.io/service-name=db,endpointslice.kubernetes.io/managed-by=endpointslicemirroring-controller.k8s.io',
    });
    return items.map((slice) => slice.endpoints.length);
  };

  const labels = { 'kubernetes.io/service-name': 'db', 'endpointslice.kubernetes.io/managed-by': 'me' };
  const mine = await client.create(endpointSlices, {
    metadata: { name: 'mine', namespace, labels },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.9'] }],
  });
  await client.create(endpoints, {
    metadata,
    subsets: [{ addresses: [1, 2, 3].map((n) => ({ ip: `192.0.2.${n}` })), ports: [{ port: 80 }] }],
  });
  await client.create(services, { metadata, spec: { ports: [{ port: 80 }] } });
  await eventually('two of three', async () => ((await mirrored()).join() === '2' ? true : undefined));
  const told = await eventually('an event', async () =>
    (await client.list(events, { namespace })).items.find(
      ({ involvedObject }) => involvedObject.name === 'db',
    ),
  );
  assert.deepEqual(
    [told.type, told.reason, told.message, told.involvedObject.kind],
    [
      'Warning',
      'TooManyAddressesToMirror',
      'A max of 2 addresses can be mirrored to EndpointSlices per Endpoints subset. 1 addresses were skipped',
      'Endpoints',
    ],
  );

  await client.patch(services, metadata, { type: 'merge', body: { spec: { selector: { app: 'db' } } } });
  await eventually('none', async () => ((await mirrored()).length === 0 ? true : undefined));
  await client.patch(services, metadata, { type: 'merge', body: { spec: { selector: null } } });
  await eventually('two again', async () => ((await mirrored()).join() === '2' ? true : undefined));
  const skip = { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } };
  await client.patch(endpoints, metadata, { type: 'merge', body: skip });
  await eventually('none again', async () => ((await mirrored()).length === 0 ? true : undefined));
  assert.deepEqual(await client.get(endpointSlices, mine.metadata), mine);
});
