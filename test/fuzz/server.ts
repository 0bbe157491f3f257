import { createTestPki, testConfig } from '../../src/apiserver/fixtures/running-server.ts';
import { createApiServer } from '../../src/apiserver/server.ts';
import { realClock } from '../../src/base/clock.ts';
import { memoryLogger } from '../../src/base/logger.ts';
import { createMemoryStore } from '../../src/storage/memory/memory-store.ts';
import { requestProperties, type Property } from './requests.ts';
import { wireProperties } from './wire.ts';

/** A real server on a memory store, and all that must hold for it. */
export interface Fuzzed {
  readonly properties: readonly Property[];
  /** What the server logged as its own failure. */
  readonly errors: () => readonly string[];
  stop(): Promise<void>;
}

export async function startFuzzed(): Promise<Fuzzed> {
  const certificates = await createTestPki();
  const { pki } = certificates;
  const logger = memoryLogger();
  const config = testConfig(pki, [{ host: '127.0.0.1', port: 0 }]);
  const server = createApiServer(config, { store: createMemoryStore(), clock: realClock, logger });
  const stopping = new AbortController();
  const ended = server.run(stopping.signal);
  const [address] = await server.addresses();
  const { signal } = new AbortController();
  for (;;) {
    const { status } = await server.handle({ method: 'GET', path: '/readyz', headers: {}, signal });
    if (status === 200) break;
    await realClock.sleep(2);
  }
  const target = { port: address?.port ?? 0, ca: pki.caCert, ...pki.admin };
  return {
    properties: [...requestProperties((request) => server.handle(request)), ...wireProperties(target)],
    errors: () => logger.lines.filter(({ level }) => level === 'error').map(({ message }) => message),
    stop: async () => {
      stopping.abort();
      await ended;
      await certificates.remove();
    },
  };
}
