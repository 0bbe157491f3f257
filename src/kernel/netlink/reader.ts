import {
  align4,
  attributeHeaderBytes,
  messageHeaderBytes,
  NLA_TYPE_MASK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_DONE,
} from './protocol.ts';

/** One message; `payload` is everything after the 16-byte header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** Calls `onMessage` for each message of a datagram; payloads are views into `data`. A cut-off last message is left out. */
export function eachMessage(data: Buffer, onMessage: (message: NetlinkMessage) => void): void {
  for (let at = 0; at + messageHeaderBytes <= data.length;) {
    const length = data.readUInt32LE(at);
    if (length < messageHeaderBytes || at + length > data.length) return;
    onMessage({
      type: data.readUInt16LE(at + 4),
      flags: data.readUInt16LE(at + 6),
      sequence: data.readUInt32LE(at + 8),
      payload: data.subarray(at + messageHeaderBytes, at + length),
    });
    at += align4(length);
  }
}

/** Calls `onAttribute` for each attribute from `offset` on; the nested and byte-order bits are removed from the type. */
export function eachAttribute(
  data: Buffer,
  offset: number,
  onAttribute: (type: number, value: Buffer) => void,
): void {
  for (let at = offset; at + attributeHeaderBytes <= data.length;) {
    const length = data.readUInt16LE(at);
    if (length < attributeHeaderBytes || at + length > data.length) return;
    onAttribute(
      data.readUInt16LE(at + 2) & NLA_TYPE_MASK,
      data.subarray(at + attributeHeaderBytes, at + length),
    );
    at += align4(length);
  }
}

/** The attributes from `offset` on by type; of equal types the last stays. */
export function readAttributes(data: Buffer, offset = 0): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  eachAttribute(data, offset, (type, value) => void attributes.set(type, value));
  return attributes;
}

/** The text of a zero-terminated attribute; the empty string when it is absent. */
export function attributeText(value: Buffer | undefined): string {
  if (value === undefined) return '';
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
}

/** What an NLMSG_ERROR says; `errno` 0 is an acknowledgement. */
export interface Acknowledgement {
  readonly errno: number;
  /** The kernel's explanation (extended acknowledgement), or the empty string. */
  readonly text: string;
  /** Where in the failed message the kernel points, in bytes from its header; undefined when it does not. */
  readonly offset?: number;
}

/** How much of the refused message stands before the attributes. */
function echoedBytes({ type, flags, payload }: Omit<NetlinkMessage, 'sequence'>): number {
  if (type === NLMSG_DONE) return 0;
  return (flags & NLM_F_CAPPED) === 0 ? align4(payload.readUInt32LE(4)) : messageHeaderBytes;
}

const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;

/** Reads an NLMSG_ERROR, or the NLMSG_DONE that ends a failed dump. */
export function readAcknowledgement({ type, flags, payload }: NetlinkMessage): Acknowledgement {
  const errno = -payload.readInt32LE(0);
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno, text: '' };
  const attributes = readAttributes(payload, 4 + echoedBytes({ type, flags, payload }));
  const offset = attributes.get(NLMSGERR_ATTR_OFFS)?.readUInt32LE(0);
  const text = attributeText(attributes.get(NLMSGERR_ATTR_MSG));
  return offset === undefined ? { errno, text } : { errno, text, offset };
}
