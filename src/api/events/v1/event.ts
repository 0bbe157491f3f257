import type { JsonObject } from '../../../base/json.ts';
import { eventSource, events } from '../../core/v1/event.ts';
import { objectReference } from '../../core/v1/references.ts';
import type { KindVersion } from '../../kind-version.ts';
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

const eventSeries = message('io.k8s.api.events.v1.EventSeries', 'An event that goes on.', {
  count: required([1, int32], 'How often it happened.'),
  lastObservedTime: optional([2, microTime], 'When it happened last.'),
});

const event = message('io.k8s.api.events.v1.Event', 'Something that happened to an object.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  eventTime: optional([2, microTime], 'When it happened first.'),
  series: optional([3, eventSeries], 'Set when the event goes on.'),
  reportingController: optional([4, string], 'Name of the controller that reported it.'),
  reportingInstance: optional([5, string], 'Which instance of the controller that was.'),
  action: optional([6, string], 'What was done or tried.'),
  reason: optional([7, string], 'Why, as one word.'),
  regarding: optional([8, objectReference], 'The object it happened to.'),
  related: optional([9, objectReference], 'A second object that took part.'),
  note: optional([10, string], 'What happened, for people.'),
  type: optional([11, string], 'Normal or Warning.'),
  deprecatedSource: optional([12, eventSource], 'What the older version calls source.'),
  deprecatedFirstTimestamp: optional([13, time], 'What the older version calls firstTimestamp.'),
  deprecatedLastTimestamp: optional([14, time], 'What the older version calls lastTimestamp.'),
  deprecatedCount: optional([15, int32], 'What the older version calls count.'),
});
export type EventOfGroup = Infer<typeof event>;

const kind: Kind<EventOfGroup> = { ...events, group: 'events.k8s.io', version: 'v1', schema: event };

/** What this version calls otherwise than core/v1 does. */
const names: readonly (readonly [here: string, stored: string])[] = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
];
const toStoredName: ReadonlyMap<string, string> = new Map(names);
const fromStoredName: ReadonlyMap<string, string> = new Map(names.map(([here, stored]) => [stored, here]));

const renamed = (object: JsonObject, newNames: ReadonlyMap<string, string>): JsonObject =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [newNames.get(name) ?? name, value]));

const regardingFields = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];

/** Events as the group events.k8s.io has them; they are the same objects as those of core/v1. */
export const eventsOfGroup: KindVersion = {
  kind: kind,
  stored: events,
  toStored: (object) => renamed(object, toStoredName),
  fromStored: (object) => renamed(object, fromStoredName),
  fieldLabels: {
    ...Object.fromEntries(regardingFields.map((field) => [`regarding.${field}`, `involvedObject.${field}`])),
    'metadata.name': 'metadata.name',
    'metadata.namespace': 'metadata.namespace',
    reason: 'reason',
    reportingController: 'reportingComponent',
    type: 'type',
  },
};
