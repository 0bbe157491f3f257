import { parseIp, formatIp, ipToBytes } from '../../net/ip.ts';
import { AF_INET, AF_INET6 } from '../libc/sockets.ts';
import { pin } from './pinned.ts';
import type { Pinned } from './pinned.ts';

/** Size of struct sockaddr_in6, the larger of the two. */
export const SOCKADDR_BYTES = 28;

/** A struct sockaddr_in or sockaddr_in6 in memory that C may read. */
export interface SocketAddress extends Pinned {
  readonly domain: number;
  readonly length: number;
}

/** Throws for text that is no address. */
export function socketAddress(ip: string, port: number): SocketAddress {
  const parsed = parseIp(ip);
  if (parsed === undefined) throw new Error(`not an IP address: ${ip}`);
  const isIpv6 = parsed.family === 'IPv6';
  const domain = isIpv6 ? AF_INET6 : AF_INET;
  const pinned = pin(SOCKADDR_BYTES);
  pinned.bytes.writeUInt16LE(domain, 0);
  pinned.bytes.writeUInt16BE(port, 2);
  pinned.bytes.set(ipToBytes(parsed), isIpv6 ? 8 : 4);
  return { ...pinned, domain, length: isIpv6 ? SOCKADDR_BYTES : 16 };
}

/** The address of a struct sockaddr as canonical text. */
export function ipOf(sockaddr: Buffer): string {
  if (sockaddr.readUInt16LE(0) === AF_INET)
    return `${sockaddr[4] ?? 0}.${sockaddr[5] ?? 0}.${sockaddr[6] ?? 0}.${sockaddr[7] ?? 0}`;
  const value = (sockaddr.readBigUInt64BE(8) << 64n) | sockaddr.readBigUInt64BE(16);
  return formatIp('IPv6', value);
}

export const portOf = (sockaddr: Buffer): number => sockaddr.readUInt16BE(2);
