import { listMeta } from './list-meta.ts';
import { type Infer, int32, list, message, optional, string, typeMeta } from '../../schema/schema.ts';

export const statusCause = message(
  'io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause',
  'One of several reasons for a failure.',
  {
    reason: optional([1, string], 'The reason in machine-readable form.'),
    message: optional([2, string], 'The reason for people.'),
    field: optional([3, string], 'The field that caused it, such as spec.ports[0].port.'),
  },
);
export type StatusCause = Infer<typeof statusCause>;

export const statusDetails = message(
  'io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails',
  'What a failure or a success was about.',
  {
    name: optional([1, string], 'Name of the object.'),
    group: optional([2, string], 'API group of the resource.'),
    kind: optional([3, string], 'Resource or kind of the object.'),
    uid: optional([6, string], 'UID of the object.'),
    causes: optional([4, list(statusCause)], 'Single reasons, such as one per wrong field.'),
    retryAfterSeconds: optional([5, int32], 'How long to wait before trying again.'),
  },
);
export type StatusDetails = Infer<typeof statusDetails>;

export const status = message(
  'io.k8s.apimachinery.pkg.apis.meta.v1.Status',
  'The answer to a request that returns no object, most often a failure.',
  {
    ...typeMeta,
    metadata: optional([1, listMeta], 'Revision of the list the answer refers to.'),
    status: optional([2, string], 'Success or Failure.'),
    message: optional([3, string], 'What happened, for people.'),
    reason: optional([4, string], 'What happened, as a word that programs can match on.'),
    details: optional([5, statusDetails], 'What it was about.'),
    code: optional([6, int32], 'The HTTP status code.'),
  },
);
export type Status = Infer<typeof status>;
