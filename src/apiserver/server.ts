import type { AddressInfo } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { serviceUnavailable } from '../api/errors/api-error.ts';
import { nodes } from '../api/core/v1/node.ts';
import type { Node } from '../api/core/v1/node.ts';
import { pods } from '../api/core/v1/pod.ts';
import type { Pod } from '../api/core/v1/pod.ts';
import type { KubeObject } from '../api/kind.ts';
import type { Store } from '../storage/store.ts';
import { createAccess } from './access.ts';
import type { Access } from './access.ts';
import type { Authorizer } from './authorization/authorize.ts';
import type { ApiServerConfig } from './config.ts';
import { createConnectors } from './connect/connectors.ts';
import { createFlowControl } from './flow/flow-control.ts';
import { createHandler } from './http/handler.ts';
import { listenAll } from './http/listeners.ts';
import type { Listening } from './http/listeners.ts';
import type { HttpRequest, HttpResponse } from './http/message.ts';
import { createStreams } from './http/streams.ts';
import type { Streams } from './http/streams.ts';
import { healthChecks } from './discovery/server-health.ts';
import { measuredStore } from './metrics/measured-store.ts';
import { createPodLogs } from './logs/pod-logs.ts';
import { createResources } from './registry/resources.ts';
import type { Registry } from './registry/resources.ts';
import { createServerObservation } from './server-observation.ts';
import type { Connect, Resource } from './rest/rest.ts';

/** So long the first answers wait for the registry. */
const FIRST_ANSWER_MS = 300;
/** Long for a start, short for a client. */
const START_WAIT_MS = 10_000;

export interface ApiServerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Instead of what the configuration's modes say. */
  readonly authorizer?: Authorizer;
}

export interface ApiServer {
  /**
   * Answers one request; every refusal is a response. Before `run` it waits for it. The body of a watch or a log lasts
   * until the request's signal aborts, its time is over, or the server stops.
   */
  handle(request: HttpRequest): Promise<HttpResponse>;
  /** What the server listens on, in the order of the configuration, as soon as it does. Rejects when `run` fails. */
  addresses(): Promise<readonly AddressInfo[]>;
  /**
   * Serves until `signal` aborts, then ends watches, lets running requests finish for a moment and resolves. Rejects
   * when an endpoint cannot be listened on or the store fails.
   */
  run(signal: AbortSignal): Promise<void>;
}

/** One API server. It does nothing until `run`. */
export function createApiServer(config: ApiServerConfig, deps: ApiServerDeps): ApiServer {
  const { store, clock, logger } = deps;
  const access = createAccess(config, deps);
  const shared = { config, clock, logger };
  const streams = createStreams(clock);
  let isStopping = false;
  const observation = createServerObservation(config, { clock, logger });
  const { metrics, exposition } = observation;
  const handler = Promise.withResolvers<ApiServer['handle']>();
  const addresses = Promise.withResolvers<readonly AddressInfo[]>();
  // Nobody needs to ask for either; `run` itself reports the failure.
  for (const { promise } of [handler, addresses]) promise.catch(() => undefined);
  const handle = answeringBy(handler.promise);
  const start = async (): Promise<Parts> => {
    await observation.open();
    const measured = measuredStore(store, { clock, stored: metrics.stored });
    const [registry, listening] = await Promise.all([
      createResources({
        ...shared,
        store: measured.store,
        watched: metrics.watched,
        admissions: access.join,
      }),
      listenAll({ ...shared, handle }),
    ]);
    const resources = await access.extend(withPodLogs(registry.list, config));
    const observe = observation.begin(resources, registry);
    const health = healthChecks({ measured, registry, isStopping: () => isStopping });
    const answer = createHandler({
      ...shared,
      ...handling(access, { config, clock, resources, streams }),
      resources,
      health,
      metrics: exposition,
      observe,
      untilServing: waitingFor(registry, clock),
    });
    void soonReady(registry, clock).then(() => handler.resolve(answer));
    addresses.resolve(listening.addresses);
    return { registry, listening, streams, access };
  };
  return {
    handle,
    addresses: () => addresses.promise,
    run: async (signal) => {
      try {
        signal.addEventListener('abort', () => (isStopping = true), { once: true });
        await serveUntil(await start(), signal);
        await observation.close();
      } catch (error) {
        handler.reject(error);
        addresses.reject(error);
        throw error;
      }
    },
  };
}

/** Answers by what there will be one day; once it is there nobody waits for it any more. */
function answeringBy(handler: Promise<ApiServer['handle']>): ApiServer['handle'] {
  let ready: ApiServer['handle'] | undefined;
  handler.then(
    (answer) => (ready = answer),
    () => undefined,
  );
  return (request) => ready?.(request) ?? handler.then((answer) => answer(request));
}

/** Resolves when the registry is ready, or is not so soon: a start takes less, and who asks meanwhile need not ask again. */
function soonReady({ firstReady }: Registry, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(FIRST_ANSWER_MS, resolve);
    void firstReady.then(() => {
      cancel();
      resolve();
    });
  });
}

/** What every cluster has exists a moment after the server listens: who asks for objects before that waits for it. */
function waitingFor({ firstReady }: Registry, clock: Clock): () => Promise<void> | undefined {
  let isServing = false;
  void firstReady.then(() => (isServing = true));
  return () => {
    if (isServing) return undefined;
    return new Promise((resolve, reject) => {
      const cancel = clock.after(START_WAIT_MS, () =>
        reject(serviceUnavailable('the server is still starting, please try again')),
      );
      void firstReady.then(() => {
        cancel();
        resolve();
      });
    });
  };
}

interface Handling {
  readonly config: ApiServerConfig;
  readonly clock: Clock;
  readonly resources: readonly Resource<KubeObject>[];
  readonly streams: Streams;
}

/** What of a request's way is about who asks, and what lasts. */
function handling({ authenticate, authorizer, document }: Access, parts: Handling) {
  const { config, clock, resources, streams } = parts;
  return {
    authenticate,
    authorizer,
    flow: createFlowControl(config.limits, clock),
    tokenDocument: document,
    streams,
    connectors: createConnectors({ config, resources, streams, authorizer }),
  };
}

interface Parts {
  readonly registry: Registry;
  readonly listening: Listening;
  readonly streams: Streams;
  readonly access: Access;
}

/** The registry outlives the last request. Rejects when it fails by itself, after everything has stopped. */
async function serveUntil(
  { registry, listening, streams, access }: Parts,
  signal: AbortSignal,
): Promise<void> {
  const registryStop = new AbortController();
  const stopAsked = Promise.withResolvers<void>();
  if (signal.aborted) stopAsked.resolve();
  signal.addEventListener('abort', () => stopAsked.resolve(), { once: true });
  const running = registry.run(registryStop.signal);
  const keeping = access.run(registryStop.signal, () => registry.ready());
  try {
    await Promise.race([stopAsked.promise, running]);
  } finally {
    streams.close();
    await listening.stop();
    registryStop.abort();
  }
  await Promise.all([running, keeping]);
}

/** Logs come from the agents of the nodes, so they are no matter of the registry. */
function withPodLogs(
  resources: readonly Resource<KubeObject>[],
  { kubelet }: ApiServerConfig,
): readonly Resource<KubeObject>[] {
  const nodeResource = resources.find(({ kind }) => kind === nodes);
  if (nodeResource === undefined) return resources;
  const log = createPodLogs({ nodes: nodeResource.read as Resource<Node>['read'], kubelet });
  const connect: Connect<KubeObject> = (scope, pod, query) => log(scope, pod as Pod, query);
  return resources.map((resource) =>
    resource.kind === pods ? { ...resource, connect: { ...resource.connect, log: connect } } : resource,
  );
}
