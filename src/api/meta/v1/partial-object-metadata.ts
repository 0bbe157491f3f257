import { type Infer, filled, message, typeMeta } from '../../schema/schema.ts';
import { objectMeta } from './object-meta.ts';

export const partialObjectMetadata = message(
  'io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata',
  'The metadata of an object of any kind.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  },
);
export type PartialObjectMetadata = Infer<typeof partialObjectMetadata>;
