import type { Deployment } from '../../../api/apps/v1/deployment.ts';
import { type Strategy, statusStrategy, withStatusOf } from '../strategy.ts';
import { deploymentChangeFaults, deploymentFaults, deploymentStatusFaults } from './validation.ts';

export const deploymentStrategy: Strategy<Deployment> = {
  prepare: ({ next, prev }) => withStatusOf(next, prev ?? { status: {} }),
  validate: ({ next, prev }) => [
    ...deploymentFaults(next),
    ...(prev === undefined ? [] : deploymentChangeFaults(next, prev)),
  ],
};

export const deploymentStatusStrategy: Strategy<Deployment> = statusStrategy(({ next, prev }) =>
  deploymentStatusFaults(next, prev),
);
