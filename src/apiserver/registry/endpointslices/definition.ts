import { endpointSlices, type EndpointSlice } from '../../../api/discovery/v1/endpoint-slice.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import type { Cidr } from '../../../net/cidr.ts';
import type { Definition } from '../generic/definition.ts';
import { endpointSliceColumns } from './columns.ts';
import { endpointSliceStrategy } from './strategy.ts';

export const endpointSliceDefinition = (exempt: readonly Cidr[] = []): Definition<EndpointSlice> => ({
  kind: endpointSlices,
  name: dns1123Subdomain,
  strategy: endpointSliceStrategy(exempt),
  columns: endpointSliceColumns,
  resourceVersion: 'optional',
  // Everything but the metadata; of which the labels count, too, since they say whose endpoints these are.
  generationOf: ({ addressType, endpoints, ports, metadata }) => ({
    addressType,
    endpoints,
    ports,
    labels: metadata.labels,
  }),
});
