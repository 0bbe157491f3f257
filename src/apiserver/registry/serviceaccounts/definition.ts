import { serviceAccounts, type ServiceAccount } from '../../../api/core/v1/service-account.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';

export const serviceAccountDefinition: Definition<ServiceAccount> = {
  kind: serviceAccounts,
  name: dns1123Subdomain,
  strategy: { prepare: ({ next }) => next, validate: () => [] },
  columns: [
    nameColumn(),
    column('Secrets', 'string', [
      'How many secrets belong to it.',
      ({ secrets = [] }) => String(secrets.length),
    ]),
    ageColumn(),
  ],
  resourceVersion: 'optional',
  answersDeleted: true,
};
