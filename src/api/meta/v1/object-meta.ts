import {
  type Infer,
  assigned,
  atomic,
  bool,
  int64,
  json,
  list,
  listMap,
  map,
  message,
  optional,
  pointer,
  required,
  set,
  string,
  time,
} from '../../schema/schema.ts';

export const ownerReference = atomic(
  message(
    'io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference',
    'The object that this object belongs to, in the same namespace or cluster-scoped.',
    {
      apiVersion: required([5, string], 'Group and version of the owner.'),
      kind: required([1, string], 'Kind of the owner.'),
      name: required([3, string], 'Name of the owner.'),
      uid: required([4, string], 'UID of the owner; a new object with the same name is not the owner.'),
      controller: pointer([6, bool], 'Whether this owner manages the object; at most one owner does.'),
      blockOwnerDeletion: pointer(
        [7, bool],
        'Whether a foreground deletion of the owner waits until this object is gone.',
      ),
    },
  ),
);
export type OwnerReference = Infer<typeof ownerReference>;

export const managedFieldsEntry = message(
  'io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry',
  'The fields that one writer set in one way.',
  {
    manager: optional([1, string], 'Name of the writer.'),
    operation: optional([2, string], 'Apply or Update.'),
    apiVersion: optional([3, string], 'The version of the object that the field names refer to.'),
    time: optional([4, time], 'When the entry last changed.'),
    fieldsType: optional([6, string], 'The form of fieldsV1; always FieldsV1.'),
    fieldsV1: optional([7, json], 'The set of fields, as a tree of names.'),
    subresource: optional([8, string], 'The subresource that was written, or empty for the object itself.'),
  },
);
export type ManagedFieldsEntry = Infer<typeof managedFieldsEntry>;

export const objectMeta = message(
  'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
  'What every stored object carries: name, labels, owners and life-cycle times.',
  {
    name: assigned([1, string], 'Unique within the namespace for this kind; cannot be changed.'),
    generateName: optional(
      [2, string],
      'Prefix to which the server adds random characters when no name is given.',
    ),
    namespace: optional(
      [3, string],
      'The space within which the name is unique; empty for cluster-scoped kinds.',
    ),
    selfLink: optional([4, string], 'No longer filled in.'),
    uid: optional([5, string], 'Identifies this object for ever; set by the server.'),
    resourceVersion: optional(
      [6, string],
      'The revision of the last change; an update that gives an older one is refused.',
    ),
    generation: optional([7, int64], 'Counts the changes of the desired state; set by the server.'),
    creationTimestamp: optional([8, time], 'When the server stored the object first.'),
    deletionTimestamp: optional(
      [9, time],
      'When the object is due to go; set once deletion was asked for and finalizers or a grace period hold it.',
    ),
    deletionGracePeriodSeconds: pointer(
      [10, int64],
      'How long the object may take to end; set together with deletionTimestamp.',
    ),
    labels: optional([11, map(string)], 'Short pairs by which objects are grouped and selected.'),
    annotations: optional([12, map(string)], 'Free pairs for tools and people; they cannot be selected by.'),
    ownerReferences: optional(
      [13, listMap(ownerReference, ['uid'])],
      'The objects this one belongs to; when all of them are gone, it is collected.',
      { patchMergeKey: 'uid' },
    ),
    finalizers: optional(
      [14, set(string)],
      'Names of tasks that must be done before the object is removed.',
      { patchStrategy: 'merge' },
    ),
    managedFields: optional(
      [17, list(managedFieldsEntry)],
      'Which writer set which fields; kept by the server for server-side apply.',
    ),
  },
);
export type ObjectMeta = Infer<typeof objectMeta>;
