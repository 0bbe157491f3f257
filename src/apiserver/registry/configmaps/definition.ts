import { configMaps, type ConfigMap } from '../../../api/core/v1/config-map.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';
import { configMapStrategy } from './strategy.ts';

export const configMapDefinition: Definition<ConfigMap> = {
  kind: configMaps,
  name: dns1123Subdomain,
  strategy: configMapStrategy,
  columns: [
    nameColumn(),
    column('Data', 'integer', [
      'How many keys there are.',
      ({ data = {}, binaryData = {} }) => Object.keys(data).length + Object.keys(binaryData).length,
    ]),
    ageColumn(),
  ],
  resourceVersion: 'optional',
};
