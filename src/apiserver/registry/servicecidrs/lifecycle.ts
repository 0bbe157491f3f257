import { isConflict, isNotFound } from '../../../api/errors/api-error.ts';
import { asJson, type KubeObject } from '../../../api/kind.ts';
import { type IPAddress, ipAddresses } from '../../../api/networking/v1/ip-address.ts';
import { type ServiceCIDR, serviceCIDRs } from '../../../api/networking/v1/service-cidr.ts';
import type { RequestScope, Resource } from '../../rest/rest.ts';
import { objectPrefix } from '../../cache/stored-object.ts';
import { type RegistryContext, timestamp } from '../generic/context.ts';
import { planServiceCIDRs, SERVICE_CIDR_FINALIZER, type Step } from './plan.ts';

/** Deleted ones are looked at so often: an address that is freed wakes nobody. */
const POLL_MS = 1000;

export interface ServiceCIDRLifecycle {
  readonly context: RegistryContext;
  readonly resource: Resource<KubeObject>;
  readonly scope: RequestScope;
}

/** Keeps every ServiceCIDR protected and its condition true, and lets deleted ones go, until `signal` aborts. */
export async function runServiceCIDRs(parts: ServiceCIDRLifecycle, signal: AbortSignal): Promise<void> {
  const { context } = parts;
  let wake = (): void => undefined;
  const wakeUp = (): void => wake();
  const end = context.cache.subscribe(objectPrefix(serviceCIDRs), wakeUp);
  signal.addEventListener('abort', wakeUp);
  try {
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      const isPending = await syncServiceCIDRs(parts).catch((error: unknown) => {
        context.logger.warn('looking after the ServiceCIDRs failed', { err: error });
        return true;
      });
      const cancel = isPending ? context.clock.after(POLL_MS, wakeUp) : undefined;
      if (!signal.aborted) await woken;
      cancel?.();
    }
  } finally {
    end();
    signal.removeEventListener('abort', wakeUp);
  }
}

/** One pass; true when something is still to be done later. */
export async function syncServiceCIDRs(parts: ServiceCIDRLifecycle): Promise<boolean> {
  const { cache, clock } = parts.context;
  const all = cache.resource(objectPrefix(serviceCIDRs)).objects.range('', '') as ServiceCIDR[];
  const steps = planServiceCIDRs({
    serviceCIDRs: all,
    addresses: () => cache.resource(objectPrefix(ipAddresses)).objects.range('', '') as IPAddress[],
    nowMs: clock.now(),
  });
  for (const step of steps) {
    await take(parts, step).catch((error: unknown) => {
      // Somebody else changed it; that change wakes us again.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    });
  }
  return all.some(({ metadata }) => metadata.deletionTimestamp !== undefined);
}

async function take({ context, resource, scope }: ServiceCIDRLifecycle, step: Step): Promise<void> {
  const { object } = step;
  const { name, finalizers = [] } = object.metadata;
  if (step.do === 'say') {
    const condition = { ...step.condition, lastTransitionTime: timestamp(context.clock.now()) };
    const others = (object.status?.conditions ?? []).filter(({ type }) => type !== 'Ready');
    const body = asJson({ ...object, status: { ...object.status, conditions: [...others, condition] } });
    await resource.write.update(scope, { name, subresource: 'status', body });
    return;
  }
  const wanted =
    step.do === 'protect'
      ? [...finalizers, SERVICE_CIDR_FINALIZER]
      : finalizers.filter((one) => one !== SERVICE_CIDR_FINALIZER);
  const body = asJson({ ...object, metadata: { ...object.metadata, finalizers: wanted } });
  await resource.write.update(scope, { name, body });
}
