import type { IPAddress } from '../../../api/networking/v1/ip-address.ts';
import type { ServiceCIDR } from '../../../api/networking/v1/service-cidr.ts';
import { type Cidr, cidrContains, cidrSize, parseCidr } from '../../../net/cidr.ts';
import { formatIp, type IpFamily } from '../../../net/ip.ts';
import { sloppyIp } from '../rules/addresses.ts';
import type { Pool, Random } from './claims.ts';
import { staticSize } from './pools.ts';

/** What the pools are made of, as this server has heard of it. */
export interface AddressSource {
  readonly serviceCIDRs: () => readonly ServiceCIDR[];
  /** The object that says who has the address; undefined when it is free. */
  readonly holder: (ip: string) => IPAddress | undefined;
}

/** A block of addresses with the ends cut off: the network's own and, for IPv4, the broadcast address. */
interface Block {
  readonly cidr: Cidr;
  readonly first: bigint;
  /** How many addresses may be given out; a vast block counts as 2^53 - 1. */
  readonly size: number;
  /** How many of them, from the first on, are kept for explicit choices while there are others (KEP-3070). */
  readonly nStatic: number;
}

/** Random tries before looking in order: a pool that is half full is hit at once nearly always. */
const N_RANDOM = 16;
/** Addresses looked at in order, at most. */
const MAX_SCAN = 2 ** 20;

const mathRandom: Random = (n) => Math.floor(Math.random() * n);

export function blockOf(cidr: Cidr): Block {
  const size = cidrSize(cidr);
  const usable = size - (cidr.family === 'IPv4' ? 2n : 1n);
  return {
    cidr,
    first: cidr.base + 1n,
    size: Number(usable < 0n ? 0n : usable > 2n ** 53n - 1n ? 2n ** 53n - 1n : usable),
    nStatic: staticSize(Number(size), { step: 16, max: 256 }),
  };
}

export function blockContains({ cidr, first }: Block, text: string): boolean {
  const ip = sloppyIp(text);
  if (ip === undefined || !cidrContains(cidr, ip)) return false;
  const last = cidr.base + cidrSize(cidr) - (cidr.family === 'IPv4' ? 2n : 1n);
  return ip.value >= first && ip.value <= last;
}

/** Whether its addresses are given out; one without the condition counts as ready, as upstream has it. */
export function isReady({ metadata, status }: ServiceCIDR): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  return status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'False';
}

const cidrsByObject = new WeakMap<ServiceCIDR, readonly Block[]>();

/** The blocks of the object. Objects never change, so each is read once. */
export function blocksOf(object: ServiceCIDR): readonly Block[] {
  const known = cidrsByObject.get(object);
  if (known !== undefined) return known;
  const blocks = (object.spec.cidrs ?? []).flatMap((text) => {
    const cidr = parseCidr(text);
    return cidr === undefined ? [] : [blockOf(cidr)];
  });
  cidrsByObject.set(object, blocks);
  return blocks;
}

/** All addresses of one family that Services may get, of however many ServiceCIDRs. */
export function addressPool(
  family: IpFamily,
  source: AddressSource,
  random: Random = mathRandom,
): Pool<string> {
  const blocks = (): readonly Block[] =>
    source
      .serviceCIDRs()
      .filter(isReady)
      .flatMap(blocksOf)
      .filter(({ cidr }) => cidr.family === family);
  return {
    get range() {
      return [...new Set(blocks().map(({ cidr }) => cidr.text))].join(',');
    },
    contains: (ip) => blocks().some((block) => blockContains(block, ip)),
    findFree(isTried) {
      const isFree = (ip: string): boolean => source.holder(ip) === undefined && !isTried(ip);
      const all = blocks();
      for (const block of all) {
        const ip = search(block, [block.nStatic, block.size], { random, isFree });
        if (ip !== undefined) return ip;
      }
      for (const block of all) {
        const ip = search(block, [0, Math.min(block.nStatic, block.size)], { random, isFree });
        if (ip !== undefined) return ip;
      }
      return undefined;
    },
  };
}

interface Search {
  readonly random: Random;
  readonly isFree: (ip: string) => boolean;
}

function search(
  { cidr, first }: Block,
  [from, to]: readonly [number, number],
  { random, isFree }: Search,
): string | undefined {
  const size = to - from;
  if (size <= 0) return undefined;
  const at = (offset: number): string => formatIp(cidr.family, first + BigInt(from + (offset % size)));
  let start = 0;
  for (let i = 0; i < N_RANDOM; i++) {
    start = random(size);
    const ip = at(start);
    if (isFree(ip)) return ip;
  }
  const end = start + Math.min(size, MAX_SCAN);
  for (let offset = start; offset < end; offset++) {
    const ip = at(offset);
    if (isFree(ip)) return ip;
  }
  return undefined;
}
