import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { createClient } from '../../client/client.ts';
import { createInformers } from '../../client/informers.ts';
import type { Transport } from '../../client/transport.ts';
import { createControllers } from '../../controllers/all.ts';
import type { SupervisorChannel } from '../component/supervisor-channel.ts';
import type { ControlPlaneConfig } from '../up/messages.ts';
import { serviceAccountParts } from './api-server.ts';
import { ensureDnsObjects } from './cluster-dns-objects.ts';
import { allowLocalAddresses } from './local-address-rights.ts';
import { runNames } from './names.ts';

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
  return [
    ...createControllers(shared).map((controller) => controller.run(signal)),
    runNames(config, shared, signal),
    informers.run(signal),
    ensureDnsObjects(client, config),
    ...(config.network === 'none' ? [allowLocalAddresses(client)] : []),
  ];
}
