import { realClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import type { Logger } from '../base/logger.ts';
import { apiServerConfig } from '../apiserver/config.ts';
import { inProcessTransport, systemAccount } from '../apiserver/in-process-transport.ts';
import type { RequestUser } from '../apiserver/rest/rest.ts';
import { createApiServer } from '../apiserver/server.ts';
import { createClient } from '../client/client.ts';
import type { Client } from '../client/client.ts';
import type { Transport } from '../client/transport.ts';
import { createInformers } from '../client/informers.ts';
import type { Informers } from '../client/informers.ts';
import { createControllers } from '../controllers/all.ts';
import type { EndpointLimits } from '../controllers/controller.ts';
import { createMemoryStore } from '../storage/memory/memory-store.ts';
import { createPaperNodes } from './paper-nodes.ts';
import type { PaperNodes } from './paper-nodes.ts';

/** An API server without sockets, all controllers, and nodes of paper. */
export interface ControlPlane {
  readonly client: Client;
  readonly informers: Informers;
  readonly nodes: PaperNodes;
  stop(): Promise<void>;
}

export interface ControlPlaneOptions {
  readonly nodeNames?: readonly string[];
  readonly logger?: Logger;
  /** What the controllers speak through, made from the transport that tests use. */
  readonly wrap?: (transport: Transport) => Transport;
  readonly endpointLimits?: EndpointLimits;
  /** What is there before the controllers begin. */
  readonly prepare?: (client: Client) => Promise<void>;
}

export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const { nodeNames = ['node-1', 'node-2', 'node-3'], logger = silentLogger, wrap, endpointLimits } = options;
  const clock = realClock;
  const unused = { cert: '', key: '' };
  const config = apiServerConfig({
    listen: [{ host: '127.0.0.1', port: 0 }],
    serving: unused,
    clientCa: '',
    advertise: { address: '172.18.0.1', port: 6443 },
    authorizationMode: 'RBAC',
  });
  const server = createApiServer({ ...config, listen: [] }, { store: createMemoryStore(), clock, logger });
  const transport = inProcessTransport(server, { name: 'admin', groups: ['system:masters'] });
  const client = createClient(transport);
  const ownAs = (user: RequestUser): Client => {
    const through = inProcessTransport(server, user);
    return createClient(wrap === undefined ? through : wrap(through));
  };
  // As in a cluster: each controller with the rights of its own role only.
  const own = ownAs({ name: 'system:kube-controller-manager', groups: [] });
  const clientFor = (account: string): Client => ownAs(systemAccount(account));
  const informers = createInformers({ client: own, clock, logger });
  const controllers = createControllers({ client: own, clientFor, informers, clock, logger, endpointLimits });
  const nodes = createPaperNodes(client, nodeNames);
  const stopping = new AbortController();
  const serving = new AbortController();
  const served = server.run(serving.signal);
  await nodes.register();
  await options.prepare?.(client);
  const running = [informers, nodes, ...controllers].map((part) => part.run(stopping.signal));
  await informers.synced(stopping.signal);
  return {
    client,
    informers,
    nodes,
    stop: async () => {
      stopping.abort();
      await Promise.all(running);
      transport.close();
      serving.abort();
      await served;
    },
  };
}
