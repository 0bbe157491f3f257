/* A node agent as a process of its own, for tests that kill it: `agent-process.ts '{"config": …, "access": …}'`. Prints a line when it is ready. */
import { flushCompileCache } from 'node:module';
import { realClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import { createClient } from '../client/client.ts';
import { createHttpTransport } from '../client/http-transport.ts';
import { createNodeAgent } from '../node/agent.ts';
import type { NodeConfig } from '../node/config.ts';

interface Input {
  readonly config: NodeConfig;
  readonly access: Parameters<typeof createHttpTransport>[0];
}

const { config, access } = JSON.parse(process.argv[2] ?? '') as Input;
const client = createClient(createHttpTransport(access, { clock: realClock }));
const agent = createNodeAgent(config, { client, clock: realClock, logger: createLogger({ level: 'warn' }) });
// It ends by SIGKILL, which would leave the next one without compiled code.
void agent.ready.then(() => {
  console.log('ready');
  flushCompileCache();
});
await agent.run(new AbortController().signal);
