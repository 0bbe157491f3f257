import type { Transport } from '../../client/transport.ts';
import { inProcessTransport, systemAccount } from '../../apiserver/in-process-transport.ts';
import { realClock } from '../../base/clock.ts';
import { createLogger, type LogLevel } from '../../base/logger.ts';
import { messageOf } from '../../base/thrown.ts';
import { connectSupervisor, runMain, type SupervisorChannel } from '../component/supervisor-channel.ts';
import type { ControlPlaneConfig } from '../up/messages.ts';
import { assembleApi, openStore } from './api-server.ts';

/** Who keeps the copies that the parts of this process share, and signs tokens. */
const SELF = { name: 'system:kube-controller-manager', groups: [] };
/** Who makes what every cluster of this program has, as the server's own loopback client with upstream. */
const SETUP = { name: 'system:apiserver', groups: ['system:masters'] };

async function prepareNetwork(config: ControlPlaneConfig): Promise<void> {
  if (config.fabricAddress === undefined) return;
  const { ensureFabric } = await import('../../node/network/node-network.ts');
  ensureFabric({ fabricAddress: config.fabricAddress });
}

/** Serving is not enough: the first request of a user must find the namespaces that every cluster has. */
async function untilReady(transport: Transport, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { status } = await transport.request({ method: 'GET', path: '/readyz' });
    if (status === 200) return;
    await realClock.sleep(1, signal);
  }
}

async function controlPlane(config: ControlPlaneConfig, channel: SupervisorChannel): Promise<void> {
  const clock = realClock;
  const logger = createLogger({ level: config.logLevel as LogLevel });
  const opened = openStore(config).catch((error: unknown) => {
    // What is wrong with the file is for people to mend; a restart would not.
    channel.send({ type: 'fatal', message: messageOf(error) });
    throw error;
  });
  const [store] = await Promise.all([opened, prepareNetwork(config), channel.pkiReady]);
  const server = assembleApi(config, { store, clock, logger, isSupervised: process.send !== undefined });
  const stop = new AbortController();
  const serving = server.run(stop.signal);
  const transport = inProcessTransport(server, SELF);
  await Promise.race([untilReady(transport, channel.stopped), serving]);
  channel.send({ type: 'ready', what: 'api' });

  // Loaded only now: nobody needs these parts before there is an API.
  const { runParts } = await import('./parts.ts');
  const setup = inProcessTransport(server, SETUP);
  const transportFor = (account: string): Transport => inProcessTransport(server, systemAccount(account));
  const deps = { transport, transportFor, setup, clock, logger, channel };
  const running = runParts(config, deps, stop.signal);
  const stopped = new Promise<void>((resolve) => {
    if (channel.stopped.aborted) resolve();
    channel.stopped.addEventListener('abort', () => resolve());
  });
  // Any part that fails ends the process: the supervisor starts it anew from the store, which is always whole.
  await Promise.race([stopped, serving, ...running.map((part) => part.then(() => stopped))]);
  stop.abort();
  await Promise.allSettled([serving, ...running]);
  transport.close();
  await store.close();
}

const channel = connectSupervisor();
await runMain(async () => {
  await controlPlane(JSON.parse(process.argv[2] ?? '{}') as ControlPlaneConfig, channel);
});
