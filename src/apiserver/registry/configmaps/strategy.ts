import type { ConfigMap } from '../../../api/core/v1/config-map.ts';
import type { Strategy } from '../strategy.ts';
import { configMapFaults, sealedFaults } from './validation.ts';

export const configMapStrategy: Strategy<ConfigMap> = {
  prepare: ({ next }) => next,
  validate: ({ next, prev }) => [
    ...(prev === undefined ? [] : sealedFaults(next, prev, ['data', 'binaryData'])),
    ...configMapFaults(next),
  ],
};
