import { secrets, type Secret } from '../../../api/core/v1/secret.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';
import { secretStrategy } from './strategy.ts';

export const secretDefinition: Definition<Secret> = {
  kind: secrets,
  name: dns1123Subdomain,
  strategy: secretStrategy,
  columns: [
    nameColumn(),
    column('Type', 'string', ['What the data means.', ({ type = '' }) => type]),
    column('Data', 'integer', ['How many keys there are.', ({ data = {} }) => Object.keys(data).length]),
    ageColumn(),
  ],
  fields: { type: ({ type }) => type ?? '' },
  resourceVersion: 'optional',
};
