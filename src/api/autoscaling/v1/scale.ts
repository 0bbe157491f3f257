import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  filled,
  int32,
  message,
  optional,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';

export const scaleSpec = message(
  'io.k8s.api.autoscaling.v1.ScaleSpec',
  'How many replicas there should be.',
  {
    replicas: optional([1, int32], 'How many replicas there should be; none when absent.'),
  },
);
export type ScaleSpec = Infer<typeof scaleSpec>;

export const scaleStatus = message('io.k8s.api.autoscaling.v1.ScaleStatus', 'How many replicas there are.', {
  replicas: required([1, int32], 'How many replicas there are.'),
  selector: optional([2, string], 'Which Pods are counted, as the text of a label selector.'),
});
export type ScaleStatus = Infer<typeof scaleStatus>;

export const scale = message('io.k8s.api.autoscaling.v1.Scale', 'The number of replicas of a workload.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name and revision of the workload.'),
  spec: filled([2, scaleSpec], 'How many replicas there should be.'),
  status: optional([3, scaleStatus], 'How many replicas there are.'),
});
export type Scale = Infer<typeof scale>;

/** What the scale subresource speaks; it is not stored. */
export const scales: Kind<Scale> = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  singular: 'scale',
  shortNames: [],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: scale,
};
