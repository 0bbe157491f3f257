import assert from 'node:assert/strict';
import { it } from 'node:test';
import { deployments } from '../api/apps/v1/deployment.ts';
import { replicaSets } from '../api/apps/v1/replica-set.ts';
import { endpoints } from '../api/core/v1/endpoints.ts';
import { pods } from '../api/core/v1/pod.ts';
import { services } from '../api/core/v1/service.ts';
import { endpointSlices } from '../api/discovery/v1/endpoint-slice.ts';
import type { Kind, KubeObject } from '../api/kind.ts';
import { fakeClock, realClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { createClient } from '../client/client.ts';
import type { Client } from '../client/client.ts';
import { createInformers } from '../client/informers.ts';
import type { Transport } from '../client/transport.ts';
import { startInProcessApi } from '../testing/in-process-api.ts';
import { eventually } from '../testing/test-cluster.ts';
import { createWorkloadLab } from '../testing/workload-lab.ts';
import type { Controller, ControllerDeps } from './controller.ts';
import { createDeploymentController } from './deployment/controller.ts';
import { createEndpointsController } from './endpoints/controller.ts';
import { createEndpointSliceController } from './endpointslice/controller.ts';
import { createReplicaSetController } from './replicaset/controller.ts';
import { createServicePods } from './service-pods.ts';

/** While `isCut`, nothing of `kind` can be read, and its watch breaks at the first event. */
function cuttable(
  inner: Transport,
  kind: Kind,
): { readonly transport: Transport; readonly setCut: (isCut: boolean) => void } {
  let isCut = false;
  async function* watched(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      if (isCut) throw new Error('cut off');
      yield chunk;
    }
  }
  const request: Transport['request'] = async (asked) => {
    const isRead = asked.method === 'GET' && new URL(asked.path, 'http://api').pathname.endsWith(kind.plural);
    if (isRead && isCut) throw new Error('cut off');
    const response = await inner.request(asked);
    return isRead ? { ...response, body: watched(response.body) } : response;
  };
  return { transport: { request, close: () => inner.close() }, setCut: (value) => void (isCut = value) };
}

const lab = createWorkloadLab(() => {
  throw new Error('only its objects are used');
});
const { selector, template } = lab.web('default').spec;

interface Case {
  readonly kind: Kind;
  readonly controller: (deps: ControllerDeps) => Controller;
  readonly create: (client: Client) => Promise<unknown>;
}

const createService = (client: Client): Promise<unknown> => client.create(services, lab.service('default'));
const cases: Readonly<Record<string, Case>> = {
  'a Pod of a ReplicaSet': {
    kind: pods,
    controller: createReplicaSetController,
    create: (client) =>
      client.create(replicaSets, {
        metadata: { name: 'web', namespace: 'default' },
        spec: { replicas: 1, selector, template },
      }),
  },
  'a ReplicaSet of a Deployment': {
    kind: replicaSets,
    controller: createDeploymentController,
    create: (client) => client.create(deployments, lab.web('default')),
  },
  'an EndpointSlice of a Service': {
    kind: endpointSlices,
    controller: (deps) => createEndpointSliceController(deps, createServicePods(deps.informers)),
    create: createService,
  },
  'the Endpoints of a Service': {
    kind: endpoints,
    controller: (deps) => createEndpointsController(deps, createServicePods(deps.informers)),
    create: createService,
  },
};

for (const [what, { kind, controller, create }] of Object.entries(cases)) {
  it(
    `${what} that was removed before its controller saw it is made anew`,
    { timeout: 400_000 },
    async (t) => {
      const api = startInProcessApi();
      const { transport, setCut } = cuttable(api.client.transport, kind);
      const client = createClient(transport);
      const informers = createInformers({ client, clock: realClock, logger: silentLogger });
      const clock = fakeClock(Date.now());
      const stop = new AbortController();
      const running = [controller({ client, informers, clock, logger: silentLogger }), informers].map(
        (part) => part.run(stop.signal),
      );
      t.after(async () => {
        stop.abort();
        await Promise.all(running);
        await api.stop();
      });
      await informers.synced(stop.signal);
      const made = async (): Promise<KubeObject | undefined> =>
        (await api.client.list(kind, { namespace: 'default' })).items.find(({ metadata }) =>
          metadata.name.startsWith('web'),
        );
      setCut(true);
      await create(api.client);
      const first = await eventually(what, made);
      await api.client.delete(kind, first.metadata, { gracePeriodSeconds: 0 });
      setCut(false);
      const again = await eventually(`${what} again`, async () => {
        await clock.advance(1_000);
        return made();
      });
      assert.notEqual(again.metadata.uid, first.metadata.uid);
    },
  );
}
