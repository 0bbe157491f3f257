import type { Event } from '../../../api/core/v1/event.ts';
import { invalidValue, required, type FieldError } from '../../../api/errors/field-error.ts';
import { qualifiedName } from '../../../api/validation/names.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import { immutableFaults, invalidEach } from '../rules/fields.ts';
import type { Change } from '../strategy.ts';

const TEXT_LIMIT = 128;
const NOTE_LIMIT = 1024;

/** What holds for every event, however it is written. Those with an eventTime say more of where they come from. */
export function eventFaults(event: Event): FieldError[] {
  const { metadata, involvedObject, eventTime } = event;
  const { namespace = '' } = involvedObject;
  const own = metadata.namespace ?? '';
  const homes = eventTime === undefined ? ['', 'default'] : ['default', 'kube-system'];
  const isAstray = namespace === '' ? !homes.includes(own) : eventTime === undefined && namespace !== own;
  return [
    ...(isAstray
      ? [invalidValue('involvedObject.namespace', namespace, 'does not match event.namespace')]
      : []),
    ...(eventTime === undefined ? [] : originFaults(event)),
  ];
}

function originFaults({
  reportingComponent: controller = '',
  reportingInstance: instance = '',
  action = '',
  reason = '',
  message = '',
}: Event): FieldError[] {
  return [
    ...(controller === '' ? [required('reportingController')] : []),
    ...invalidEach('reportingController', controller, qualifiedName(controller)),
    ...textFaults('reportingInstance', instance),
    ...textFaults('action', action),
    ...textFaults('reason', reason),
    ...lengthFaults('message', message, NOTE_LIMIT),
  ];
}

const textFaults = (path: string, text: string): FieldError[] => [
  ...(text === '' ? [required(path)] : []),
  ...lengthFaults(path, text, TEXT_LIMIT),
];

/** Go counts bytes. */
const lengthFaults = (path: string, text: string, limit: number): FieldError[] =>
  new TextEncoder().encode(text).length <= limit
    ? []
    : [invalidValue(path, '', `can have at most ${limit} characters`)];

/** The stricter rules for what is written through events.k8s.io/v1. */
export function groupEventFaults({ next, prev }: Change<Event>): FieldError[] {
  return [...eventFaults(next), ...(prev === undefined ? createFaults(next) : changeFaults(next, prev))];
}

function createFaults(event: Event): FieldError[] {
  const { type = '', eventTime, source } = event;
  const isUnset = (path: string, isSet: boolean): FieldError[] =>
    isSet ? [invalidValue(path, '', 'needs to be unset')] : [];
  return [
    ...seriesFaults(event),
    ...(eventTime === undefined ? [required('eventTime')] : []),
    ...(type === 'Normal' || type === 'Warning'
      ? []
      : [invalidValue('type', '', `has invalid value: ${type}`)]),
    ...isUnset('firstTimestamp', event.firstTimestamp !== undefined),
    ...isUnset('lastTimestamp', event.lastTimestamp !== undefined),
    ...isUnset('count', (event.count ?? 0) !== 0),
    ...isUnset('source', (source?.component ?? '') !== '' || (source?.host ?? '') !== ''),
  ];
}

function seriesFaults({ series }: Event): FieldError[] {
  if (series === undefined) return [];
  return [
    ...((series.count ?? 0) < 2 ? [invalidValue('series.count', '', 'should be at least 2')] : []),
    ...(series.lastObservedTime === undefined ? [required('series.lastObservedTime')] : []),
  ];
}

/** Only the series goes on; everything else stays as it was said. Paths are those of upstream. */
const fixed: readonly (readonly [field: keyof Event, path: string])[] = [
  ['involvedObject', 'involvedObject'],
  ['reason', 'reason'],
  ['message', 'message'],
  ['source', 'source'],
  ['firstTimestamp', 'firstTimestamp'],
  ['lastTimestamp', 'lastTimestamp'],
  ['count', 'count'],
  ['type', 'type'],
  ['eventTime', 'eventTime'],
  ['action', 'action'],
  ['related', 'related'],
  ['reportingComponent', 'reportingController'],
  ['reportingInstance', 'reportingInstance'],
];

const changeFaults = (next: Event, prev: Event): FieldError[] => [
  ...(deepEqual(next.series, prev.series) ? [] : seriesFaults(next)),
  ...fixed.flatMap(([field, path]) => immutableFaults(path, next[field], prev[field])),
];
