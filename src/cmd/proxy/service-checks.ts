import { networkInterfaces } from 'node:os';
import { cidrContains, parseCidr } from '../../net/cidr.ts';
import { parseIp } from '../../net/ip.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { ServiceCheck } from '../../proxy/health/service-health.ts';

type Checks = ReadonlyMap<string, ServiceCheck>;

/** Of a Service of both families the greater number: its Pods have an address in each. */
export function bothFamilies(byFamily: ReadonlyMap<IpFamily, Checks>): Checks {
  const all = new Map<string, ServiceCheck>();
  for (const checks of byFamily.values()) {
    for (const [service, check] of checks) {
      const other = all.get(service);
      if (other === undefined || other.nLocalEndpoints < check.nLocalEndpoints) all.set(service, check);
    }
  }
  return all;
}

/** The machine's own addresses inside of the blocks (of one family or both); `0.0.0.0` = all, also when no block holds one. */
export function listenAddresses(nodePortAddresses: readonly string[]): readonly string[] {
  const blocks = nodePortAddresses.map(parseCidr).filter((block) => block !== undefined);
  if (blocks.length === 0 || blocks.some(({ prefix }) => prefix === 0)) return ['0.0.0.0'];
  const own = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .map(({ address }) => parseIp(address))
    .filter((ip) => ip !== undefined);
  const inside = own.filter((ip) => blocks.some((block) => cidrContains(block, ip)));
  return inside.length === 0 ? ['0.0.0.0'] : [...new Set(inside.map(({ text }) => text))].sort();
}
