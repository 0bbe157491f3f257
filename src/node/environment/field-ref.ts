import type { Container } from '../../api/core/v1/container.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { capacity } from '../register/capacity.ts';
import { ceilDivide, parseQuantity } from './quantity.ts';

/** What the agent knows of a Pod before its status says so. */
export interface PodFacts {
  readonly podIP: string;
  readonly hostIP: string;
}

const mapText = (map: Readonly<Record<string, string>> | undefined): string =>
  Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');

/** The value of a downward API field; undefined when the path is none that a Pod has. */
export function fieldValue(pod: Pod, path: string, { podIP, hostIP }: PodFacts): string | undefined {
  const { metadata, spec } = pod;
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (subscript !== null)
    return metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return mapText(metadata.labels);
    case 'metadata.annotations':
      return mapText(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default';
    case 'status.podIP':
    case 'status.podIPs':
      return podIP;
    case 'status.hostIP':
    case 'status.hostIPs':
      return hostIP;
    default:
      return undefined;
  }
}

/** A resource of a container, divided and rounded up; a limit that is not set is the machine's. Undefined for unknown names. */
export function resourceValue(container: Container, resource: string, divisor = '1'): string | undefined {
  const [kind, name = ''] = resource.split('.', 2);
  if (kind !== 'limits' && kind !== 'requests') return undefined;
  const { resources } = container;
  const quantity =
    resources?.[kind]?.[name] ?? (kind === 'limits' ? capacity()[name] : (resources?.limits?.[name] ?? '0'));
  if (quantity === undefined) return undefined;
  return ceilDivide(parseQuantity(quantity), parseQuantity(divisor === '0' ? '1' : divisor)).toString();
}
