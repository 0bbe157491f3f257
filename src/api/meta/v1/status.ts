import { listMeta } from './list-meta.ts';
import { type Infer, int32, list, message, optional, string, typeMeta } from '../../schema/schema.ts';

export const statusCause = message('io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause', '-', {
  reason: optional([1, string], '-'),
  message: optional([2, string], '-'),
  field: optional([3, string], '-'),
});
export type StatusCause = Infer<typeof statusCause>;

export const statusDetails = message('io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails', '-', {
  name: optional([1, string], '-'),
  group: optional([2, string], '-'),
  kind: optional([3, string], '-'),
  uid: optional([6, string], '-'),
  causes: optional([4, list(statusCause)], '-'),
  retryAfterSeconds: optional([5, int32], '-'),
});
export type StatusDetails = Infer<typeof statusDetails>;

export const status = message('io.k8s.apimachinery.pkg.apis.meta.v1.Status', '-', {
  ...typeMeta,
  metadata: optional([1, listMeta], '-'),
  status: optional([2, string], '-'),
  message: optional([3, string], '-'),
  reason: optional([4, string], '-'),
  details: optional([5, statusDetails], '-'),
  code: optional([6, int32], '-'),
});
export type Status = Infer<typeof status>;
