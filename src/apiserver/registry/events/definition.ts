import { events, type Event } from '../../../api/core/v1/event.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import type { Definition } from '../generic/definition.ts';
import { eventColumns } from './columns.ts';
import { eventStrategy } from './strategy.ts';

export const eventDefinition: Definition<Event> = {
  kind: events,
  name: dns1123Subdomain,
  strategy: eventStrategy,
  columns: eventColumns,
  fields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent, source }) => reportingComponent ?? source?.component ?? '',
    source: ({ source, reportingComponent }) => source?.component ?? reportingComponent ?? '',
    type: ({ type }) => type ?? '',
  },
  resourceVersion: 'optional',
  isCreatedByUpdate: true,
};
