import { leases, type Lease } from '../../../api/coordination/v1/lease.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';
import { leaseStrategy } from './strategy.ts';

export const leaseDefinition: Definition<Lease> = {
  kind: leases,
  name: dns1123Subdomain,
  strategy: leaseStrategy,
  columns: [
    nameColumn(),
    column('Holder', 'string', ['Who holds the lease.', ({ spec }) => spec.holderIdentity ?? '']),
    ageColumn(),
  ],
  // Two candidates must not both believe that they hold it.
  resourceVersion: 'required',
  isCreatedByUpdate: true,
};
