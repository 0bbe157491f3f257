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
  message('io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference', '-', {
    apiVersion: required([5, string], '-'),
    kind: required([1, string], '-'),
    name: required([3, string], '-'),
    uid: required([4, string], '-'),
    controller: pointer([6, bool], '-'),
    blockOwnerDeletion: pointer([7, bool], '-'),
  }),
);
export type OwnerReference = Infer<typeof ownerReference>;

export const managedFieldsEntry = message('io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry', '-', {
  manager: optional([1, string], '-'),
  operation: optional([2, string], '-'),
  apiVersion: optional([3, string], '-'),
  time: optional([4, time], '-'),
  fieldsType: optional([6, string], '-'),
  fieldsV1: optional([7, json], '-'),
  subresource: optional([8, string], '-'),
});
export type ManagedFieldsEntry = Infer<typeof managedFieldsEntry>;

export const objectMeta = message('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta', '-', {
  name: assigned([1, string], '-'),
  generateName: optional([2, string], '-'),
  namespace: optional([3, string], '-'),
  selfLink: optional([4, string], '-'),
  uid: optional([5, string], '-'),
  resourceVersion: optional([6, string], '-'),
  generation: optional([7, int64], '-'),
  creationTimestamp: optional([8, time], '-'),
  deletionTimestamp: optional([9, time], '-'),
  deletionGracePeriodSeconds: pointer([10, int64], '-'),
  labels: optional([11, map(string)], '-'),
  annotations: optional([12, map(string)], '-'),
  ownerReferences: optional([13, listMap(ownerReference, ['uid'])], '-', { patchMergeKey: 'uid' }),
  finalizers: optional([14, set(string)], '-', { patchStrategy: 'merge' }),
  managedFields: optional([17, list(managedFieldsEntry)], '-'),
});
export type ObjectMeta = Infer<typeof objectMeta>;
