import { rrType } from '../wire/model.ts';
import type { DomainName, ResourceRecord } from '../wire/model.ts';
import type { EndpointAddress } from './endpoint-set.ts';

/** What is asked for, taken apart once. */
export interface Asked {
  /** The question's name in the client's own case: the owner of what is answered. */
  readonly name: DomainName;
  readonly type: number;
  /** The zone as the client spells it, with its last dot. */
  readonly zone: DomainName;
  readonly ttl: number;
}

/** What the zone has for a name. Data without answers = the name exists, the type does not. */
export type Finding =
  | {
      readonly outcome: 'data';
      readonly answers: readonly ResourceRecord[];
      readonly additionals?: readonly ResourceRecord[];
      /** The answer goes on at a name outside of the zone. */
      readonly outside?: DomainName;
    }
  | { readonly outcome: 'nxdomain' };

export const NXDOMAIN: Finding = { outcome: 'nxdomain' };
export const NODATA: Finding = { outcome: 'data', answers: [] };

export const found = (
  answers: readonly ResourceRecord[],
  additionals: readonly ResourceRecord[] = [],
): Finding => ({ outcome: 'data', answers, additionals });

interface Addresses {
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

/** A and AAAA records of a name, those of both families. */
export function addressRecords(name: DomainName, ttl: number, { ipv4, ipv6 }: Addresses): ResourceRecord[] {
  return [
    ...ipv4.map((address): ResourceRecord => ({ name, ttl, type: 'A', address })),
    ...ipv6.map((address): ResourceRecord => ({ name, ttl, type: 'AAAA', address })),
  ];
}

/** The answer to a question for addresses; NODATA for any other type. */
export function addressAnswer({ name, type, ttl }: Asked, { ipv4, ipv6 }: Addresses): Finding {
  if (type === rrType.A) return found(addressRecords(name, ttl, { ipv4, ipv6: [] }));
  if (type === rrType.AAAA) return found(addressRecords(name, ttl, { ipv4: [], ipv6 }));
  return NODATA;
}

export function byFamily(endpoints: readonly EndpointAddress[]): Addresses {
  const of = (family: 'IPv4' | 'IPv6'): string[] =>
    endpoints.filter((endpoint) => endpoint.family === family).map((endpoint) => endpoint.address);
  return { ipv4: of('IPv4'), ipv6: of('IPv6') };
}

/** Every answer of equal weight shares 100 (CoreDNS); never 0, which would mean "hardly ever" (RFC 2782). */
export const shareOfWeight = (n: number): number => Math.max(1, Math.floor(100 / n));
