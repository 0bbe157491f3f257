import { ApiError, forbidden, notFound } from '../../api/errors/api-error.ts';
import { namespaces, type Namespace } from '../../api/core/v1/namespace.ts';
import type { Admission } from './admission.ts';

/**
 * Nothing is created in a namespace that does not exist or is on its way out. `find` must know of every namespace
 * whose creation has been acknowledged.
 */
export function namespaceLifecycle(find: (name: string) => Promise<Namespace | undefined>): Admission {
  return async ({ operation, kind, namespace, name }) => {
    if (operation !== 'create' || !kind.isNamespaced) return;
    const found = await find(namespace);
    if (found === undefined) throw notFound(namespaces, namespace);
    if (found.metadata.deletionTimestamp === undefined && found.status?.phase !== 'Terminating') return;
    const { status } = forbidden(
      kind,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
    const cause = {
      reason: 'NamespaceTerminating',
      message: `namespace ${namespace} is being terminated`,
      field: 'metadata.namespace',
    };
    throw new ApiError({ ...status, details: { ...status.details, causes: [cause] } });
  };
}
