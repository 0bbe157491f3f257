import { NETLINK_GENERIC } from './protocol.ts';
import { openNetlink } from './netlink-socket.ts';
import type { NetlinkOptions, NetlinkSocket } from './netlink-socket.ts';
import { readAttributes } from './reader.ts';
import { NetlinkWriter } from './writer.ts';

/** The family that knows the others' numbers (Linux include/uapi/linux/genetlink.h). */
const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const genericHeaderBytes = 4;

/** Begins a message of a generic netlink family: netlink header, command, version and two reserved bytes. */
export function beginGeneric(
  writer: NetlinkWriter,
  message: { readonly family: number; readonly command: number; readonly version: number },
  flags = 0,
): NetlinkWriter {
  return writer.begin(message.family, flags).u8(message.command).u8(message.version).u16(0);
}

/** The attributes of an answer of a generic family: they follow its four-byte header. */
export const genericAttributes = (payload: Buffer): Map<number, Buffer> =>
  readAttributes(payload, genericHeaderBytes);

/**
 * The number of a generic netlink family. The kernel loads the module of an unknown one if it may. Throws NetlinkError ENOENT when
 * there is no such family.
 */
export function resolveFamily(socket: NetlinkSocket, name: string): number {
  const writer = beginGeneric(new NetlinkWriter(128), {
    family: GENL_ID_CTRL,
    command: CTRL_CMD_GETFAMILY,
    version: 1,
  });
  const message = writer.attrString(CTRL_ATTR_FAMILY_NAME, name).finish();
  const [answer] = socket.request(message, `find generic netlink family ${name}`);
  const id = answer && genericAttributes(answer.payload).get(CTRL_ATTR_FAMILY_ID)?.readUInt16LE(0);
  if (id === undefined) throw new Error(`the kernel did not tell the number of ${name}`);
  return id;
}

/** A socket for generic netlink families. */
export const openGenericNetlink = (options: Omit<NetlinkOptions, 'protocol'> = {}): NetlinkSocket =>
  openNetlink({ protocol: NETLINK_GENERIC, ...options });
