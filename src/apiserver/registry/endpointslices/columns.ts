import type { EndpointSlice } from '../../../api/discovery/v1/endpoint-slice.ts';
import type { Column } from '../../rest/rest.ts';
import { ageColumn, column, nameColumn, shortList } from '../columns.ts';

const UNSET = '<unset>';

export const endpointSliceColumns: readonly Column<EndpointSlice>[] = [
  nameColumn(),
  column('AddressType', 'string', ['The kind of addresses in this slice.', ({ addressType }) => addressType]),
  column('Ports', 'string', [
    'The ports of each endpoint.',
    ({ ports = [] }) =>
      shortList(
        ports.map(({ port }) => (port === undefined ? '*' : String(port))),
        UNSET,
      ),
  ]),
  column('Endpoints', 'string', [
    'The addresses of the endpoints.',
    ({ endpoints }) =>
      shortList(
        endpoints.flatMap(({ addresses }) => addresses),
        UNSET,
      ),
  ]),
  ageColumn(),
];
