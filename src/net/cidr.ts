import { addressBits, familyOf, formatIp, ipFromValue, parseIp } from './ip.ts';
import type { Ip, IpFamily } from './ip.ts';
import { parseDecimal } from './port.ts';

/** A block of addresses: all that share the first `prefix` bits of `base`. */
export interface Cidr {
  readonly family: IpFamily;
  /** Lowest address; bits after the prefix are zero. */
  readonly base: bigint;
  readonly prefix: number;
  /** Canonical: canonical base, slash, prefix without leading zeros. */
  readonly text: string;
}

/**
 * `address/prefix`, strict as parseIp; the prefix has no sign and no leading zero. Bits after the prefix are cleared:
 * 10.1.2.3/8 is the block 10.0.0.0/8, so `cidr.text === text` says whether the text was canonical.
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const ip = parseIp(text.slice(0, slash));
  if (ip === undefined) return undefined;
  const prefix = parseDecimal(text.slice(slash + 1), addressBits(ip.family));
  return prefix === undefined ? undefined : cidrOf(ip, prefix);
}

/** The block of one address alone, as text: `10.0.0.1/32`, `fd00::1/128`. */
export const hostBlock = (ip: string): string => `${ip}/${addressBits(familyOf(ip))}`;

/** The block of `prefix` bits around `ip`. Throws RangeError when the prefix does not fit the family. */
export function cidrOf(ip: Ip, prefix: number): Cidr {
  const bits = addressBits(ip.family);
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > bits) {
    throw new RangeError(`/${prefix} is no prefix length of ${ip.family}`);
  }
  const hostBits = BigInt(bits - prefix);
  const base = (ip.value >> hostBits) << hostBits;
  return { family: ip.family, base, prefix, text: `${formatIp(ip.family, base)}/${prefix}` };
}

const hostBitsOf = (cidr: Cidr): bigint => BigInt(addressBits(cidr.family) - cidr.prefix);

/** False across families: an IPv4-mapped IPv6 address is in no IPv4 block. */
export function cidrContains(cidr: Cidr, ip: Ip): boolean {
  return ip.family === cidr.family && (ip.value ^ cidr.base) >> hostBitsOf(cidr) === 0n;
}

/** Whether the two blocks share an address. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  if (a.family !== b.family) return false;
  const hostBits = a.prefix < b.prefix ? hostBitsOf(a) : hostBitsOf(b);
  return (a.base ^ b.base) >> hostBits === 0n;
}

/** How many addresses are in the block, the network and broadcast addresses included. */
export function cidrSize(cidr: Cidr): bigint {
  return 1n << hostBitsOf(cidr);
}

/** The address at offset `n` (0 = base). Throws RangeError outside of the block. */
export function nthAddress(cidr: Cidr, n: bigint | number): Ip {
  const offset = BigInt(n);
  if (offset < 0n || offset >= cidrSize(cidr)) {
    throw new RangeError(`${cidr.text} has no address number ${n}`);
  }
  return ipFromValue(cidr.family, cidr.base + offset);
}
