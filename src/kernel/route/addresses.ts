import { ipFromBytes, ipToBytes, parseIp, type Ip } from '../../net/ip.ts';
import { NetlinkError } from '../netlink/netlink-error.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST } from '../netlink/protocol.ts';
import { readAttributes } from '../netlink/reader.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import { linkIndex, listLinks, macBytes, optional } from './links.ts';
import type { AddressSpec, NeighbourSpec } from './model.ts';

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
/** No duplicate address detection: an IPv6 address is usable at once. */
const IFA_F_NODAD = 2;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_PERMANENT = 0x80;
const AF_INET = 2;
const AF_INET6 = 10;

export const familyOf = (ip: Ip): number => (ip.family === 'IPv4' ? AF_INET : AF_INET6);

/** `10.0.0.1/24` as address and prefix length (unlike a Cidr the host bits stay); a bare address has the full length. */
export function parseAddress(text: string): { readonly ip: Ip; readonly prefix: number } {
  const [address = '', prefixText] = text.split('/');
  const ip = parseIp(address);
  const full = ip?.family === 'IPv4' ? 32 : 128;
  const prefix = prefixText === undefined ? full : Number(prefixText);
  if (ip === undefined || !Number.isInteger(prefix) || prefix < 0 || prefix > full) {
    throw new Error(`not an address with a prefix length: ${text}`);
  }
  return { ip, prefix };
}

function ifaddrmsg(writer: NetlinkWriter, { address }: AddressSpec, index: number): NetlinkWriter {
  const { ip, prefix } = parseAddress(address);
  writer
    .u8(familyOf(ip))
    .u8(prefix)
    .u8(ip.family === 'IPv6' ? IFA_F_NODAD : 0)
    .u8(0);
  const bytes = ipToBytes(ip);
  return writer.u32(index).attrBytes(IFA_LOCAL, bytes).attrBytes(IFA_ADDRESS, bytes);
}

const changes = {
  add: { type: RTM_NEWADDR, flags: NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL, isSo: 'EEXIST' },
  delete: { type: RTM_DELADDR, flags: NLM_F_REQUEST, isSo: 'EADDRNOTAVAIL' },
} as const;
/** Addresses in one send: their refusals fit into any receive buffer. */
const maxAddresses = 200;

/** Adds or deletes addresses; true when any was not as it should be. Throws the first refusal, when the others of its send are done. */
export function changeAddresses(
  socket: NetlinkSocket,
  change: keyof typeof changes,
  specs: readonly AddressSpec[],
): boolean {
  const { type, flags, isSo } = changes[change];
  const indexes = new Map<string, number>();
  const indexOf = (link: string): number => {
    const index = indexes.get(link) ?? linkIndex(socket, link);
    indexes.set(link, index);
    return index;
  };
  let isChanged = false;
  for (let at = 0; at < specs.length; at += maxAddresses) {
    const some = specs.slice(at, at + maxAddresses);
    const writer = new NetlinkWriter(64 * some.length);
    for (const spec of some) ifaddrmsg(writer.begin(type, flags), spec, indexOf(spec.link));
    const { failures } = socket.batch(writer.finish());
    const refusal = failures.find(({ code }) => code !== isSo);
    const spec = some[refusal?.index ?? 0];
    if (refusal !== undefined)
      throw new NetlinkError(`${change} address ${spec?.address} of ${spec?.link}`, refusal);
    isChanged ||= failures.length < some.length;
  }
  return isChanged;
}

export function listAddresses(socket: NetlinkSocket): AddressSpec[] {
  const names = new Map(listLinks(socket).map((link) => [link.index, link.name]));
  const found: AddressSpec[] = [];
  const message = new NetlinkWriter().begin(RTM_GETADDR, 0).u32(0).u32(0).finish();
  socket.dump(message, ({ payload }) => {
    const attributes = readAttributes(payload, 8);
    const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
    const link = names.get(payload.readUInt32LE(4));
    if (bytes === undefined || link === undefined) return;
    found.push({ kind: 'address', link, address: `${ipFromBytes(bytes).text}/${payload.readUInt8(1)}` });
  });
  return found;
}

function ndmsg(socket: NetlinkSocket, writer: NetlinkWriter, spec: NeighbourSpec): NetlinkWriter {
  const { ip } = parseAddress(spec.ip);
  writer.u8(familyOf(ip)).u8(0).u16(0).i32(linkIndex(socket, spec.link)).u16(NUD_PERMANENT).u8(0).u8(0);
  return writer.attrBytes(NDA_DST, ipToBytes(ip));
}

export function ensureNeighbour(socket: NetlinkSocket, spec: NeighbourSpec): boolean {
  const write = (flags: number): Buffer =>
    ndmsg(socket, new NetlinkWriter().begin(RTM_NEWNEIGH, NLM_F_CREATE | flags), spec)
      .attrBytes(NDA_LLADDR, macBytes(spec.mac))
      .finish();
  const what = `add neighbour ${spec.ip} on ${spec.link}`;
  if (optional(() => socket.request(write(NLM_F_EXCL), what), 'EEXIST') !== undefined) return true;
  socket.request(write(NLM_F_REPLACE), what);
  return false;
}

export function deleteNeighbour(socket: NetlinkSocket, spec: NeighbourSpec): boolean {
  const message = ndmsg(socket, new NetlinkWriter().begin(RTM_DELNEIGH, 0), spec).finish();
  return optional(() => socket.request(message, `delete neighbour ${spec.ip}`), 'ENOENT') !== undefined;
}
