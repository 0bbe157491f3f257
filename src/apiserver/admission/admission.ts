import type { KubeObject, Kind } from '../../api/kind.ts';
import type { RequestUser } from '../rest/rest.ts';

export interface AdmissionRequest {
  readonly operation: 'create' | 'update' | 'delete';
  readonly kind: Kind;
  /** '' for a kind without namespaces. */
  readonly namespace: string;
  readonly name: string;
  /** '' = the object itself. */
  readonly subresource: string;
  /** As it would be written; of a delete the object as it stands. */
  readonly object: KubeObject;
  /** As it stands; undefined for a create. */
  readonly old?: KubeObject;
  readonly user: RequestUser;
}

/**
 * Lets a valid request pass, or rejects with an ApiError. Runs before the kind's own validation. Of a create it may
 * return the object with changes; what it returns of others is ignored.
 */
export type Admission = (
  request: AdmissionRequest,
) => Promise<KubeObject | undefined | void> | KubeObject | undefined | void;

/** Asks all of them in their order; the object as the last of them left it. Waits for those only that need time. */
export async function admit<T extends KubeObject>(
  admissions: readonly Admission[],
  request: AdmissionRequest & { readonly object: T },
): Promise<T> {
  let { object } = request;
  for (const ask of admissions) {
    const answer = ask(object === request.object ? request : { ...request, object });
    const changed = answer instanceof Promise ? await answer : answer;
    if (changed !== undefined && request.operation === 'create') object = changed as T;
  }
  return object;
}
