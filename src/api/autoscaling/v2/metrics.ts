import { labelSelector } from '../../meta/v1/label-selector.ts';
import {
  type Infer,
  atomic,
  filled,
  int32,
  message,
  optional,
  pointer,
  quantity,
  required,
  string,
} from '../../schema/schema.ts';

export const objectReference = atomic(
  message('io.k8s.api.autoscaling.v2.CrossVersionObjectReference', 'An object of the same namespace.', {
    kind: required([1, string], 'Its kind.'),
    name: required([2, string], 'Its name.'),
    apiVersion: optional([3, string], 'Group and version of its kind.'),
  }),
);
export type CrossVersionObjectReference = Infer<typeof objectReference>;

const identifier = message('io.k8s.api.autoscaling.v2.MetricIdentifier', 'Which metric.', {
  name: required([1, string], 'Its name.'),
  selector: pointer([2, labelSelector], 'Which of its series; all when absent.'),
});

const target = message('io.k8s.api.autoscaling.v2.MetricTarget', 'What the metric should be.', {
  type: required([1, string], 'Which of the values is meant.', {
    values: ['Utilization', 'Value', 'AverageValue'],
  }),
  value: pointer([2, quantity], 'The whole.'),
  averageValue: pointer([3, quantity], 'The average of the Pods.'),
  averageUtilization: pointer([4, int32], 'The average of the Pods, as percent of what they asked for.'),
});
export type MetricTarget = Infer<typeof target>;

const current = message('io.k8s.api.autoscaling.v2.MetricValueStatus', 'What the metric is.', {
  value: pointer([1, quantity], 'The whole.'),
  averageValue: pointer([2, quantity], 'The average of the Pods.'),
  averageUtilization: pointer([3, int32], 'The average of the Pods, as percent of what they asked for.'),
});

const resourceName = required([1, string], 'The resource, such as cpu.');

const objectSource = message('io.k8s.api.autoscaling.v2.ObjectMetricSource', 'A metric of one object.', {
  describedObject: required([1, objectReference], 'Whose it is.'),
  target: required([2, target], 'What it should be.'),
  metric: required([3, identifier], 'Which one.'),
});
const podsSource = message('io.k8s.api.autoscaling.v2.PodsMetricSource', 'A metric of every Pod.', {
  metric: required([1, identifier], 'Which one.'),
  target: required([2, target], 'What its average should be.'),
});
const resourceSource = message('io.k8s.api.autoscaling.v2.ResourceMetricSource', 'A resource of every Pod.', {
  name: resourceName,
  target: required([2, target], 'How much there should be.'),
});
const containerSource = message(
  'io.k8s.api.autoscaling.v2.ContainerResourceMetricSource',
  'A resource of one container of every Pod.',
  {
    name: resourceName,
    target: required([2, target], 'How much there should be.'),
    container: required([3, string], 'Which container.'),
  },
);
const externalSource = message(
  'io.k8s.api.autoscaling.v2.ExternalMetricSource',
  'A metric of something else.',
  {
    metric: required([1, identifier], 'Which one.'),
    target: required([2, target], 'What it should be.'),
  },
);

export const metricSpec = message('io.k8s.api.autoscaling.v2.MetricSpec', 'One thing to go by.', {
  type: required([1, string], 'Which of the others is meant.', {
    values: ['Object', 'Pods', 'Resource', 'ContainerResource', 'External'],
  }),
  object: pointer([2, objectSource], 'A metric of one object.'),
  pods: pointer([3, podsSource], 'A metric of every Pod.'),
  resource: pointer([4, resourceSource], 'A resource of every Pod.'),
  containerResource: pointer([7, containerSource], 'A resource of one container of every Pod.'),
  external: pointer([5, externalSource], 'A metric of something outside the cluster.'),
});
export type MetricSpec = Infer<typeof metricSpec>;

const objectStatus = message('io.k8s.api.autoscaling.v2.ObjectMetricStatus', 'A metric of one object.', {
  metric: required([1, identifier], 'Which one.'),
  current: required([2, current], 'What it is.'),
  describedObject: required([3, objectReference], 'Whose it is.'),
});
const podsStatus = message('io.k8s.api.autoscaling.v2.PodsMetricStatus', 'A metric of every Pod.', {
  metric: required([1, identifier], 'Which one.'),
  current: required([2, current], 'What its average is.'),
});
const resourceStatus = message('io.k8s.api.autoscaling.v2.ResourceMetricStatus', 'A resource of every Pod.', {
  name: resourceName,
  current: required([2, current], 'How much there is.'),
});
const containerStatus = message(
  'io.k8s.api.autoscaling.v2.ContainerResourceMetricStatus',
  'A resource of one container of every Pod.',
  {
    name: resourceName,
    current: required([2, current], 'How much there is.'),
    container: required([3, string], 'Which container.'),
  },
);
const externalStatus = message(
  'io.k8s.api.autoscaling.v2.ExternalMetricStatus',
  'A metric of something else.',
  {
    metric: required([1, identifier], 'Which one.'),
    current: required([2, current], 'What it is.'),
  },
);

export const metricStatus = message(
  'io.k8s.api.autoscaling.v2.MetricStatus',
  'One thing as it was last seen.',
  {
    type: filled([1, string], 'Which of the others is meant.'),
    object: pointer([2, objectStatus], 'A metric of one object.'),
    pods: pointer([3, podsStatus], 'A metric of every Pod.'),
    resource: pointer([4, resourceStatus], 'A resource of every Pod.'),
    containerResource: pointer([7, containerStatus], 'A resource of one container of every Pod.'),
    external: pointer([5, externalStatus], 'A metric of something outside the cluster.'),
  },
);
export type MetricStatus = Infer<typeof metricStatus>;
