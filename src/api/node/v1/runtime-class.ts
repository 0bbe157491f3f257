import { toleration } from '../../core/v1/affinity.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  filled,
  list,
  map,
  message,
  optional,
  quantity,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';

const overhead = message('io.k8s.api.node.v1.Overhead', 'What a runtime needs beside the containers.', {
  podFixed: optional([1, map(quantity)], 'For each Pod, by resource name.'),
});

const scheduling = message('io.k8s.api.node.v1.Scheduling', 'Which nodes have a runtime.', {
  nodeSelector: optional([1, map(string)], 'Labels that they have.'),
  tolerations: optional([2, list(toleration)], 'Taints of them that Pods bear.'),
});

export const runtimeClass = message('io.k8s.api.node.v1.RuntimeClass', 'A way to run containers.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  handler: required([2, string], 'What the nodes call it.'),
  overhead: optional([3, overhead], 'What it needs beside the containers.'),
  scheduling: optional([4, scheduling], 'Which nodes have it.'),
});
export type RuntimeClass = Infer<typeof runtimeClass>;

export const runtimeClasses: Kind<RuntimeClass> = {
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  singular: 'runtimeclass',
  shortNames: [],
  categories: [],
  isNamespaced: false,
  subresources: [],
  schema: runtimeClass,
};
