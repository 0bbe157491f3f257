import type { Endpoints } from '../../../api/core/v1/endpoints.ts';
import type { Cidr } from '../../../net/cidr.ts';
import type { Strategy } from '../strategy.ts';
import { endpointsFaults } from './validation.ts';

export const endpointsStrategy = (exempt: readonly Cidr[] = []): Strategy<Endpoints> => ({
  prepare: ({ next }) => next,
  validate: ({ next }) => endpointsFaults(next, exempt),
});
