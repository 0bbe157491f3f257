import type { Endpoints } from '../../api/core/v1/endpoints.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Service } from '../../api/core/v1/service.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { parseIp } from '../../net/ip.ts';
import { familiesOf, headlessLabel } from '../endpointslice/plan.ts';
import { isPodFinished, isPodReady, isPodTerminating, podAddresses } from '../pod-state.ts';
import { isHeadless, resolvePorts } from '../service-ports.ts';
import { triggerTimeAnnotation } from '../trigger-time.ts';
import { packSubsets, truncateSubsets } from './subsets.ts';
import type { AddressFact } from './subsets.ts';

export const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
/** Marks what this controller keeps, apart from what people write (KEP-4974). */
export const managedByLabel = 'endpoints.kubernetes.io/managed-by';
const managedBy = 'endpoint-controller';
/** Before publishNotReadyAddresses there was this. */
const tolerateUnreadyAnnotation = 'service.alpha.kubernetes.io/tolerate-unready-endpoints';
/** An Endpoints object holds no more addresses; slices hold them all. */
export const capacity = 1000;

export interface EndpointsPlanInput {
  readonly service: Service;
  /** Those the selector selects. */
  readonly pods: readonly Pod[];
  readonly current: Endpoints | undefined;
  readonly triggerTime: string | undefined;
}

/** The Endpoints of a Service as it ought to be; undefined when the current one says the same already. */
export function planEndpoints(input: EndpointsPlanInput): Endpoints | undefined {
  const { service, current, triggerTime } = input;
  const whole = packSubsets(input.pods.flatMap((pod) => factOf(service, pod) ?? []));
  const subsets = truncateSubsets(whole, capacity);
  const isTruncated = subsets !== whole;
  const labels = labelsOf(service);
  const wasTruncated = current?.metadata.annotations?.[overCapacityAnnotation] === 'truncated';
  const isSame =
    current !== undefined &&
    deepEqual(subsets, canonical(current.subsets ?? [])) &&
    deepEqual(current.metadata.labels ?? {}, labels) &&
    isTruncated === wasTruncated;
  if (isSame) return undefined;
  const {
    [overCapacityAnnotation]: _,
    [triggerTimeAnnotation]: __,
    ...kept
  } = current?.metadata.annotations ?? {};
  const annotations = {
    ...kept,
    ...(triggerTime === undefined ? {} : { [triggerTimeAnnotation]: triggerTime }),
    ...(isTruncated ? { [overCapacityAnnotation]: 'truncated' } : {}),
  };
  const { name, namespace } = service.metadata;
  return { metadata: { ...(current?.metadata ?? { name, namespace }), labels, annotations }, subsets };
}

/** Protocol is a default that some servers leave out, and order is ours to choose. */
function canonical(subsets: NonNullable<Endpoints['subsets']>): readonly object[] {
  return packSubsets(
    subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => {
      const full = ports.map((port) => ({ ...port, protocol: port.protocol ?? 'TCP' }));
      return [
        ...addresses.map((address): AddressFact => ({ address, isReady: true, ports: full })),
        ...notReadyAddresses.map((address): AddressFact => ({ address, isReady: false, ports: full })),
      ];
    }),
  );
}

function factOf(service: Service, pod: Pod): AddressFact | undefined {
  const doesTolerate =
    service.spec.publishNotReadyAddresses === true ||
    service.metadata.annotations?.[tolerateUnreadyAnnotation] === 'true';
  if (isPodFinished(pod) || (isPodTerminating(pod) && !doesTolerate)) return undefined;
  const [family] = familiesOf(service);
  const ip = podAddresses(pod).find((text) => parseIp(text)?.family === family);
  if (ip === undefined) return undefined;
  const ports = resolvePorts(service, pod).map(({ name, ...port }) =>
    name === '' ? port : { name, ...port },
  );
  const isBare = isHeadless(service) && (service.spec.ports ?? []).length === 0;
  if (ports.length === 0 && !isBare) return undefined;
  const { hostname, subdomain, nodeName } = pod.spec;
  const { name, namespace, uid } = pod.metadata;
  const hasHostname = hostname !== undefined && hostname !== '' && subdomain === service.metadata.name;
  return {
    address: {
      ip,
      ...(hasHostname ? { hostname } : {}),
      ...(nodeName === undefined || nodeName === '' ? {} : { nodeName }),
      targetRef: { kind: 'Pod', namespace, name, uid },
    },
    isReady: doesTolerate || isPodReady(pod),
    ports,
  };
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  const { [headlessLabel]: _, ...own } = service.metadata.labels ?? {};
  return {
    ...own,
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
    [managedByLabel]: managedBy,
  };
}
