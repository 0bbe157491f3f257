import type { Service } from '../../api/core/v1/service.ts';
import { parseIp } from '../../net/ip.ts';

export interface NamedPort {
  /** '' for the only port of a Service that does not name it. */
  readonly name: string;
  /** Lower case, as in `_tcp`. */
  readonly protocol: string;
  readonly port: number;
}

interface ServiceHead {
  readonly namespace: string;
  readonly name: string;
}

/** What DNS needs of a Service. */
export type ServiceNames = ServiceHead &
  (
    | {
        readonly kind: 'clusterIP';
        readonly ipv4: readonly string[];
        readonly ipv6: readonly string[];
        readonly ports: readonly NamedPort[];
      }
    /** Its endpoints are its names. */
    | { readonly kind: 'headless' }
    /** `target` is a name with its last dot, in the case it was written. */
    | { readonly kind: 'externalName'; readonly target: string }
  );

/** Undefined when the Service has no names: no cluster IP yet, or an ExternalName that is an address. */
export function serviceNames(service: Service): ServiceNames | undefined {
  const { spec } = service;
  const head = { namespace: service.metadata.namespace ?? '', name: service.metadata.name };
  if (spec.type === 'ExternalName') return externalName(head, spec.externalName ?? '');
  if (spec.clusterIP === 'None') return { ...head, kind: 'headless' };
  const addresses =
    spec.clusterIPs !== undefined && spec.clusterIPs.length > 0 ? spec.clusterIPs : [spec.clusterIP];
  const ips = addresses.map((text) => parseIp(text ?? '')).filter((ip) => ip !== undefined);
  if (ips.length === 0) return undefined;
  return {
    ...head,
    kind: 'clusterIP',
    ipv4: ips.filter((ip) => ip.family === 'IPv4').map((ip) => ip.text),
    ipv6: ips.filter((ip) => ip.family === 'IPv6').map((ip) => ip.text),
    ports: (spec.ports ?? []).map(({ name, protocol, port }) => ({
      name: name ?? '',
      protocol: (protocol ?? 'TCP').toLowerCase(),
      port,
    })),
  };
}

function externalName(head: ServiceHead, target: string): ServiceNames | undefined {
  // An address is no name that could be asked for; the API keeps it as a name of digits.
  if (target === '' || parseIp(target) !== undefined) return undefined;
  return { ...head, kind: 'externalName', target: target.endsWith('.') ? target : `${target}.` };
}
