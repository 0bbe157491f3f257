import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { createClient, type Client } from '../../client/client.ts';
import { createInformers } from '../../client/informers.ts';
import type { Transport } from '../../client/transport.ts';
import type { ControllerDeps } from '../../controllers/controller.ts';
import type { SupervisorChannel } from '../component/supervisor-channel.ts';
import type { ControlPlaneConfig } from '../up/messages.ts';
import { serviceAccountParts } from './api-server.ts';
import { ensureDnsObjects } from './cluster-dns-objects.ts';
import { allowLocalAddresses } from './local-address-rights.ts';
import { runNames } from './names.ts';

/** So long the controllers wait for the DNS server. */
const NAMES_FIRST_MS = 150;

export interface PartsDeps {
  /** Straight into the API server of this process, as who runs the controllers. */
  readonly transport: Transport;
  /** As one controller's service account. */
  readonly transportFor: (account: string) => Transport;
  /** As who may do everything. */
  readonly setup: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly channel: SupervisorChannel;
}

/** Starts everything that lives off the API: controllers, names, and the DNS server's own objects. */
export function runParts(
  config: ControlPlaneConfig,
  { transport, transportFor, setup, ...deps }: PartsDeps,
  signal: AbortSignal,
): readonly Promise<void>[] {
  const client = createClient(transport);
  const informers = createInformers({ client, ...deps });
  const clientFor = (account: string): Client => createClient(transportFor(account));
  const serviceAccounts = serviceAccountParts(config, deps.clock);
  const shared = { client, clientFor, informers, ...deps, serviceAccounts };
  const owner = createClient(setup);
  const naming = Promise.withResolvers<void>();
  const names = runNames(config, { ...shared, onServing: naming.resolve }, signal);
  return [
    names,
    runControllers(shared, { after: Promise.race([naming.promise, names]), signal }),
    informers.run(signal),
    ensureDnsObjects(owner, config),
    ...(config.network === 'none' ? [allowLocalAddresses(owner)] : []),
  ];
}

/** They are many to load, and there are no nodes yet to put Pods on; names are asked for at once. */
async function runControllers(
  deps: ControllerDeps,
  { after, signal }: { readonly after: Promise<void>; readonly signal: AbortSignal },
): Promise<void> {
  await Promise.race([after, deps.clock.sleep(NAMES_FIRST_MS, signal)]);
  const { createControllers } = await import('../../controllers/all.ts');
  await Promise.all(createControllers(deps).map((controller) => controller.run(signal)));
}
