import { type Infer, int64, message, optional, pointer, string } from '../../schema/schema.ts';

export const listMeta = message('io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta', '-', {
  selfLink: optional([1, string], '-'),
  resourceVersion: optional([2, string], '-'),
  continue: optional([3, string], '-'),
  remainingItemCount: pointer([4, int64], '-'),
});
export type ListMeta = Infer<typeof listMeta>;
