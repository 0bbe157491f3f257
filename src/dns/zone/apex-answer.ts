import { isLoopback, parseIp } from '../../net/ip.ts';
import { rrType } from '../wire/model.ts';
import type { ResourceRecord } from '../wire/model.ts';
import { NODATA, addressAnswer, addressRecords, found } from './records.ts';
import type { Asked, Finding } from './records.ts';
import type { ServiceNames } from './service-names.ts';
import type { ZoneContext } from './zone-context.ts';

interface Addresses {
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

/** The zone's own name: NS here (SOA is the zone's), nothing else. */
export function apexAnswer(context: ZoneContext, asked: Asked): Finding {
  if (asked.type !== rrType.NS) return NODATA;
  const { zone, ttl } = asked;
  const services = ownServices(context);
  const servers =
    services.length > 0
      ? services.map((service) => ({
          target: `${service.name}.${service.namespace}.svc.${zone}`,
          addresses: service.kind === 'clusterIP' ? service : ownAddresses(context),
        }))
      : [{ target: `ns.dns.${zone}`, addresses: ownAddresses(context) }];
  const reachable = servers.filter(({ addresses }) => addresses.ipv4.length + addresses.ipv6.length > 0);
  if (reachable.length === 0) return NODATA;
  return found(
    reachable.map(({ target }): ResourceRecord => ({ name: zone, ttl, type: 'NS', target })),
    reachable.flatMap(({ target, addresses }) => addressRecords(target, ttl, addresses)),
  );
}

/** `ns.dns.<zone>` */
export function nameServerAddress(context: ZoneContext, asked: Asked): Finding {
  return addressAnswer(asked, ownAddresses(context));
}

/** The Services whose traffic comes to this server. */
function ownServices({ view, ownAddresses: own }: ZoneContext): ServiceNames[] {
  const services = new Map<string, ServiceNames>();
  for (const address of own) {
    const atAddress = view.serviceAt(address);
    const all = atAddress === undefined ? view.servicesWithEndpoint(address) : [atAddress];
    for (const service of all) services.set(`${service.namespace}/${service.name}`, service);
  }
  return [...services.values()];
}

/** A loopback address would name the asker's own machine. */
function ownAddresses({ ownAddresses: own }: ZoneContext): Addresses {
  const ips = own.map((text) => parseIp(text)).filter((ip) => ip !== undefined && !isLoopback(ip));
  const of = (family: string): string[] =>
    ips.filter((ip) => ip?.family === family).map((ip) => ip?.text ?? '');
  return { ipv4: of('IPv4'), ipv6: of('IPv6') };
}
