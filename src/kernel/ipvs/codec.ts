import { ipFromBytes, ipToBytes, parseIp } from '../../net/ip.ts';
import type { IpFamily } from '../../net/ip.ts';
import { beginGeneric, genericAttributes } from '../netlink/generic.ts';
import { NLM_F_REQUEST } from '../netlink/protocol.ts';
import { attributeText, readAttributes } from '../netlink/reader.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import type {
  CountedServer,
  HeldDestination,
  IpvsCommand,
  IpvsTimeouts,
  VirtualDestination,
  VirtualProtocol,
  VirtualServer,
  VirtualServerKey,
} from './model.ts';

/** Commands and attributes of the family `IPVS` (Linux include/uapi/linux/ip_vs.h). */
const IPVS_GENL_VERSION = 1;
const IPVS_CMD = {
  'add-server': 1,
  'set-server': 2,
  'delete-server': 3,
  'get-server': 4,
  'add-destination': 5,
  'set-destination': 6,
  'delete-destination': 7,
  'get-destination': 8,
  'set-timeouts': 12,
  'get-timeouts': 13,
  'get-info': 15,
  flush: 17,
} as const;
const IPVS_CMD_ATTR_SERVICE = 1;
const IPVS_CMD_ATTR_DEST = 2;
const IPVS_CMD_ATTR_TIMEOUT_TCP = 4;
const IPVS_CMD_ATTR_TIMEOUT_TCP_FIN = 5;
const IPVS_CMD_ATTR_TIMEOUT_UDP = 6;
const IPVS_SVC_ATTR_AF = 1;
const IPVS_SVC_ATTR_PROTOCOL = 2;
const IPVS_SVC_ATTR_ADDR = 3;
const IPVS_SVC_ATTR_PORT = 4;
const IPVS_SVC_ATTR_FWMARK = 5;
const IPVS_SVC_ATTR_SCHED_NAME = 6;
const IPVS_SVC_ATTR_FLAGS = 7;
const IPVS_SVC_ATTR_TIMEOUT = 8;
const IPVS_SVC_ATTR_NETMASK = 9;
const IPVS_SVC_ATTR_STATS64 = 12;
/** Each with 64 bits, in IPVS_SVC_ATTR_STATS64 (since Linux 4.1). */
const IPVS_STATS_ATTR_CONNS = 1;
const IPVS_STATS_ATTR_INPKTS = 2;
const IPVS_STATS_ATTR_OUTPKTS = 3;
const IPVS_STATS_ATTR_INBYTES = 4;
const IPVS_STATS_ATTR_OUTBYTES = 5;
const IPVS_DEST_ATTR_ADDR = 1;
const IPVS_DEST_ATTR_PORT = 2;
const IPVS_DEST_ATTR_FWD_METHOD = 3;
const IPVS_DEST_ATTR_WEIGHT = 4;
const IPVS_DEST_ATTR_U_THRESH = 5;
const IPVS_DEST_ATTR_L_THRESH = 6;
const IPVS_DEST_ATTR_ACTIVE_CONNS = 7;
const IPVS_DEST_ATTR_INACT_CONNS = 8;
const IPVS_DEST_ATTR_ADDR_FAMILY = 11;
const IPVS_INFO_ATTR_VERSION = 1;

const IP_VS_SVC_F_PERSISTENT = 0x1;
const IP_VS_SVC_F_SCHED1 = 0x8;
const IP_VS_SVC_F_SCHED2 = 0x10;
/** The flags that are ours to set; the kernel keeps the others. */
const flagMask = IP_VS_SVC_F_PERSISTENT | IP_VS_SVC_F_SCHED1 | IP_VS_SVC_F_SCHED2;
/** Address translation, as against tunnels and direct routing. */
const IP_VS_CONN_F_MASQ = 0;

const familyNumbers: Readonly<Record<IpFamily, number>> = { IPv4: 2, IPv6: 10 };
const protocolNumbers: Readonly<Record<VirtualProtocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };
const protocols = new Map(
  (Object.entries(protocolNumbers) as [VirtualProtocol, number][]).map(([name, number]) => [number, name]),
);
/** Room of an address in the kernel's structures, whatever the family. */
const addressBytes = 16;
/** Persistence is per address of a client: a mask of 32 ones, or a prefix of 128. */
const clientMasks: Readonly<Record<IpFamily, number>> = { IPv4: 0xffffffff, IPv6: 128 };

function addressField(text: string): Uint8Array {
  const ip = parseIp(text);
  if (ip === undefined) throw new RangeError(`${text} is no address`);
  const field = new Uint8Array(addressBytes);
  field.set(ipToBytes(ip));
  return field;
}

interface Head {
  /** Number of the family IPVS. */
  readonly family: number;
  readonly command: keyof typeof IPVS_CMD;
  readonly flags?: number;
}

function begin(writer: NetlinkWriter, { family, command, flags = 0 }: Head): NetlinkWriter {
  return beginGeneric(writer, { family, command: IPVS_CMD[command], version: IPVS_GENL_VERSION }, flags);
}

function writeKey(writer: NetlinkWriter, key: VirtualServerKey): void {
  writer.attrU16(IPVS_SVC_ATTR_AF, familyNumbers[key.family]);
  if (key.kind === 'mark') return void writer.attrU32(IPVS_SVC_ATTR_FWMARK, key.mark);
  writer.attrU16(IPVS_SVC_ATTR_PROTOCOL, protocolNumbers[key.protocol]);
  writer.attrBytes(IPVS_SVC_ATTR_ADDR, addressField(key.ip)).attrU16Be(IPVS_SVC_ATTR_PORT, key.port);
}

function writeServer(
  writer: NetlinkWriter,
  { key, scheduler, persistenceSeconds, flags }: VirtualServer,
): void {
  const nest = writer.openNest(IPVS_CMD_ATTR_SERVICE);
  writeKey(writer, key);
  writer.attrString(IPVS_SVC_ATTR_SCHED_NAME, scheduler);
  const bits = Buffer.alloc(8);
  const value =
    (persistenceSeconds > 0 ? IP_VS_SVC_F_PERSISTENT : 0) |
    (flags?.hasFallback === true ? IP_VS_SVC_F_SCHED1 : 0) |
    (flags?.hashesPort === true ? IP_VS_SVC_F_SCHED2 : 0);
  bits.writeUInt32LE(value, 0);
  bits.writeUInt32LE(flagMask, 4);
  writer.attrBytes(IPVS_SVC_ATTR_FLAGS, bits).attrU32(IPVS_SVC_ATTR_TIMEOUT, persistenceSeconds);
  writer.attrU32(IPVS_SVC_ATTR_NETMASK, clientMasks[key.family]).closeNest(nest);
}

function writeKeyOnly(writer: NetlinkWriter, key: VirtualServerKey): void {
  const nest = writer.openNest(IPVS_CMD_ATTR_SERVICE);
  writeKey(writer, key);
  writer.closeNest(nest);
}

function writeDestination(
  writer: NetlinkWriter,
  destination: VirtualDestination,
  { family, isWhole }: { readonly family: IpFamily; readonly isWhole: boolean },
): void {
  const nest = writer.openNest(IPVS_CMD_ATTR_DEST);
  writer.attrBytes(IPVS_DEST_ATTR_ADDR, addressField(destination.ip));
  writer.attrU16Be(IPVS_DEST_ATTR_PORT, destination.port);
  writer.attrU16(IPVS_DEST_ATTR_ADDR_FAMILY, familyNumbers[family]);
  if (isWhole) {
    writer.attrU32(IPVS_DEST_ATTR_FWD_METHOD, IP_VS_CONN_F_MASQ);
    writer.attrU32(IPVS_DEST_ATTR_WEIGHT, destination.weight);
    writer.attrU32(IPVS_DEST_ATTR_U_THRESH, 0).attrU32(IPVS_DEST_ATTR_L_THRESH, 0);
  }
  writer.closeNest(nest);
}

/** Appends a command as one message, which is answered when it is refused; `family` is the number of the family IPVS. */
export function writeCommand(writer: NetlinkWriter, family: number, command: IpvsCommand): void {
  begin(writer, { family, command: command.op, flags: NLM_F_REQUEST });
  switch (command.op) {
    case 'add-server':
    case 'set-server':
      return writeServer(writer, command.server);
    case 'delete-server':
      return writeKeyOnly(writer, command.key);
    case 'add-destination':
    case 'set-destination':
    case 'delete-destination': {
      writeKeyOnly(writer, command.key);
      const how = { family: command.key.family, isWhole: command.op !== 'delete-destination' };
      return writeDestination(writer, command.destination, how);
    }
    case 'set-timeouts': {
      const { tcpSeconds, tcpFinSeconds, udpSeconds } = command.timeouts;
      writer.attrU32(IPVS_CMD_ATTR_TIMEOUT_TCP, tcpSeconds);
      writer.attrU32(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, tcpFinSeconds);
      return void writer.attrU32(IPVS_CMD_ATTR_TIMEOUT_UDP, udpSeconds);
    }
    case 'flush':
      return undefined;
  }
}

/** Messages that ask; the flags of a dump are added when they are sent. */
export const serversRequest = (family: number): Buffer =>
  begin(new NetlinkWriter(64), { family, command: 'get-server' }).finish();
export const timeoutsRequest = (family: number): Buffer =>
  begin(new NetlinkWriter(64), { family, command: 'get-timeouts' }).finish();
export const infoRequest = (family: number): Buffer =>
  begin(new NetlinkWriter(64), { family, command: 'get-info' }).finish();

/** Asks for one server; ESRCH when there is none. */
export function serverRequest(family: number, key: VirtualServerKey): Buffer {
  const writer = begin(new NetlinkWriter(128), { family, command: 'get-server' });
  writeKeyOnly(writer, key);
  return writer.finish();
}

export function destinationsRequest(family: number, key: VirtualServerKey): Buffer {
  const writer = begin(new NetlinkWriter(128), { family, command: 'get-destination' });
  writeKeyOnly(writer, key);
  return writer.finish();
}

const none = Buffer.alloc(0);
const u32 = (value: Buffer | undefined): number => value?.readUInt32LE(0) ?? 0;
const addressText = (field: Buffer, family: IpFamily): string =>
  ipFromBytes(field.subarray(0, family === 'IPv4' ? 4 : addressBytes)).text;

function readKey(attributes: ReadonlyMap<number, Buffer>): VirtualServerKey | undefined {
  const family = attributes.get(IPVS_SVC_ATTR_AF)?.readUInt16LE(0) === familyNumbers.IPv6 ? 'IPv6' : 'IPv4';
  const mark = attributes.get(IPVS_SVC_ATTR_FWMARK);
  if (mark !== undefined) return { kind: 'mark', family, mark: u32(mark) };
  const protocol = protocols.get(attributes.get(IPVS_SVC_ATTR_PROTOCOL)?.readUInt16LE(0) ?? 0);
  const address = attributes.get(IPVS_SVC_ATTR_ADDR);
  if (protocol === undefined || address === undefined) return undefined;
  const port = attributes.get(IPVS_SVC_ATTR_PORT)?.readUInt16BE(0) ?? 0;
  return { kind: 'address', family, protocol, ip: addressText(address, family), port };
}

/** A virtual server from one part of a dump; undefined for protocols we do not know. */
export function decodeServer(payload: Buffer): VirtualServer | undefined {
  const attributes = readAttributes(genericAttributes(payload).get(IPVS_CMD_ATTR_SERVICE) ?? none);
  const key = readKey(attributes);
  if (key === undefined) return undefined;
  const bits = u32(attributes.get(IPVS_SVC_ATTR_FLAGS));
  const isPersistent = (bits & IP_VS_SVC_F_PERSISTENT) !== 0;
  const flags = {
    hasFallback: (bits & IP_VS_SVC_F_SCHED1) !== 0,
    hashesPort: (bits & IP_VS_SVC_F_SCHED2) !== 0,
  };
  return {
    key,
    scheduler: attributeText(attributes.get(IPVS_SVC_ATTR_SCHED_NAME)),
    persistenceSeconds: isPersistent ? u32(attributes.get(IPVS_SVC_ATTR_TIMEOUT)) : 0,
    ...(flags.hasFallback || flags.hashesPort ? { flags } : {}),
  };
}

/** What was counted at a virtual server, from one part of a dump; undefined for protocols we do not know. */
export function decodeCounts(payload: Buffer): CountedServer | undefined {
  const attributes = readAttributes(genericAttributes(payload).get(IPVS_CMD_ATTR_SERVICE) ?? none);
  const key = readKey(attributes);
  if (key === undefined) return undefined;
  const statistics = readAttributes(attributes.get(IPVS_SVC_ATTR_STATS64) ?? none);
  const u64 = (type: number): number => Number(statistics.get(type)?.readBigUInt64LE(0) ?? 0n);
  return {
    key,
    counts: {
      connections: u64(IPVS_STATS_ATTR_CONNS),
      packetsIn: u64(IPVS_STATS_ATTR_INPKTS),
      packetsOut: u64(IPVS_STATS_ATTR_OUTPKTS),
      bytesIn: u64(IPVS_STATS_ATTR_INBYTES),
      bytesOut: u64(IPVS_STATS_ATTR_OUTBYTES),
    },
  };
}

/** A destination from one part of a dump about a server of `family`. */
export function decodeDestination(payload: Buffer, family: IpFamily): HeldDestination | undefined {
  const attributes = readAttributes(genericAttributes(payload).get(IPVS_CMD_ATTR_DEST) ?? none);
  const address = attributes.get(IPVS_DEST_ATTR_ADDR);
  if (address === undefined) return undefined;
  return {
    ip: addressText(address, family),
    port: attributes.get(IPVS_DEST_ATTR_PORT)?.readUInt16BE(0) ?? 0,
    weight: u32(attributes.get(IPVS_DEST_ATTR_WEIGHT)),
    nActive: u32(attributes.get(IPVS_DEST_ATTR_ACTIVE_CONNS)),
    nInactive: u32(attributes.get(IPVS_DEST_ATTR_INACT_CONNS)),
  };
}

export function decodeTimeouts(payload: Buffer): IpvsTimeouts {
  const attributes = genericAttributes(payload);
  return {
    tcpSeconds: u32(attributes.get(IPVS_CMD_ATTR_TIMEOUT_TCP)),
    tcpFinSeconds: u32(attributes.get(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN)),
    udpSeconds: u32(attributes.get(IPVS_CMD_ATTR_TIMEOUT_UDP)),
  };
}

/** `1.2.1`: three bytes of one number. */
export function decodeVersion(payload: Buffer): string {
  const version = u32(genericAttributes(payload).get(IPVS_INFO_ATTR_VERSION));
  return `${(version >> 16) & 0xff}.${(version >> 8) & 0xff}.${version & 0xff}`;
}
