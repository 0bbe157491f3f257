import { services, type Service } from '../../../api/core/v1/service.ts';
import { dns1035Label, dns1123Label } from '../../../api/validation/names.ts';
import { endpoints } from '../../../api/core/v1/endpoints.ts';
import { objectKey } from '../../../api/kind.ts';
import { objectPrefix } from '../../cache/stored-object.ts';
import type { Definition } from '../generic/definition.ts';
import { serviceColumns } from './columns.ts';
import { serviceStatusStrategy, serviceStrategy, type ServiceStrategyOptions } from './strategy.ts';

export const serviceDefinition = (options: ServiceStrategyOptions): Definition<Service> => ({
  kind: services,
  name: options.gates?.isEnabled('RelaxedServiceNameValidation') === true ? dns1123Label : dns1035Label,
  strategy: serviceStrategy(options),
  subresources: { status: serviceStatusStrategy(options.gates) },
  columns: serviceColumns,
  fields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },
  resourceVersion: 'optional',
  isCreatedByUpdate: true,
  // Hand-written Endpoints have no owner reference; they go with their Service, as upstream's server does it.
  deletion: { companions: (service) => [objectPrefix(endpoints) + objectKey(service)] },
});
