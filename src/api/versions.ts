import { horizontalPodAutoscalersV1 } from './autoscaling/v1/horizontal-pod-autoscaler.ts';
import { cronJobsV1beta1 } from './batch/v1beta1/cron-job.ts';
import { endpointSlicesV1beta1 } from './discovery/v1beta1/endpoint-slice.ts';
import { eventsOfGroup } from './events/v1/event.ts';
import type { Versions } from './apply/versions.ts';
import type { KindVersion } from './kind-version.ts';
import type { Kind } from './kind.ts';
import { ipAddressesV1beta1, serviceCIDRsV1beta1 } from './networking/v1beta1/service-addresses.ts';
import { podDisruptionBudgetsV1beta1 } from './policy/v1beta1/pod-disruption-budget.ts';

/** Every version beside the stored ones. One line each. */
export const kindVersions: readonly KindVersion[] = [
  cronJobsV1beta1,
  endpointSlicesV1beta1,
  eventsOfGroup,
  horizontalPodAutoscalersV1,
  ipAddressesV1beta1,
  podDisruptionBudgetsV1beta1,
  serviceCIDRsV1beta1,
];

let byStored: ReadonlyMap<Kind, Versions> | undefined;

/** All versions of a kind that is stored; undefined for a kind that has one. */
export function versionsOf(stored: Kind): Versions | undefined {
  byStored ??= new Map(
    [...Map.groupBy(kindVersions, (version) => version.stored)].map(([kind, others]) => [
      kind,
      { stored: kind, others },
    ]),
  );
  return byStored.get(stored);
}
