import { cidrOf, parseCidr } from '../../net/cidr.ts';
import { ipFromBytes, ipToBytes, parseIp } from '../../net/ip.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/protocol.ts';
import { readAttributes } from '../netlink/reader.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import { familyOf } from './addresses.ts';
import { linkIndex, listLinks, optional } from './links.ts';
import type { RouteSpec } from './model.ts';

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RT_TABLE_LOCAL = 255;
const RT_TABLE_MAIN = 254;
const RTPROT_KERNEL = 2;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_HOST = 254;
const RT_SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;
const RTN_UNREACHABLE = 7;
const RTNH_F_ONLINK = 4;
/** Any but 0, which the kernel's own local routes have: one that is replaced is never theirs. IPv6 has no other for users' routes. */
const LOCAL_METRIC = 1024;

function address(text: string): Uint8Array {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`not an IP address: ${text}`);
  return ipToBytes(ip);
}

function rtmsg(
  socket: NetlinkSocket,
  writer: NetlinkWriter,
  spec: RouteSpec & { readonly scope: number },
): Buffer {
  const { scope } = spec;
  const to = parseCidr(spec.to);
  if (to === undefined) throw new Error(`not a CIDR: ${spec.to}`);
  const base = cidrBase(spec.to);
  const isGone = scope === RT_SCOPE_NOWHERE;
  writer.u8(familyOf(base)).u8(to.prefix).u8(0).u8(0);
  writer.u8(spec.isLocal === true ? RT_TABLE_LOCAL : RT_TABLE_MAIN);
  writer.u8(isGone ? 0 : RTPROT_STATIC).u8(scope);
  writer.u8(isGone ? 0 : typeOf(spec)).u32(spec.isOnLink === true ? RTNH_F_ONLINK : 0);
  if (spec.isLocal === true) writer.attrU32(RTA_PRIORITY, LOCAL_METRIC);
  if (to.prefix > 0) writer.attrBytes(RTA_DST, ipToBytes(base));
  if (spec.via !== undefined) writer.attrBytes(RTA_GATEWAY, address(spec.via));
  if (spec.link !== undefined) writer.attrU32(RTA_OIF, linkIndex(socket, spec.link));
  if (spec.source !== undefined) writer.attrBytes(RTA_PREFSRC, address(spec.source));
  return writer.finish();
}

function typeOf({ isUnreachable, isLocal }: RouteSpec): number {
  if (isLocal === true) return RTN_LOCAL;
  return isUnreachable === true ? RTN_UNREACHABLE : RTN_UNICAST;
}

function cidrBase(text: string): NonNullable<ReturnType<typeof parseIp>> {
  const ip = parseIp(text.slice(0, text.indexOf('/')));
  if (ip === undefined) throw new Error(`not a CIDR: ${text}`);
  return ip;
}

/** IPv6 has no scopes of routes; IPv4 wants `link` for what has no gateway. */
function scopeOf(spec: RouteSpec): number {
  if (spec.isUnreachable === true) return RT_SCOPE_UNIVERSE;
  if (spec.isLocal === true && !spec.to.includes(':')) return RT_SCOPE_HOST;
  return spec.via === undefined && !spec.to.includes(':') ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

/** Adds the route, or points an existing one to the same destination elsewhere; true when something changed. */
export function ensureRoute(socket: NetlinkSocket, spec: RouteSpec): boolean {
  const write = (flags: number): Buffer =>
    rtmsg(socket, new NetlinkWriter().begin(RTM_NEWROUTE, NLM_F_CREATE | flags), {
      ...spec,
      scope: scopeOf(spec),
    });
  const what = `add route to ${spec.to}`;
  if (optional(() => socket.request(write(NLM_F_EXCL), what), 'EEXIST') !== undefined) return true;
  if (spec.isLocal === true) {
    socket.request(write(NLM_F_REPLACE), what);
    return true;
  }
  const same = listRoutes(socket).find((route) => route.to === spec.to);
  if (same !== undefined && same.via === spec.via && (spec.link === undefined || same.link === spec.link))
    return false;
  socket.request(write(NLM_F_REPLACE), what);
  return true;
}

export function deleteRoute(socket: NetlinkSocket, spec: RouteSpec): boolean {
  const message = rtmsg(socket, new NetlinkWriter().begin(RTM_DELROUTE, 0), {
    ...spec,
    scope: RT_SCOPE_NOWHERE,
  });
  return (
    optional(() => socket.request(message, `delete route to ${spec.to}`), 'ESRCH', 'ENODEV') !== undefined
  );
}

/** The routes of the main table that somebody set; the kernel's own (RTPROT_KERNEL) are left out. */
export function listRoutes(socket: NetlinkSocket): RouteSpec[] {
  const names = new Map(listLinks(socket).map((link) => [link.index, link.name]));
  const found: RouteSpec[] = [];
  const message = new NetlinkWriter().begin(RTM_GETROUTE, 0).u32(0).u32(0).u32(0).finish();
  socket.dump(message, ({ payload }) => {
    if (payload.readUInt8(4) !== RT_TABLE_MAIN || payload.readUInt8(5) === RTPROT_KERNEL) return;
    const attributes = readAttributes(payload, 12);
    const isV4 = payload.readUInt8(0) === 2;
    const to = cidrOf(
      ipFromBytes(attributes.get(RTA_DST) ?? Buffer.alloc(isV4 ? 4 : 16)),
      payload.readUInt8(1),
    );
    const via = attributes.get(RTA_GATEWAY);
    const oif = attributes.get(RTA_OIF);
    const link = oif === undefined ? undefined : names.get(oif.readUInt32LE(0));
    found.push({
      kind: 'route',
      to: to.text,
      ...(via !== undefined && { via: ipFromBytes(via).text }),
      ...(link !== undefined && { link }),
      ...(payload.readUInt8(7) === RTN_UNREACHABLE && { isUnreachable: true }),
    });
  });
  return found;
}
