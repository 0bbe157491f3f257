import type { Endpoints } from '../../../api/core/v1/endpoints.ts';
import type { Cidr } from '../../../net/cidr.ts';
import { type FeatureGates, featureGates } from '../../feature-gates.ts';
import { ipWarnings } from '../rules/addresses.ts';
import type { Strategy } from '../strategy.ts';
import { endpointsFaults, sctpFaults } from './validation.ts';

/** `exempt`: special addresses that are fine nevertheless. */
export const endpointsStrategy = (
  exempt: readonly Cidr[] = [],
  gates: FeatureGates = featureGates(),
): Strategy<Endpoints> => ({
  prepare: ({ next }) => next,
  validate: ({ next, prev }) => [
    ...endpointsFaults(next, { exempt, prev }),
    ...(gates.isEnabled('SCTPSupport') ? [] : sctpFaults(next, prev)),
  ],
  warnings: ({ next }) => endpointsWarnings(next),
});

const endpointsWarnings = ({ subsets = [] }: Endpoints): string[] =>
  subsets.flatMap((subset, i) =>
    (['addresses', 'notReadyAddresses'] as const).flatMap((list) =>
      (subset[list] ?? []).flatMap(({ ip }, j) => ipWarnings(`subsets[${i}].${list}[${j}].ip`, ip)),
    ),
  );
