import type { EndpointSlice } from '../../../api/discovery/v1/endpoint-slice.ts';
import type { Cidr } from '../../../net/cidr.ts';
import type { Strategy } from '../strategy.ts';
import { endpointSliceChangeFaults, endpointSliceFaults } from './validation.ts';

export const endpointSliceStrategy = (exempt: readonly Cidr[] = []): Strategy<EndpointSlice> => ({
  prepare: ({ next }) => next,
  validate: ({ next, prev }) => [
    ...endpointSliceFaults(next, exempt),
    ...(prev === undefined ? [] : endpointSliceChangeFaults(next, prev)),
  ],
});
