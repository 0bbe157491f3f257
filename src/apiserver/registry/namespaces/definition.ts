import { namespaces, type Namespace } from '../../../api/core/v1/namespace.ts';
import { dns1123Label } from '../../../api/validation/names.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';
import { namespaceFinalizeStrategy, namespaceStatusStrategy, namespaceStrategy } from './strategy.ts';

/** `immortal`: names that cannot be deleted. */
export const namespaceDefinition = (immortal: readonly string[]): Definition<Namespace> => ({
  kind: namespaces,
  name: dns1123Label,
  strategy: namespaceStrategy,
  subresources: { status: namespaceStatusStrategy, finalize: namespaceFinalizeStrategy },
  columns: [
    nameColumn(),
    column('Status', 'string', ['The status of the namespace', ({ status }) => status?.phase ?? '']),
    ageColumn(),
  ],
  fields: { 'status.phase': ({ status }) => status?.phase ?? '' },
  resourceVersion: 'optional',
  withoutVerbs: ['deletecollection'],
  deletion: {
    refusal: ({ metadata }) =>
      immortal.includes(metadata.name) ? 'this namespace may not be deleted' : undefined,
    mark: (namespace) => ({ ...namespace, status: { ...namespace.status, phase: 'Terminating' } }),
    isHeld: ({ spec }) => (spec?.finalizers ?? []).length > 0,
  },
});
