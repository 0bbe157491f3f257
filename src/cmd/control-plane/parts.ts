import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { createClient } from '../../client/client.ts';
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
  /** Straight into the API server of this process. */
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly channel: SupervisorChannel;
}

/** Starts everything that lives off the API: controllers, names, and the DNS server's own objects. */
export function runParts(
  config: ControlPlaneConfig,
  { transport, ...deps }: PartsDeps,
  signal: AbortSignal,
): readonly Promise<void>[] {
  const client = createClient(transport);
  const informers = createInformers({ client, ...deps });
  const shared = { client, informers, ...deps, serviceAccounts: serviceAccountParts(config, deps.clock) };
  const naming = Promise.withResolvers<void>();
  const names = runNames(config, { ...shared, onServing: naming.resolve }, signal);
  return [
    names,
    runControllers(shared, { after: Promise.race([naming.promise, names]), signal }),
    informers.run(signal),
    ensureDnsObjects(client, config),
    ...(config.network === 'none' ? [allowLocalAddresses(client)] : []),
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
