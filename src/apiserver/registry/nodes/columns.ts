import type { Node } from '../../../api/core/v1/node.ts';
import type { Column } from '../../rest/rest.ts';
import { ageColumn, column, nameColumn, wide } from '../columns.ts';

const ROLE_LABEL = 'node-role.kubernetes.io/';
const UNKNOWN = '<unknown>';

function statusText({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const texts = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (spec.unschedulable === true) texts.push('SchedulingDisabled');
  return texts.join(',');
}

function rolesText({ metadata: { labels = {} } }: Node): string {
  const roles = Object.entries(labels).flatMap(([key, value]) => {
    if (key.startsWith(ROLE_LABEL)) return key.slice(ROLE_LABEL.length) || [];
    return key === 'kubernetes.io/role' && value !== '' ? value : [];
  });
  return roles.length === 0 ? '<none>' : [...new Set(roles)].sort().join(',');
}

const addressText =
  (wanted: string) =>
  ({ status }: Node): string =>
    status?.addresses?.find(({ type }) => type === wanted)?.address ?? '<none>';

const info =
  (field: 'kubeletVersion' | 'osImage' | 'kernelVersion' | 'containerRuntimeVersion') =>
  ({ status }: Node): string =>
    status?.nodeInfo?.[field] || UNKNOWN;

export const nodeColumns: readonly Column<Node>[] = [
  nameColumn(),
  column('Status', 'string', ['The status of the node', statusText]),
  column('Roles', 'string', ['The roles of the node', rolesText]),
  ageColumn(),
  column('Version', 'string', [
    'The version of the node agent.',
    ({ status }) => status?.nodeInfo?.kubeletVersion ?? '',
  ]),
  wide(column('Internal-IP', 'string', ['The address inside the cluster.', addressText('InternalIP')])),
  wide(column('External-IP', 'string', ['The address from outside.', addressText('ExternalIP')])),
  wide(column('OS-Image', 'string', ['The operating system.', info('osImage')])),
  wide(column('Kernel-Version', 'string', ['The kernel.', info('kernelVersion')])),
  wide(column('Container-Runtime', 'string', ['What runs the containers.', info('containerRuntimeVersion')])),
];
