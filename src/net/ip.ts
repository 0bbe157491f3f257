export type IpFamily = 'IPv4' | 'IPv6';

/** An address. Two addresses are the same when `family` and `value` are; an IPv4-mapped IPv6 address is IPv6. */
export interface Ip {
  readonly family: IpFamily;
  readonly value: bigint;
  /** Canonical text: dotted decimal, or RFC 5952 (lower case, longest run of zeros as `::`, mapped as `::ffff:1.2.3.4`). */
  readonly text: string;
}

const DOT = 46;
const ZERO = 48;
const NINE = 57;

/** The family an address is of, if it is one at all. */
export const familyOf = (address: string): IpFamily => (address.includes(':') ? 'IPv6' : 'IPv4');

/** Bits of an address: 32 or 128. */
export const addressBits = (family: IpFamily): number => (family === 'IPv4' ? 32 : 128);

/**
 * Strict, as Go's netip.ParseAddr without zones: four decimal octets without leading zeros, or RFC 4291 text.
 * No white space, no `127.1`, no octal or hexadecimal IPv4, no zone, no brackets. `undefined` for all else.
 */
export function parseIp(text: string): Ip | undefined {
  if (text.includes(':')) {
    const groups = parseIpv6Groups(text);
    if (groups === undefined) return undefined;
    return { family: 'IPv6', value: fromGroups(groups), text: formatGroups(groups) };
  }
  const value = parseIpv4Number(text);
  // The strict form of IPv4 has one spelling: what was accepted is canonical.
  return value < 0 ? undefined : { family: 'IPv4', value: BigInt(value), text };
}

/** The 32-bit number that four octets spell, or -1. */
function parseIpv4Number(text: string): number {
  const length = text.length;
  if (length < 7 || length > 15) return -1;
  let result = 0;
  let octet = -1;
  let nDots = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (octet < 0 || ++nDots > 3) return -1;
      result = result * 256 + octet;
      octet = -1;
    } else if (code >= ZERO && code <= NINE) {
      if (octet === 0) return -1;
      octet = octet < 0 ? code - ZERO : octet * 10 + code - ZERO;
      if (octet > 255) return -1;
    } else {
      return -1;
    }
  }
  return nDots === 3 && octet >= 0 ? result * 256 + octet : -1;
}

/** The eight 16-bit groups, or undefined. */
function parseIpv6Groups(text: string): number[] | undefined {
  if (text.length > 45) return undefined;
  const gap = text.indexOf('::');
  if (gap < 0) {
    const groups = parseColonList(text, true);
    return groups?.length === 8 ? groups : undefined;
  }
  const tail = text.slice(gap + 2);
  if (tail.includes('::') || tail.startsWith(':')) return undefined;
  const before = parseColonList(text.slice(0, gap), false);
  const after = parseColonList(tail, true);
  // `::` stands for at least one group of zeros.
  if (before === undefined || after === undefined || before.length + after.length > 7) return undefined;
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

const HEX_GROUP = /^[0-9a-fA-F]{1,4}$/;

/** `a:b:1.2.3.4` as groups; the dotted tail only where `mayEndInIpv4`. Empty text is the empty list. */
function parseColonList(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (HEX_GROUP.test(part)) {
      groups.push(parseInt(part, 16));
      continue;
    }
    if (!mayEndInIpv4 || i !== parts.length - 1) return undefined;
    const ipv4 = parseIpv4Number(part);
    if (ipv4 < 0) return undefined;
    groups.push(ipv4 >>> 16, ipv4 & 0xffff);
  }
  return groups;
}

function fromGroups(groups: readonly number[]): bigint {
  let value = 0n;
  for (const group of groups) value = (value << 16n) | BigInt(group);
  return value;
}

function toGroups(value: bigint): number[] {
  const groups = new Array<number>(8).fill(0);
  for (let i = 7, rest = value; i >= 0; i--, rest >>= 16n) groups[i] = Number(rest & 0xffffn);
  return groups;
}

function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** RFC 5952 section 4, and section 5 for the IPv4-mapped prefix. */
function formatGroups(groups: readonly number[]): string {
  const [g6 = 0, g7 = 0] = [groups[6], groups[7]];
  if (groups[5] === 0xffff && groups.slice(0, 5).every((g) => g === 0)) {
    return `::ffff:${formatIpv4(g6 * 65536 + g7)}`;
  }
  const run = longestZeroRun(groups);
  const hex = (part: readonly number[]): string => part.map((g) => g.toString(16)).join(':');
  if (run.length < 2) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

/** The first of the longest runs of zero groups. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (groups[end] === 0) end++;
    if (end - i > best.length) best = { start: i, length: end - i };
    if (end > i) i = end;
  }
  return best;
}

/** Canonical text of `value`. Throws RangeError when it does not fit the family. */
export function formatIp(family: IpFamily, value: bigint): string {
  if (value < 0n || value >> BigInt(addressBits(family)) !== 0n) {
    throw new RangeError(`${value} is no ${family} address`);
  }
  return family === 'IPv4' ? formatIpv4(Number(value)) : formatGroups(toGroups(value));
}

/** The address with this value. Throws RangeError when it does not fit the family. */
export function ipFromValue(family: IpFamily, value: bigint): Ip {
  return { family, value, text: formatIp(family, value) };
}

/** 4 or 16 bytes in network order. */
export function ipToBytes(ip: Ip): Uint8Array {
  const bytes = new Uint8Array(addressBits(ip.family) / 8);
  let rest = ip.value;
  for (let i = bytes.length - 1; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

/** From 4 or 16 bytes in network order. Throws RangeError for any other length. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length !== 4 && bytes.length !== 16) {
    throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
  }
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return ipFromValue(bytes.length === 4 ? 'IPv4' : 'IPv6', value);
}

export function isUnspecified(ip: Ip): boolean {
  return ip.value === 0n;
}

/** Whether `ip` lies in the IPv4 block or the IPv6 block, each given as its leading bits and their number. */
const inBlock =
  (v4: readonly [bigint, bigint], v6: readonly [bigint, bigint]) =>
  (ip: Ip): boolean =>
    ip.family === 'IPv4' ? ip.value >> (32n - v4[1]) === v4[0] : ip.value >> (128n - v6[1]) === v6[0];

/** 127.0.0.0/8 or ::1 (not its IPv4-mapped forms). */
export const isLoopback = inBlock([127n, 8n], [1n, 128n]);

/** Unicast link-local: 169.254.0.0/16 or fe80::/10. */
export const isLinkLocal = inBlock([0xa9fen, 16n], [0xfe80n >> 6n, 10n]);

/** 224.0.0.0/4 or ff00::/8. */
export const isMulticast = inBlock([0xen, 4n], [0xffn, 8n]);

/** 224.0.0.0/24, or ff02::/16 with any flags, as Go's IsLinkLocalMulticast. */
export function isLinkLocalMulticast(ip: Ip): boolean {
  if (ip.family === 'IPv4') return ip.value >> 8n === 0xe00000n;
  return ip.value >> 120n === 0xffn && ((ip.value >> 112n) & 0xfn) === 2n;
}

/** ::ffff:0:0/96: an IPv4 address written as IPv6. */
export function isIpv4Mapped(ip: Ip): boolean {
  return ip.family === 'IPv6' && ip.value >> 32n === 0xffffn;
}
