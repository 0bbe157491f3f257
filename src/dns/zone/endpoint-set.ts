import type { Endpoint, EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { parseIp } from '../../net/ip.ts';
import type { Ip, IpFamily } from '../../net/ip.ts';
import type { NamedPort } from './service-names.ts';

/** One address of a ready endpoint under its name. */
export interface EndpointAddress {
  /** One label: the Pod's host name, or the address with dashes. */
  readonly hostname: string;
  readonly family: IpFamily;
  readonly address: string;
}

/** A port of endpoints: what an SRV record of a headless Service says. */
export interface EndpointPortName extends NamedPort {
  readonly hostname: string;
}

/** The ready endpoints of one Service. */
export interface EndpointSet {
  /** Each address once. */
  readonly addresses: readonly EndpointAddress[];
  readonly byHostname: ReadonlyMap<string, readonly EndpointAddress[]>;
  readonly byAddress: ReadonlyMap<string, EndpointAddress>;
  /** Each host name and port once. */
  readonly ports: readonly EndpointPortName[];
}

/**
 * Endpoints count when `ready` is true or absent; serving and terminating play no part, so a Pod that ends leaves at once.
 * An address in several slices is one; it is found under each of the names it has there.
 */
export function endpointSetOf(slices: readonly EndpointSlice[]): EndpointSet {
  const byAddress = new Map<string, EndpointAddress>();
  const named = new Map<string, EndpointAddress>();
  const ports = new Map<string, EndpointPortName>();
  for (const slice of slices) {
    const ready = (slice.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready !== false);
    const entries = ready.flatMap(addressesOf);
    for (const entry of entries) {
      if (!byAddress.has(entry.address)) byAddress.set(entry.address, entry);
      named.set(`${entry.hostname}|${entry.address}`, entry);
    }
    for (const { name = '', protocol = 'TCP', port } of slice.ports ?? []) {
      if (port === undefined) continue;
      for (const { hostname } of entries) {
        const portName = { hostname, name, protocol: protocol.toLowerCase(), port };
        ports.set(`${hostname}|${name}|${portName.protocol}|${port}`, portName);
      }
    }
  }
  return {
    addresses: [...byAddress.values()],
    byHostname: Map.groupBy(named.values(), ({ hostname }) => hostname),
    byAddress,
    ports: [...ports.values()],
  };
}

function addressesOf(endpoint: Endpoint): EndpointAddress[] {
  const { hostname } = endpoint;
  return endpoint.addresses
    .map((text) => parseIp(text))
    .filter((ip) => ip !== undefined)
    .map((ip) => ({
      hostname: hostname === undefined || hostname === '' ? dashed(ip) : hostname.toLowerCase(),
      family: ip.family,
      address: ip.text,
    }));
}

/** `10-244-0-5`, `2001-db8--5`; a label may not end in a dash, so `::` at the end is written `--0`. */
export function dashed(ip: Ip): string {
  const text = ip.text.replaceAll(ip.family === 'IPv4' ? '.' : ':', '-');
  return text.endsWith('-') ? `${text}0` : text;
}
