import type { KubeObject, Kind } from '../../api/kind.ts';
import type { RequestUser } from '../rest/rest.ts';

export interface AdmissionRequest {
  readonly operation: 'create' | 'update' | 'delete';
  readonly kind: Kind;
  /** '' for a kind without namespaces. */
  readonly namespace: string;
  readonly name: string;
  readonly object: KubeObject;
  readonly user: RequestUser;
}

/** Lets a valid request pass, or rejects with an ApiError. Runs before the kind's own rules. */
export type Admission = (request: AdmissionRequest) => Promise<void> | void;
