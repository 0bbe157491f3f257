import type { Endpoints } from '../../../api/core/v1/endpoints.ts';
import type { Column } from '../../rest/rest.ts';
import { ageColumn, column, nameColumn, shortList } from '../columns.ts';

const withPort = (ip: string, port: number): string =>
  ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;

function endpointsText({ subsets = [] }: Endpoints): string {
  const texts = subsets.flatMap(({ addresses = [], ports = [] }) => {
    if (ports.length === 0) return addresses.map(({ ip }) => ip);
    return ports.flatMap(({ port }) => addresses.map(({ ip }) => withPort(ip, port)));
  });
  return shortList(texts, '<none>');
}

export const endpointsColumns: readonly Column<Endpoints>[] = [
  nameColumn(),
  column('Endpoints', 'string', ['Addresses and ports that are ready.', endpointsText]),
  ageColumn(),
];
