import type { AddressInfo } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { nodes } from '../api/core/v1/node.ts';
import type { Node } from '../api/core/v1/node.ts';
import { pods } from '../api/core/v1/pod.ts';
import type { Pod } from '../api/core/v1/pod.ts';
import type { KubeObject } from '../api/kind.ts';
import type { Store } from '../storage/store.ts';
import { createAuthenticator } from './authentication/authenticate.ts';
import { alwaysAllow } from './authorization/authorize.ts';
import type { Authorizer } from './authorization/authorize.ts';
import type { ApiServerConfig } from './config.ts';
import { createHandler } from './http/handler.ts';
import { listenAll } from './http/listeners.ts';
import type { HttpRequest, HttpResponse } from './http/message.ts';
import { createStreams } from './http/streams.ts';
import { createPodLogs } from './logs/pod-logs.ts';
import { createResources } from './registry/resources.ts';
import type { Connect, Resource } from './rest/rest.ts';

export interface ApiServerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: who is authenticated may do everything. */
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

/** What the registry makes of the store. */
export type Resources = Awaited<ReturnType<typeof createResources>>;

/** One API server. It does nothing until `run`. */
export function createApiServer(config: ApiServerConfig, deps: ApiServerDeps): ApiServer {
  const { store, clock, logger, authorizer = alwaysAllow } = deps;
  const streams = createStreams(clock);
  const authenticate = createAuthenticator(config.tokens);
  const handler = Promise.withResolvers<(request: HttpRequest) => Promise<HttpResponse>>();
  const addresses = Promise.withResolvers<readonly AddressInfo[]>();
  for (const { promise } of [handler, addresses]) promise.catch(() => undefined);
  const handle = async (request: HttpRequest): Promise<HttpResponse> => (await handler.promise)(request);
  return {
    handle,
    addresses: () => addresses.promise,
    run: async (signal) => {
      try {
        const [resources, listening] = await Promise.all([
          createResources({ store, config, clock, logger }),
          listenAll({ config, clock, logger, handle }),
        ]);
        handler.resolve(
          createHandler({
            config,
            resources: withPodLogs(resources.list, config),
            ready: [{ name: 'informer-sync', isHealthy: () => resources.ready() }],
            authenticate,
            authorizer,
            streams,
            clock,
            logger,
          }),
        );
        addresses.resolve(listening.addresses);
        await serve(resources, signal);
        streams.close();
        await listening.stop();
      } catch (error) {
        handler.reject(error);
        addresses.reject(error);
        throw error;
      }
    },
  };
}

/** Runs the registry until `signal` aborts. Rejects when the registry fails by itself. */
async function serve(resources: Resources, signal: AbortSignal): Promise<void> {
  await resources.run(signal);
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
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
