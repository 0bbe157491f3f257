import type { Condition } from '../../../api/meta/v1/condition.ts';
import type { IPAddress } from '../../../api/networking/v1/ip-address.ts';
import type { ServiceCIDR } from '../../../api/networking/v1/service-cidr.ts';
import { type Cidr, cidrContains, parseCidr } from '../../../net/cidr.ts';
import { parseIp } from '../../../net/ip.ts';

/** The name of the one that every cluster has. */
export const DEFAULT_SERVICE_CIDR = 'kubernetes';
export const SERVICE_CIDR_FINALIZER = 'networking.k8s.io/service-cidr-finalizer';
/** So long another server may not have heard yet that a ServiceCIDR is on its way out. */
export const GRACE_MS = 10_000;

const IN_USE =
  'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';

export interface Observed {
  readonly serviceCIDRs: readonly ServiceCIDR[];
  /** The taken addresses; asked for only when something is being deleted. */
  readonly addresses: () => readonly IPAddress[];
  readonly nowMs: number;
}

export type Step =
  | { readonly do: 'protect'; readonly object: ServiceCIDR }
  /** The condition lacks but its time. */
  | {
      readonly do: 'say';
      readonly object: ServiceCIDR;
      readonly condition: Omit<Condition, 'lastTransitionTime'>;
    }
  | { readonly do: 'let go'; readonly object: ServiceCIDR };

/** What brings every ServiceCIDR nearer to how it should be: protected and Ready, or gone once nobody needs it. */
export function planServiceCIDRs(observed: Observed): readonly Step[] {
  return observed.serviceCIDRs.flatMap((object): Step[] => {
    const { deletionTimestamp, finalizers = [], name } = object.metadata;
    const isProtected = finalizers.includes(SERVICE_CIDR_FINALIZER);
    if (deletionTimestamp === undefined) {
      const message =
        name === DEFAULT_SERVICE_CIDR
          ? 'Kubernetes default Service CIDR is ready'
          : 'Kubernetes Service CIDR is ready';
      return [
        ...(isProtected ? [] : [{ do: 'protect', object } as const]),
        ...said(object, { type: 'Ready', status: 'True', reason: '', message }),
      ];
    }
    if (!isProtected) return [];
    if (isNeeded(object, observed)) {
      return said(object, { type: 'Ready', status: 'False', reason: 'Terminating', message: IN_USE });
    }
    const isSettled = observed.nowMs - Date.parse(deletionTimestamp) >= GRACE_MS;
    return isSettled ? [{ do: 'let go', object }] : [];
  });
}

/** Nothing to say when the condition stands already; a default one that was set to False by hand stays so. */
function said(object: ServiceCIDR, condition: Omit<Condition, 'lastTransitionTime'>): Step[] {
  const standing = object.status?.conditions?.find(({ type }) => type === 'Ready');
  const isSame = standing?.status === condition.status;
  const isLeft =
    object.metadata.name === DEFAULT_SERVICE_CIDR &&
    object.metadata.deletionTimestamp === undefined &&
    standing?.status === 'False';
  return isSame || isLeft ? [] : [{ do: 'say', object, condition }];
}

const cidrsOf = ({ spec }: ServiceCIDR): readonly Cidr[] =>
  (spec.cidrs ?? []).flatMap((text) => parseCidr(text) ?? []);

/** Whether an address would be in no ServiceCIDR any more. */
function isNeeded(object: ServiceCIDR, { serviceCIDRs, addresses }: Observed): boolean {
  const own = cidrsOf(object);
  const others = serviceCIDRs.filter((other) => other !== object).flatMap(cidrsOf);
  const isInside = (cidr: Cidr): boolean =>
    others.some(
      (other) =>
        other.prefix <= cidr.prefix &&
        cidrContains(other, { family: cidr.family, value: cidr.base, text: '' }),
    );
  const alone = own.filter((cidr) => !isInside(cidr));
  if (alone.length === 0) return false;
  return addresses().some(({ metadata }) => {
    const ip = parseIp(metadata.name);
    if (ip === undefined || !alone.some((cidr) => cidrContains(cidr, ip))) return false;
    return !others.some((cidr) => cidrContains(cidr, ip));
  });
}
