import { cidrSize, hostBlock, parseCidr } from '../../net/cidr.ts';
import { formatIp, ipFromBytes, ipToBytes, parseIp } from '../../net/ip.ts';
import type { DataType, Scalar } from './model.ts';

interface TypeFacts {
  /** nft's number of the type (include/datatype.h), kept by the kernel for whoever lists the set. */
  readonly id: number;
  readonly bytes: number;
}

const facts: Readonly<Record<DataType, TypeFacts>> = {
  integer: { id: 4, bytes: 4 },
  ipv4_addr: { id: 7, bytes: 4 },
  ipv6_addr: { id: 8, bytes: 16 },
  inet_proto: { id: 12, bytes: 1 },
  inet_service: { id: 13, bytes: 2 },
  mark: { id: 19, bytes: 4 },
  ifname: { id: 41, bytes: 16 },
};

const protocolNumbers: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  'ipv6-icmp': 58,
  sctp: 132,
};
const protocolNames = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number, name]));

/** Fields of a concatenation each start at a register of four bytes. */
export const padded = (bytes: number): number => (bytes + 3) & ~3;

/** Bytes of one field, without padding. */
export const typeBytes = (type: DataType): number => facts[type].bytes;

/** Bytes of a key or value as the kernel stores it: padded per field when there are several. */
export function fieldsBytes(types: readonly DataType[]): number {
  const [only] = types;
  if (only !== undefined && types.length === 1) return facts[only].bytes;
  return types.reduce((sum, type) => sum + padded(facts[type].bytes), 0);
}

/** nft's number for a key type: six bits for each field. */
export function fieldsTypeId(types: readonly DataType[]): number {
  return types.reduce((id, type) => ((id << 6) | facts[type].id) >>> 0, 0);
}

/** Number of a protocol given by name or number. Throws RangeError for an unknown name. */
export function protocolNumber(protocol: Scalar): number {
  const number = typeof protocol === 'number' ? protocol : protocolNumbers[protocol];
  if (number === undefined) throw new RangeError(`unknown protocol ${protocol}`);
  return number;
}

const DOT = 46;
const ZERO = 48;

function writeIpv4(text: string, into: Buffer, at: number): void {
  let octet = 0;
  let place = at;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      into[place++] = octet;
      octet = 0;
    } else octet = octet * 10 + code - ZERO;
  }
  into[place] = octet;
}

function writeAddress(text: string, into: Buffer, at: number): void {
  if (!text.includes(':')) return writeIpv4(text, into, at);
  const ip = parseIp(text);
  if (ip === undefined) throw new RangeError(`${text} is no address`);
  into.set(ipToBytes(ip), at);
}

/** Writes one field. Throws RangeError for a value that is none of the type; IPv4 addresses are taken as valid. */
export function writeScalar(type: DataType, value: Scalar, target: { into: Buffer; at: number }): void {
  const { into, at } = target;
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return writeAddress(String(value), into, at);
    case 'inet_proto':
      into[at] = protocolNumber(value);
      return;
    case 'inet_service':
      into.writeUInt16BE(Number(value), at);
      return;
    case 'integer':
    case 'mark':
      into.writeUInt32LE(Number(value), at);
      return;
    case 'ifname':
      into.write(String(value), at, 15);
  }
}

/** A key or value as bytes, padded per field when there are several. The result is fresh memory. */
export function encodeFields(types: readonly DataType[], values: readonly Scalar[]): Buffer {
  const into = Buffer.alloc(fieldsBytes(types));
  let at = 0;
  for (const [i, type] of types.entries()) {
    writeScalar(type, values[i] ?? '', { into, at });
    at += padded(facts[type].bytes);
  }
  return into;
}

function readScalar(type: DataType, bytes: Buffer, at: number): Scalar {
  switch (type) {
    case 'ipv4_addr':
      return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
    case 'ipv6_addr':
      return ipFromBytes(bytes.subarray(at, at + 16)).text;
    case 'inet_proto':
      return protocolNames.get(bytes[at] ?? 0) ?? bytes[at] ?? 0;
    case 'inet_service':
      return bytes.readUInt16BE(at);
    case 'integer':
    case 'mark':
      return bytes.readUInt32LE(at);
    case 'ifname':
      return bytes.toString('utf8', at, at + 16).replace(/\0.*$/s, '');
  }
}

/** The inverse of `encodeFields`. */
export function decodeFields(types: readonly DataType[], bytes: Buffer): Scalar[] {
  let at = 0;
  return types.map((type) => {
    const value = readScalar(type, bytes, at);
    at += padded(facts[type].bytes);
    return value;
  });
}

/** First address of a prefix (or the address itself), and the first one after it; undefined = nothing comes after it. */
export function prefixBounds(text: string): { readonly first: string; readonly after: string | undefined } {
  const cidr = parseCidr(text.includes('/') ? text : hostBlock(text));
  if (cidr === undefined) throw new RangeError(`${text} is no prefix`);
  const end = cidr.base + cidrSize(cidr);
  const isLast = end >> (cidr.family === 'IPv4' ? 32n : 128n) !== 0n;
  return { first: formatIp(cidr.family, cidr.base), after: isLast ? undefined : formatIp(cidr.family, end) };
}

/** The first and the last value of an interval's field: a prefix, a range of ports `first-last`, or one value. */
export function fieldBounds(type: DataType, value: Scalar): readonly [Scalar, Scalar] {
  if (typeof value === 'number') return [value, value];
  if (type === 'inet_service') {
    const [first = NaN, last = first] = value.split('-').map(Number);
    return [first, last];
  }
  if (!value.includes('/')) return [value, value];
  const cidr = parseCidr(value);
  if (cidr === undefined) throw new RangeError(`${value} is no prefix`);
  return [formatIp(cidr.family, cidr.base), formatIp(cidr.family, cidr.base + cidrSize(cidr) - 1n)];
}

/** The inverse of `fieldBounds`: one value, a prefix, or `first-last`. */
export function fieldOfBounds(first: Scalar, last: Scalar): Scalar {
  if (first === last) return first;
  const [low, high] = [parseIp(String(first)), parseIp(String(last))];
  if (low === undefined || high === undefined) return `${first}-${last}`;
  const size = high.value - low.value + 1n;
  const hostBits = size.toString(2).length - 1;
  const bits = low.family === 'IPv4' ? 32 : 128;
  const isPrefix = size === 1n << BigInt(hostBits) && (low.value & (size - 1n)) === 0n;
  return isPrefix ? `${low.text}/${bits - hostBits}` : `${low.text}-${high.text}`;
}
