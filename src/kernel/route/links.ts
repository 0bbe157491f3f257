import { closeSync, openSync } from 'node:fs';
import { NLM_F_CREATE, NLM_F_EXCL } from '../netlink/protocol.ts';
import { attributeText, readAttributes } from '../netlink/reader.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import type { Link, LinkSpec, VethSpec } from './model.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFF_UP = 1;
const ifinfomsgBytes = 16;

function ifinfomsg(writer: NetlinkWriter, index = 0, isUp?: boolean): NetlinkWriter {
  const flags = isUp === true ? IFF_UP : 0;
  return writer
    .u8(0)
    .u8(0)
    .u16(0)
    .i32(index)
    .u32(flags)
    .u32(isUp === undefined ? 0 : IFF_UP);
}

/** `ee:ee:…` as bytes; throws on anything but six pairs of hexadecimal digits. */
export function macBytes(mac: string): Uint8Array {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) throw new Error(`not a hardware address: ${mac}`);
  return Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16));
}

function readLink(payload: Buffer): Link {
  const attributes = readAttributes(payload, ifinfomsgBytes);
  const info = attributes.get(IFLA_LINKINFO);
  const mac = attributes.get(IFLA_ADDRESS);
  return {
    index: payload.readInt32LE(4),
    name: attributeText(attributes.get(IFLA_IFNAME)),
    type: info === undefined ? '' : attributeText(readAttributes(info).get(IFLA_INFO_KIND)),
    isUp: (payload.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
    mac: mac === undefined ? '' : [...mac].map((b) => b.toString(16).padStart(2, '0')).join(':'),
    master: attributes.get(IFLA_MASTER)?.readUInt32LE(0) ?? 0,
  };
}

export function listLinks(socket: NetlinkSocket): Link[] {
  const links: Link[] = [];
  const message = ifinfomsg(new NetlinkWriter().begin(RTM_GETLINK, 0)).finish();
  socket.dump(message, ({ payload }) => void links.push(readLink(payload)));
  return links;
}

/** The link of that name, or undefined. */
export function findLink(socket: NetlinkSocket, name: string): Link | undefined {
  const message = ifinfomsg(new NetlinkWriter().begin(RTM_GETLINK, 0)).attrString(IFLA_IFNAME, name).finish();
  const answer = optional(() => socket.request(message, `find link ${name}`)[0], 'ENODEV');
  return answer === undefined ? undefined : readLink(answer.payload);
}

/** The index of a link that must exist. */
export function linkIndex(socket: NetlinkSocket, name: string): number {
  const link = findLink(socket, name);
  if (link === undefined) throw new Error(`there is no network device ${name}`);
  return link.index;
}

/** `fn()`, or undefined when it fails with one of the error codes. */
export function optional<T>(fn: () => T, ...codes: readonly string[]): T | undefined {
  try {
    return fn();
  } catch (error) {
    if (error instanceof Error && 'code' in error && codes.includes(String(error.code))) return undefined;
    throw error;
  }
}

function createLink(socket: NetlinkSocket, spec: LinkSpec, netnsFd: number | undefined): void {
  const writer = ifinfomsg(new NetlinkWriter().begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL), 0, spec.isUp);
  writer.attrString(IFLA_IFNAME, spec.name);
  if (spec.mac !== undefined) writer.attrBytes(IFLA_ADDRESS, macBytes(spec.mac));
  if (spec.mtu !== undefined) writer.attrU32(IFLA_MTU, spec.mtu);
  if (spec.master !== undefined) writer.attrU32(IFLA_MASTER, linkIndex(socket, spec.master));
  const info = writer.openNest(IFLA_LINKINFO);
  writer.attrString(IFLA_INFO_KIND, spec.create?.type ?? '');
  if (spec.create?.type === 'veth') writePeer(writer, spec.create, netnsFd);
  const message = writer.closeNest(info).finish();
  // Somebody else may have made the same link since we looked.
  optional(() => socket.request(message, `create ${spec.create?.type} ${spec.name}`), 'EEXIST');
}

function writePeer(writer: NetlinkWriter, { peer }: VethSpec, netnsFd: number | undefined): void {
  const data = writer.openNest(IFLA_INFO_DATA);
  const nest = writer.openNest(VETH_INFO_PEER);
  ifinfomsg(writer).attrString(IFLA_IFNAME, peer.name);
  if (peer.mac !== undefined) writer.attrBytes(IFLA_ADDRESS, macBytes(peer.mac));
  if (peer.mtu !== undefined) writer.attrU32(IFLA_MTU, peer.mtu);
  if (netnsFd !== undefined) writer.attrU32(IFLA_NET_NS_FD, netnsFd);
  writer.closeNest(nest).closeNest(data);
}

function createWithPeer(socket: NetlinkSocket, spec: LinkSpec): void {
  const path = spec.create?.type === 'veth' ? spec.create.peer.netnsPath : undefined;
  if (path === undefined) return createLink(socket, spec, undefined);
  const fd = openSync(path, 'r');
  try {
    createLink(socket, spec, fd);
  } finally {
    closeSync(fd);
  }
}

/** Creates the link when it is missing and corrects what differs; true when something changed. */
export function ensureLink(socket: NetlinkSocket, spec: LinkSpec): boolean {
  const link = findLink(socket, spec.name);
  if (link === undefined) {
    if (spec.create === undefined) throw new Error(`there is no network device ${spec.name}`);
    if (spec.create.type !== 'bridge' || spec.mtu === undefined) createWithPeer(socket, spec);
    else {
      /* A bridge made with an MTU still takes its ports' (Linux br_mtu_auto_adjust); one that is set later keeps it. */
      const { mtu: _, ...withoutMtu } = spec;
      createWithPeer(socket, withoutMtu);
      ensureLink(socket, spec);
    }
    return true;
  }
  const master = spec.master === undefined ? undefined : linkIndex(socket, spec.master);
  const isUp = spec.isUp === link.isUp ? undefined : spec.isUp;
  const writer = ifinfomsg(new NetlinkWriter().begin(RTM_NEWLINK, 0), link.index, isUp);
  const before = writer.length;
  if (spec.mac !== undefined && spec.mac.toLowerCase() !== link.mac)
    writer.attrBytes(IFLA_ADDRESS, macBytes(spec.mac));
  if (spec.mtu !== undefined && spec.mtu !== link.mtu) writer.attrU32(IFLA_MTU, spec.mtu);
  if (master !== undefined && master !== link.master) writer.attrU32(IFLA_MASTER, master);
  if (isUp === undefined && writer.length === before) return false;
  socket.request(writer.finish(), `set link ${spec.name}`);
  return true;
}

/** Deletes a link, and with a veth its peer wherever it is; false when there was none. */
export function deleteLink(socket: NetlinkSocket, name: string): boolean {
  const message = ifinfomsg(new NetlinkWriter().begin(RTM_DELLINK, 0)).attrString(IFLA_IFNAME, name).finish();
  return optional(() => socket.request(message, `delete link ${name}`), 'ENODEV') !== undefined;
}
