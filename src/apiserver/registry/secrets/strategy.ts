import type { Secret } from '../../../api/core/v1/secret.ts';
import type { Strategy } from '../strategy.ts';
import { secretChangeFaults, secretFaults } from './validation.ts';

export const secretStrategy: Strategy<Secret> = {
  prepare: ({ next }) => next,
  validate: ({ next, prev }) => [
    ...(prev === undefined ? [] : secretChangeFaults(next, prev)),
    ...secretFaults(next),
  ],
};
