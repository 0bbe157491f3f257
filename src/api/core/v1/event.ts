import { objectReference } from './references.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  int32,
  message,
  microTime,
  optional,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

export const eventSource = message('io.k8s.api.core.v1.EventSource', '-', {
  component: optional([1, string], '-'),
  host: optional([2, string], '-'),
});
export type EventSource = Infer<typeof eventSource>;

export const eventSeries = message('io.k8s.api.core.v1.EventSeries', '-', {
  count: optional([1, int32], '-'),
  lastObservedTime: optional([2, microTime], '-'),
});
export type EventSeries = Infer<typeof eventSeries>;

export const event = message('io.k8s.api.core.v1.Event', '-', {
  ...typeMeta,
  metadata: required([1, objectMeta], 'Name, labels and other standard metadata.'),
  involvedObject: required([2, objectReference], '-'),
  reason: optional([3, string], '-'),
  message: optional([4, string], '-'),
  source: optional([5, eventSource], '-'),
  firstTimestamp: optional([6, time], '-'),
  lastTimestamp: optional([7, time], '-'),
  count: optional([8, int32], '-'),
  type: optional([9, string], '-'),
  eventTime: optional([10, microTime], '-'),
  series: optional([11, eventSeries], '-'),
  action: optional([12, string], '-'),
  related: optional([13, objectReference], '-'),
  reportingComponent: optional([14, string], '-'),
  reportingInstance: optional([15, string], '-'),
});
export type Event = Infer<typeof event>;

export const events: Kind<Event> = {
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: event,
};
