import type { Clock } from '../../base/clock.ts';
import { cidrSize, nthAddress, parseCidr } from '../../net/cidr.ts';

/** Addresses of one node's Pods. Holds no state of its own: after a restart the owners reserve what they have. */
export interface Ipam {
  /** The owner's address; the lowest free one the first time. Throws when none is left. */
  allocate(owner: string): string;
  /** Takes a given address; false when another owner has it or it is not one of the block's. */
  reserve(owner: string, ip: string): boolean;
  /** Gives the owner's address back; it is used again after the pause. */
  release(owner: string): void;
}

/** So that rules, connection tracking and caches elsewhere forget the old Pod before a new one has its address. */
const pauseMs = 30_000;

/** The first two addresses of the block (the network's and a gateway's by custom) and the last one stay free. */
export function createIpam(podCIDR: string, clock: Pick<Clock, 'now'>): Ipam {
  const cidr = parseCidr(podCIDR);
  if (cidr === undefined) throw new Error(`podCIDR: not a CIDR: ${podCIDR}`);
  const owners = new Map<string, string>();
  const taken = new Set<string>();
  const releasedAt = new Map<string, number>();
  const last = cidrSize(cidr) - 2n;

  const find = (isFree: (ip: string) => boolean): string | undefined => {
    for (let n = 2n; n <= last; n++) {
      const ip = nthAddress(cidr, n).text;
      if (!taken.has(ip) && isFree(ip)) return ip;
    }
    return undefined;
  };
  const take = (owner: string, ip: string): string => {
    owners.set(owner, ip);
    taken.add(ip);
    releasedAt.delete(ip);
    return ip;
  };

  return {
    allocate: (owner) => {
      const own = owners.get(owner);
      if (own !== undefined) return own;
      const rested = find((ip) => clock.now() - (releasedAt.get(ip) ?? -pauseMs) >= pauseMs);
      const ip = rested ?? find(() => true);
      if (ip === undefined) throw new Error(`no Pod address is free in ${podCIDR}`);
      return take(owner, ip);
    },
    reserve: (owner, ip) => {
      if (owners.get(owner) === ip) return true;
      if (taken.has(ip) || owners.has(owner)) return false;
      for (let n = 2n; n <= last; n++) {
        if (nthAddress(cidr, n).text !== ip) continue;
        take(owner, ip);
        return true;
      }
      return false;
    },
    release: (owner) => {
      const ip = owners.get(owner);
      if (ip === undefined) return;
      owners.delete(owner);
      taken.delete(ip);
      releasedAt.set(ip, clock.now());
    },
  };
}
