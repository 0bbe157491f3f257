import { serviceCIDRs } from '../../../api/networking/v1/service-cidr.ts';
import { runServiceCIDRs } from '../servicecidrs/lifecycle.ts';
import { watchLostAddresses } from '../services/repair.ts';
import {
  type Bootstrap,
  ensureDefaultServiceCIDR,
  ensureKubernetesService,
  publishAuthentication,
  reportOtherRanges,
  resourceFor,
  systemScope,
} from './bootstrap.ts';
import { runHousekeeping } from './housekeeping.ts';

/** As upstream's --service-nodeport-repair interval. */
export const REPAIR_MS = 3 * 60_000;

/** From the loss of an IPAddress to the pass that makes it again; a collection that is deleted takes a moment. */
const LOST_MS = 500;

/** A store that was whole once is looked at when the first requests have been answered. */
const FIRST_MS = 2000;

/** All that a server does by itself once it is ready, until `signal` aborts. */
export async function runUpkeep(parts: Bootstrap, signal: AbortSignal): Promise<void> {
  const { context } = parts;
  const mend = async (): Promise<void> => {
    await ensureDefaultServiceCIDR(parts, signal);
    await ensureKubernetesService(parts, signal, await parts.servers.renew());
    await publishAuthentication(parts, signal);
  };
  await publishAuthentication(parts, signal).catch((error: unknown) =>
    context.logger.warn('how clients are told apart could not be published', { err: error }),
  );
  await reportOtherRanges(parts).catch((error: unknown) =>
    context.logger.warn('an event could not be written', { err: error }),
  );
  const scope = systemScope('', signal);
  const resource = resourceFor(parts, serviceCIDRs.plural);
  await Promise.all([
    runHousekeeping({ context, mend }, signal),
    runServiceCIDRs({ context, resource, scope }, signal),
    runRepair(parts, signal),
  ]);
  await parts.servers
    .leave()
    .catch((error: unknown) =>
      context.logger.warn('giving up the lease of this server failed', { err: error }),
    );
}

async function runRepair({ context, repair }: Bootstrap, signal: AbortSignal): Promise<void> {
  const { clock, logger } = context;
  let wake = (): void => undefined;
  const wakeUp = (): void => wake();
  const end = watchLostAddresses(context, () => void clock.after(LOST_MS, wakeUp));
  signal.addEventListener('abort', wakeUp);
  try {
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      const cancel = clock.after(repair.hasPassed() ? REPAIR_MS : FIRST_MS, wakeUp);
      await woken;
      cancel();
      if (signal.aborted) return;
      await repair
        .pass()
        .catch((error: unknown) => logger.warn('checking the claims of Services failed', { err: error }));
    }
  } finally {
    end();
    signal.removeEventListener('abort', wakeUp);
  }
}
