import { endpoints, type Endpoints } from '../../../api/core/v1/endpoints.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import type { Cidr } from '../../../net/cidr.ts';
import type { FeatureGates } from '../../feature-gates.ts';
import type { Definition } from '../generic/definition.ts';
import { endpointsColumns } from './columns.ts';
import { endpointsStrategy } from './strategy.ts';

export const endpointsDefinition = (
  exempt: readonly Cidr[] = [],
  gates?: FeatureGates,
): Definition<Endpoints> => ({
  kind: endpoints,
  name: dns1123Subdomain,
  strategy: endpointsStrategy(exempt, gates),
  columns: endpointsColumns,
  resourceVersion: 'optional',
  isCreatedByUpdate: true,
});
