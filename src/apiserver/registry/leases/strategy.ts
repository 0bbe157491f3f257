import type { Lease } from '../../../api/coordination/v1/lease.ts';
import type { Strategy } from '../strategy.ts';
import { leaseFaults } from './validation.ts';

export const leaseStrategy: Strategy<Lease> = {
  prepare: ({ next }) => next,
  validate: ({ next }) => leaseFaults(next),
};
