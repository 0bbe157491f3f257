import type { ReplicaSet } from '../../../api/apps/v1/replica-set.ts';
import { type Strategy, statusStrategy, withStatusOf } from '../strategy.ts';
import { replicaSetChangeFaults, replicaSetFaults, replicaSetStatusFaults } from './validation.ts';

export const replicaSetStrategy: Strategy<ReplicaSet> = {
  prepare: ({ next, prev }) => withStatusOf(next, prev ?? { status: { replicas: 0 } }),
  validate: ({ next, prev }) => [
    ...replicaSetFaults(next),
    ...(prev === undefined ? [] : replicaSetChangeFaults(next, prev)),
  ],
};

export const replicaSetStatusStrategy: Strategy<ReplicaSet> = statusStrategy(({ next }) =>
  replicaSetStatusFaults(next),
);
