import type { EndpointSlice } from '../../../api/discovery/v1/endpoint-slice.ts';
import type { Cidr } from '../../../net/cidr.ts';
import { ipWarnings } from '../rules/addresses.ts';
import type { Strategy } from '../strategy.ts';
import { endpointSliceChangeFaults, endpointSliceFaults } from './validation.ts';

export const endpointSliceStrategy = (exempt: readonly Cidr[] = []): Strategy<EndpointSlice> => ({
  prepare: ({ next }) => next,
  validate: ({ next, prev }) => [
    ...endpointSliceFaults(next, { exempt, prev }),
    ...(prev === undefined ? [] : endpointSliceChangeFaults(next, prev)),
  ],
  warnings: ({ next }) => endpointSliceWarnings(next),
});

const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
/** They spell addresses well, so what they write need not be looked at. */
const CONTROLLERS: ReadonlySet<string | undefined> = new Set([
  'endpointslice-controller.k8s.io',
  'endpointslicemirroring-controller.k8s.io',
]);

/** A kind of addresses that will go, and addresses that are spelled unwisely. */
export function endpointSliceWarnings({ addressType, endpoints, metadata }: EndpointSlice): string[] {
  if (addressType === 'FQDN') return ['spec.addressType: FQDN endpoints are deprecated'];
  if (CONTROLLERS.has(metadata.labels?.[MANAGED_BY])) return [];
  return endpoints.flatMap(({ addresses }, i) =>
    addresses.flatMap((address, j) => ipWarnings(`endpoints[${i}].addresses[${j}]`, address)),
  );
}
