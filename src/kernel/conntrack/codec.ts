import { familyOf, ipFromBytes, ipToBytes, parseIp } from '../../net/ip.ts';
import type { IpFamily } from '../../net/ip.ts';
import { nfgenmsg, nfnetlinkType, NFNL_SUBSYS_CTNETLINK } from '../netlink/nfnetlink.ts';
import { readAttributes } from '../netlink/reader.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import type { Flow, FlowFilter, FlowProtocol, FlowTuple } from './model.ts';

/** Messages and attributes of ctnetlink (Linux include/uapi/linux/netfilter/nfnetlink_conntrack.h). */
const CT_GET = 1;
const CT_DELETE = 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
/** Fields of the tuple the kernel shall compare (net/netfilter/nf_conntrack_netlink.c, CTA_FILTER_F_*). */
const FILTER_IP_DST = 1 << 1;
const FILTER_PROTO_NUM = 1 << 3;
const FILTER_PROTO_DST_PORT = 1 << 5;

const familyNumbers: Readonly<Record<IpFamily, number>> = { IPv4: 2, IPv6: 10 };
const protocolNumbers: Readonly<Record<FlowProtocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };
const protocols = new Map(
  (Object.entries(protocolNumbers) as [FlowProtocol, number][]).map(([name, number]) => [number, name]),
);

function start(message: number, family: IpFamily): NetlinkWriter {
  const writer = new NetlinkWriter(256);
  return nfgenmsg(writer.begin(nfnetlinkType(NFNL_SUBSYS_CTNETLINK, message), 0), familyNumbers[family]);
}

function writeAddress(writer: NetlinkWriter, attributes: { v4: number; v6: number }, text: string): void {
  const ip = parseIp(text);
  if (ip === undefined) throw new RangeError(`${text} is no address`);
  writer.attrBytes(ip.family === 'IPv4' ? attributes.v4 : attributes.v6, ipToBytes(ip));
}

function writeTuple(writer: NetlinkWriter, protocol: FlowProtocol, tuple: Partial<FlowTuple>): void {
  const nest = writer.openNest(CTA_TUPLE_ORIG);
  const ip = writer.openNest(CTA_TUPLE_IP);
  if (tuple.source !== undefined)
    writeAddress(writer, { v4: CTA_IP_V4_SRC, v6: CTA_IP_V6_SRC }, tuple.source);
  if (tuple.destination !== undefined)
    writeAddress(writer, { v4: CTA_IP_V4_DST, v6: CTA_IP_V6_DST }, tuple.destination);
  writer.closeNest(ip);
  const proto = writer.openNest(CTA_TUPLE_PROTO);
  writer.attrU8(CTA_PROTO_NUM, protocolNumbers[protocol]);
  if (tuple.sourcePort !== undefined) writer.attrU16Be(CTA_PROTO_SRC_PORT, tuple.sourcePort);
  if (tuple.destinationPort !== undefined) writer.attrU16Be(CTA_PROTO_DST_PORT, tuple.destinationPort);
  writer.closeNest(proto).closeNest(nest);
}

/**
 * A request for a dump. What comes must be filtered again: kernels before 5.8 ignore the filter, and IPv6 addresses are not in it because
 * ctnetlink_filter_match_tuple of Linux 6.18 leaves out the flows that have them instead of the others.
 */
export function listRequest({ family, protocol, destination, destinationPort }: FlowFilter): Buffer {
  const writer = start(CT_GET, family);
  const isByAddress = destination !== undefined && family === 'IPv4';
  const isByPort = destinationPort !== undefined;
  writeTuple(writer, protocol, {
    ...(isByAddress ? { destination } : {}),
    ...(isByPort ? { destinationPort } : {}),
  });
  const flags = FILTER_PROTO_NUM | (isByAddress ? FILTER_IP_DST : 0) | (isByPort ? FILTER_PROTO_DST_PORT : 0);
  const nest = writer.openNest(CTA_FILTER);
  writer.attrU32(CTA_FILTER_ORIG_FLAGS, flags).attrU32(CTA_FILTER_REPLY_FLAGS, 0);
  return writer.closeNest(nest).finish();
}

export function deleteRequest(flow: Flow): Buffer {
  const writer = start(CT_DELETE, flow.family);
  writeTuple(writer, flow.protocol, flow.original);
  return writer.attrU32Be(CTA_ID, flow.id).finish();
}

function readTuple(data: Buffer): (FlowTuple & { readonly protocol: number }) | undefined {
  const attributes = readAttributes(data);
  const ip = readAttributes(attributes.get(CTA_TUPLE_IP) ?? Buffer.alloc(0));
  const proto = readAttributes(attributes.get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
  const source = ip.get(CTA_IP_V4_SRC) ?? ip.get(CTA_IP_V6_SRC);
  const destination = ip.get(CTA_IP_V4_DST) ?? ip.get(CTA_IP_V6_DST);
  if (source === undefined || destination === undefined) return undefined;
  return {
    source: ipFromBytes(source).text,
    sourcePort: proto.get(CTA_PROTO_SRC_PORT)?.readUInt16BE(0) ?? 0,
    destination: ipFromBytes(destination).text,
    destinationPort: proto.get(CTA_PROTO_DST_PORT)?.readUInt16BE(0) ?? 0,
    protocol: proto.get(CTA_PROTO_NUM)?.readUInt8(0) ?? 0,
  };
}

/** A flow from one part of a dump; undefined for protocols without ports and what cannot be read. */
export function decodeFlow(payload: Buffer): Flow | undefined {
  const attributes = readAttributes(payload, 4);
  const orig = readTuple(attributes.get(CTA_TUPLE_ORIG) ?? Buffer.alloc(0));
  const answer = readTuple(attributes.get(CTA_TUPLE_REPLY) ?? Buffer.alloc(0));
  if (orig === undefined || answer === undefined) return undefined;
  const { protocol: number, ...original } = orig;
  const { protocol: _number, ...reply } = answer;
  const protocol = protocols.get(number);
  if (protocol === undefined) return undefined;
  const family = familyOf(original.source);
  return { family, protocol, original, reply, id: attributes.get(CTA_ID)?.readUInt32BE(0) ?? 0 };
}
