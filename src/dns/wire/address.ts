import { formatIp, ipFromBytes, ipToBytes, parseIp } from '../../net/ip.ts';
import { WireError } from './model.ts';
import type { MessageWriter } from './writer.ts';

/** Writes the 4 or 16 bytes of an address. Throws WireError when the text is no address of that length. */
export function writeAddress(writer: MessageWriter, type: 'A' | 'AAAA', text: string): void {
  if (type === 'A' && writeIpv4(writer, text)) return;
  const ip = parseIp(text);
  if (ip === undefined || ip.family !== (type === 'A' ? 'IPv4' : 'IPv6')) {
    throw new WireError(`${JSON.stringify(text)} is no address of a record of type ${type}`);
  }
  writer.bytes(ipToBytes(ip));
}

/** The hot path: canonical dotted decimal, without making an Ip of it. False when it is anything else. */
function writeIpv4(writer: MessageWriter, text: string): boolean {
  const octets = [0, 0, 0, 0];
  let n = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 46) {
      if (digits === 0 || ++n > 3) return false;
      digits = 0;
    } else {
      if (code < 48 || code > 57 || (digits > 0 && octets[n] === 0)) return false;
      const value = (octets[n] ?? 0) * 10 + code - 48;
      if (value > 255) return false;
      octets[n] = value;
      digits++;
    }
  }
  if (n !== 3 || digits === 0) return false;
  for (const octet of octets) writer.u8(octet);
  return true;
}

/** Canonical text of 4 or 16 bytes. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return formatIp('IPv4', BigInt(bytes.readUInt32BE(0)));
  return ipFromBytes(bytes).text;
}
