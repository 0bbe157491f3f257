// The server that bench/api.ts measures, in a process of its own: argv is a JSON of ServerJob. Says `ready PORT`, serves until SIGTERM.
import { createApiServer } from '../../src/apiserver/server.ts';
import { apiServerConfig } from '../../src/apiserver/config.ts';
import { inProcessTransport } from '../../src/apiserver/in-process-transport.ts';
import { readPki } from '../../src/apiserver/pki/pki.ts';
import { realClock as clock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/logger.ts';
import { createMemoryStore } from '../../src/storage/memory/memory-store.ts';
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts';
import { serviceText, sliceText } from './manifest.ts';

export interface ServerJob {
  readonly dir: string;
  readonly storage: 'sqlite' | 'memory';
  /** Made before the server says that it is ready. */
  readonly fill?: { readonly services: number; readonly endpointsEach: number };
}

const job = JSON.parse(process.argv[2] ?? '') as ServerJob;
const pki = await readPki(job.dir, []);
const store =
  job.storage === 'memory'
    ? createMemoryStore()
    : await openSqliteStore({ path: `${job.dir}/store/bench.db` });
const logger = createLogger({ level: 'error' });
const config = apiServerConfig({
  listen: [{ host: '127.0.0.1', port: 0 }],
  serving: pki.serving,
  clientCa: pki.caCert,
  advertise: { address: '127.0.0.1', port: 6443 },
});
const server = createApiServer(config, { store, clock, logger });
const stopping = new AbortController();
const ended = server.run(stopping.signal);
const transport = inProcessTransport(server, { name: 'bench', groups: ['system:masters'] });

async function post(path: string, body: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await transport.request({ method: 'POST', path, headers, body });
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  if (response.status !== 201)
    throw new Error(`${path} answered ${response.status}: ${Buffer.concat(chunks).toString()}`);
}

async function fill({ services, endpointsEach }: NonNullable<ServerJob['fill']>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < services; n = next++) {
      const name = `svc-${String(n).padStart(6, '0')}`;
      await post('/api/v1/namespaces/default/services', serviceText(name));
      if (endpointsEach === 0) continue;
      const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
      await post(path, sliceText(name, n, endpointsEach));
    }
  };
  await Promise.all(Array.from({ length: 256 }, worker));
}

const [address] = await server.addresses();
for (;;) {
  const { status } = await transport.request({ method: 'GET', path: '/readyz' });
  if (status === 200) break;
  await clock.sleep(2);
}
if (job.fill !== undefined) await fill(job.fill);
process.on('SIGTERM', () => stopping.abort());
process.stdout.write(`ready ${address?.port}\n`);
await ended;
await store.close();
process.exit(0);
