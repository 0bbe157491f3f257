import { serviceCIDRs } from '../../../api/networking/v1/service-cidr.ts';
import { runServiceCIDRs } from '../servicecidrs/lifecycle.ts';
import {
  type Bootstrap,
  ensureDefaultServiceCIDR,
  ensureKubernetesService,
  resourceFor,
  systemScope,
} from './bootstrap.ts';
import { runHousekeeping } from './housekeeping.ts';

/** All that a server does by itself once it is ready, until `signal` aborts. */
export async function runUpkeep(parts: Bootstrap, signal: AbortSignal): Promise<void> {
  const { context } = parts;
  const mend = async (): Promise<void> => {
    await ensureDefaultServiceCIDR(parts, signal);
    await ensureKubernetesService(parts, signal);
  };
  const scope = systemScope('', signal);
  const resource = resourceFor(parts, serviceCIDRs.plural);
  await Promise.all([
    runHousekeeping({ context, mend }, signal),
    runServiceCIDRs({ context, resource, scope }, signal),
  ]);
}
