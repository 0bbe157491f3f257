import { apiServerConfig } from '../apiserver/config.ts';
import { inProcessTransport } from '../apiserver/in-process-transport.ts';
import { createApiServer } from '../apiserver/server.ts';
import { realClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { createClient, type Client } from '../client/client.ts';
import type { Transport } from '../client/transport.ts';
import { createMemoryStore } from '../storage/memory/memory-store.ts';

/** An API server in this process, without sockets, controllers or nodes. */
export interface InProcessApi {
  /** As the administrator. */
  readonly client: Client;
  stop(): Promise<void>;
}

export function startInProcessApi(): InProcessApi {
  const config = apiServerConfig({
    listen: [{ host: '127.0.0.1', port: 0 }],
    serving: { cert: '', key: '' },
    clientCa: '',
    advertise: { address: '172.18.0.1', port: 6443 },
  });
  const options = { store: createMemoryStore(), clock: realClock, logger: silentLogger };
  const server = createApiServer({ ...config, listen: [] }, options);
  const transport = inProcessTransport(server, { name: 'admin', groups: ['system:masters'] });
  const stopping = new AbortController();
  const served = server.run(stopping.signal);
  const ready = untilReady(transport);
  const patient: Transport = {
    request: async (request) => {
      await ready;
      return transport.request(request);
    },
    close: () => transport.close(),
  };
  return {
    client: createClient(patient),
    stop: () => {
      transport.close();
      stopping.abort();
      return served;
    },
  };
}

/** What every cluster has, such as the namespace default, exists a moment after the server answers. */
async function untilReady(transport: Transport): Promise<void> {
  for (;;) {
    const { status } = await transport.request({ method: 'GET', path: '/readyz' });
    if (status === 200) return;
    await realClock.sleep(1);
  }
}
