import { podTemplateSpec } from './pod-template.ts';
import { isJsonObject, type JsonObject } from '../../../base/json.ts';
import type { Kind, ObjectRule } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  atomicMap,
  filled,
  int32,
  int64,
  listMap,
  message,
  optional,
  pointer,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

export const replicationControllerSpec = message(
  'io.k8s.api.core.v1.ReplicationControllerSpec',
  'How many copies of which Pod there should be.',
  {
    replicas: pointer([1, int32], 'How many Pods there should be.', { default: 1 }),
    minReadySeconds: optional([4, int32], 'How long a Pod must be ready to count as available.'),
    selector: optional(
      [2, atomicMap(string)],
      "Which Pods are counted; the template's labels when left out.",
    ),
    template: optional([3, podTemplateSpec], 'The Pod that is copied.'),
  },
);
export type ReplicationControllerSpec = Infer<typeof replicationControllerSpec>;

export const replicationControllerCondition = message(
  'io.k8s.api.core.v1.ReplicationControllerCondition',
  "One aspect of a ReplicationController's state.",
  {
    type: required([1, string], 'Name of the aspect.'),
    status: required([2, string], 'True, False or Unknown.'),
    lastTransitionTime: optional([3, time], 'When the status last changed.'),
    reason: optional([4, string], 'Why it changed last, as one CamelCase word.'),
    message: optional([5, string], 'The same for people.'),
  },
);
export type ReplicationControllerCondition = Infer<typeof replicationControllerCondition>;

export const replicationControllerStatus = message(
  'io.k8s.api.core.v1.ReplicationControllerStatus',
  'What is known of a ReplicationController.',
  {
    replicas: required([1, int32], 'How many Pods there are.'),
    fullyLabeledReplicas: optional([2, int32], 'How many have all labels of the template.'),
    readyReplicas: optional([4, int32], 'How many are ready.'),
    availableReplicas: optional([5, int32], 'How many have been ready for minReadySeconds.'),
    observedGeneration: optional([3, int64], 'The generation that this was judged from.'),
    conditions: optional([6, listMap(replicationControllerCondition, ['type'])], 'Aspects of its state.', {
      patchMergeKey: 'type',
    }),
  },
);
export type ReplicationControllerStatus = Infer<typeof replicationControllerStatus>;

export const replicationController = message(
  'io.k8s.api.core.v1.ReplicationController',
  'Keeps a number of equal Pods running; ReplicaSets have taken its place.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, replicationControllerSpec], 'How many copies of which Pod there should be.'),
    status: optional([3, replicationControllerStatus], 'How many there are.'),
  },
);
export type ReplicationController = Infer<typeof replicationController>;

const isEmpty = (value: unknown): boolean => !isJsonObject(value) || Object.keys(value).length === 0;

/** The labels of `spec.template`; undefined when it has none. */
export function templateLabelsOf(object: JsonObject): JsonObject | undefined {
  const template = isJsonObject(object.spec) ? object.spec.template : undefined;
  const metadata = isJsonObject(template) ? template.metadata : undefined;
  const labels = isJsonObject(metadata) ? metadata.labels : undefined;
  return isJsonObject(labels) && Object.keys(labels).length > 0 ? labels : undefined;
}

/** An object without labels has those of its Pods (pkg/apis/core/v1/defaults.go). */
export const labelsOfTemplate: ObjectRule = (object) => {
  const labels = templateLabelsOf(object);
  const metadata = isJsonObject(object.metadata) ? object.metadata : {};
  if (labels === undefined || !isEmpty(metadata.labels)) return object;
  return { ...object, metadata: { ...metadata, labels: { ...labels } } };
};

const selectorOfTemplate: ObjectRule = (object) => {
  const labels = templateLabelsOf(object);
  if (labels === undefined || !isJsonObject(object.spec) || !isEmpty(object.spec.selector)) return object;
  return { ...object, spec: { ...object.spec, selector: { ...labels } } };
};

export const replicationControllers: Kind<ReplicationController> = {
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  singular: 'replicationcontroller',
  shortNames: ['rc'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status', 'scale'],
  schema: replicationController,
  defaultRules: [selectorOfTemplate, labelsOfTemplate],
};
