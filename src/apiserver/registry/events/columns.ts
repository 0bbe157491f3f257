import type { Event } from '../../../api/core/v1/event.ts';
import type { Column } from '../../rest/rest.ts';
import { agoText, column, nameColumn, wide } from '../columns.ts';

const firstSeen = ({ firstTimestamp, eventTime }: Event): string | undefined => firstTimestamp ?? eventTime;

/** When it was seen last; `(x5 over 3m)` says how often and since when. */
function lastSeenText(event: Event, now: number): string {
  const last = event.series?.lastObservedTime ?? event.lastTimestamp ?? firstSeen(event);
  const count = event.series?.count ?? event.count ?? 1;
  const text = agoText(last, now);
  return count > 1 ? `${text} (x${count} over ${agoText(firstSeen(event), now)})` : text;
}

function sourceText({ source, reportingComponent = '', reportingInstance = '' }: Event): string {
  const component = source?.component ?? reportingComponent;
  const host = source?.host ?? reportingInstance;
  return host === '' ? component : `${component}, ${host}`;
}

export const eventColumns: readonly Column<Event>[] = [
  column('Last Seen', 'string', ['When this was last seen.', lastSeenText]),
  column('Type', 'string', ['Normal or Warning.', ({ type = '' }) => type]),
  column('Reason', 'string', ['A short machine-readable reason.', ({ reason = '' }) => reason]),
  column('Object', 'string', [
    'What the event is about.',
    ({ involvedObject: { kind = '', name = '' } }) => `${kind.toLowerCase()}/${name}`,
  ]),
  wide(
    column('Subobject', 'string', [
      'The part of the object.',
      ({ involvedObject }) => involvedObject.fieldPath ?? '',
    ]),
  ),
  wide(column('Source', 'string', ['Who reported it.', sourceText])),
  column('Message', 'string', ['What happened.', ({ message = '' }) => message.trim()]),
  wide(
    column('First Seen', 'string', [
      'When this was first seen.',
      (event, now) => agoText(firstSeen(event), now),
    ]),
  ),
  wide(column('Count', 'string', ['How often.', ({ series, count = 1 }) => String(series?.count ?? count)])),
  wide(nameColumn()),
];
