import type { Endpoints } from '../../../api/core/v1/endpoints.ts';
import { hostPort } from '../../../net/host-port.ts';
import type { Column } from '../../rest/rest.ts';
import { ageColumn, column, nameColumn, shortList } from '../columns.ts';

function endpointsText({ subsets = [] }: Endpoints): string {
  const texts = subsets.flatMap(({ addresses = [], ports = [] }) => {
    if (ports.length === 0) return addresses.map(({ ip }) => ip);
    return ports.flatMap(({ port }) => addresses.map(({ ip }) => hostPort(ip, port)));
  });
  return shortList(texts, '<none>');
}

export const endpointsColumns: readonly Column<Endpoints>[] = [
  nameColumn(),
  column('Endpoints', 'string', ['Addresses and ports that are ready.', endpointsText]),
  ageColumn(),
];
