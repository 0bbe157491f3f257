import { NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END, NLM_F_REQUEST } from './protocol.ts';
import type { NetlinkWriter } from './writer.ts';

export const NFNL_SUBSYS_CTNETLINK = 1;
export const NFNL_SUBSYS_NFTABLES = 10;

/** The type of a message of a netfilter subsystem. */
export function nfnetlinkType(subsystem: number, message: number): number {
  return (subsystem << 8) | message;
}

/** Writes the header each nfnetlink message has: family, version 0, and a resource id in network order. */
export function nfgenmsg(writer: NetlinkWriter, family: number, resource = 0): NetlinkWriter {
  return writer.u8(family).u8(0).u16Be(resource);
}

/** Opens a transaction of one subsystem: all messages up to `endBatch` take effect together or not at all. */
export function beginBatch(writer: NetlinkWriter, subsystem: number): NetlinkWriter {
  return nfgenmsg(writer.begin(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST), 0, subsystem);
}

/** Closes the transaction opened by `beginBatch`. */
export function endBatch(writer: NetlinkWriter, subsystem: number): NetlinkWriter {
  return nfgenmsg(writer.begin(NFNL_MSG_BATCH_END, NLM_F_REQUEST), 0, subsystem);
}
