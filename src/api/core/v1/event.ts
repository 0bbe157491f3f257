import { objectReference } from './references.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  filled,
  int32,
  message,
  microTime,
  optional,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

export const eventSource = message('io.k8s.api.core.v1.EventSource', 'Who reported an event.', {
  component: optional([1, string], 'Name of the component.'),
  host: optional([2, string], 'Node it runs on.'),
});
export type EventSource = Infer<typeof eventSource>;

export const eventSeries = message('io.k8s.api.core.v1.EventSeries', 'An event that goes on.', {
  count: optional([1, int32], 'How often it happened.'),
  lastObservedTime: optional([2, microTime], 'When it happened last.'),
});
export type EventSeries = Infer<typeof eventSeries>;

export const event = message('io.k8s.api.core.v1.Event', 'Something that happened to an object.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  involvedObject: required([2, objectReference], 'The object it happened to.'),
  reason: optional([3, string], 'What happened, as one word.'),
  message: optional([4, string], 'What happened, for people.'),
  source: optional([5, eventSource], 'Who reported it.'),
  firstTimestamp: optional([6, time], 'When it happened first.'),
  lastTimestamp: optional([7, time], 'When it happened last.'),
  count: optional([8, int32], 'How often it happened.'),
  type: optional([9, string], 'Normal or Warning.'),
  eventTime: optional([10, microTime], 'When it happened first, to the microsecond.'),
  series: optional([11, eventSeries], 'Set when the event goes on.'),
  action: optional([12, string], 'What was done or tried.'),
  related: optional([13, objectReference], 'A second object that took part.'),
  reportingComponent: optional([14, string], 'Name of the controller that reported it.'),
  reportingInstance: optional([15, string], 'Which instance of the controller that was.'),
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
