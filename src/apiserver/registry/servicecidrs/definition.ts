import { type ServiceCIDR, serviceCIDRs } from '../../../api/networking/v1/service-cidr.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';
import { statusStrategy, withStatusOf } from '../strategy.ts';
import { serviceCIDRChangeFaults, serviceCIDRFaults } from './validation.ts';

export const serviceCIDRDefinition: Definition<ServiceCIDR> = {
  kind: serviceCIDRs,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next, prev }) => withStatusOf(next, prev),
    validate: ({ next, prev }) =>
      prev === undefined ? serviceCIDRFaults(next) : serviceCIDRChangeFaults(next, prev),
  },
  subresources: { status: statusStrategy() },
  columns: [
    nameColumn(),
    column('CIDRs', 'string', ['Its blocks of addresses.', ({ spec }) => (spec.cidrs ?? []).join(',')]),
    ageColumn(),
  ],
  resourceVersion: 'required',
};
