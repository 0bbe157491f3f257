import { closeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { withNetns } from '../libc/namespaces.ts';
import {
  AF_NETLINK,
  bindSocket,
  intSocketOption,
  MSG_DONTWAIT,
  MSG_TRUNC,
  openSocket,
  receive,
  sendTo,
  setSocketOption,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_RCVTIMEO,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
  trySocketOption,
} from '../libc/sockets.ts';
import { errnoName, SystemError } from '../libc/system-error.ts';
import { NetlinkError } from './netlink-error.ts';
import * as protocol from './protocol.ts';
import { eachMessage, readAcknowledgement, type Acknowledgement, type NetlinkMessage } from './reader.ts';

/** A message of a batch the kernel refused; `index` is its place in the batch, `code` the errno's name. */
export interface NetlinkFailure extends Acknowledgement {
  readonly index: number;
  readonly code: string;
}

export interface NetlinkBatchResult {
  /** In the kernel's order; empty when all was done. A refused nfnetlink batch is rolled back whole. */
  readonly failures: readonly NetlinkFailure[];
  /** Other messages that came back (NLM_F_ECHO); their payloads are copies. */
  readonly answers: readonly NetlinkMessage[];
  /** How many acknowledgements came; each message with NLM_F_ACK gets one. */
  readonly nAcknowledged: number;
  /** True when the kernel had more to say than the receive buffer holds: `failures` may then lack some. */
  readonly isTruncated: boolean;
}

/**
 * A netlink socket that stays in the network namespace where it was opened. All calls but one are synchronous and take microseconds:
 * the kernel handles a request inside send(2), so its answers are there when send returns.
 */
export interface NetlinkSocket {
  readonly fd: number;
  /** The largest number of bytes one `batch` may have (several MiB as root, about 400 kB in a user namespace of an ordinary user). */
  readonly maxBatchBytes: number;
  /** Sends one message (NLM_F_REQUEST and NLM_F_ACK are added) and returns what came before the acknowledgement; throws NetlinkError. */
  request(message: Buffer, what?: string): NetlinkMessage[];
  /** Sends one message (NLM_F_REQUEST and NLM_F_DUMP are added) and calls `onMessage` for each part; payloads are valid during the call only. */
  dump(message: Buffer, onMessage: (message: NetlinkMessage) => void): void;
  /** As `dump`, with a turn of the event loop every few milliseconds; until it resolves nothing else may use the socket. */
  dumpInPieces(message: Buffer, onMessage: (message: NetlinkMessage) => void): Promise<void>;
  /** Sends messages as they are in one go, and reads all answers. Throws SystemError EMSGSIZE above `maxBatchBytes`. */
  batch(messages: Buffer): NetlinkBatchResult;
  close(): void;
}

export interface NetlinkOptions {
  /** NETLINK_ROUTE, NETLINK_NETFILTER … */
  readonly protocol: number;
  /** Path of the namespace to open the socket in; default: the calling thread's. */
  readonly netnsPath?: string;
}

const ENOBUFS = 105;
const EAGAIN = 11;
const EINTR = 4;
const receiveBytes = 256 * 1024;
/** What the kernel is asked for; it doubles the figure. */
const bufferBytes = 32 * 1024 * 1024;

function configure(fd: number): number {
  if (!trySocketOption(fd, [SOL_SOCKET, SO_SNDBUFFORCE], bufferBytes)) {
    trySocketOption(fd, [SOL_SOCKET, SO_SNDBUF], bufferBytes);
  }
  if (!trySocketOption(fd, [SOL_SOCKET, SO_RCVBUFFORCE], bufferBytes)) {
    trySocketOption(fd, [SOL_SOCKET, SO_RCVBUF], bufferBytes);
  }
  trySocketOption(fd, [SOL_NETLINK, protocol.NETLINK_CAP_ACK], 1);
  trySocketOption(fd, [SOL_NETLINK, protocol.NETLINK_EXT_ACK], 1);
  const timeout = Buffer.alloc(16);
  timeout.writeBigInt64LE(10n);
  setSocketOption(fd, [SOL_SOCKET, SO_RCVTIMEO], timeout);
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK);
  bindSocket(fd, address);
  /** netlink_sendmsg refuses what exceeds sk_sndbuf - 32. */
  return intSocketOption(fd, [SOL_SOCKET, SO_SNDBUF]) - 32;
}

function copied(message: NetlinkMessage): NetlinkMessage {
  return { ...message, payload: Buffer.from(message.payload) };
}

interface Channel {
  readonly fd: number;
  /** Numbers the messages in place and sends them; returns the first message's number. */
  send(messages: Buffer, addFlags: number): number;
  /** Reads one datagram; undefined when there is none and `flags` say not to wait. */
  read(flags: number): Buffer | 'overrun' | undefined;
}

function openChannel({
  protocol: number,
  netnsPath,
}: NetlinkOptions): Channel & { readonly maxBytes: number } {
  const fd = withNetns(netnsPath, () => openSocket(AF_NETLINK, SOCK_RAW, number));
  const maxBytes = configure(fd);
  let sequence = 0;
  let into: Buffer | undefined;
  const send: Channel['send'] = (messages, addFlags) => {
    const first = sequence + 1;
    for (let at = 0; at + protocol.messageHeaderBytes <= messages.length;) {
      sequence = (sequence + 1) >>> 0;
      if (addFlags !== 0) messages.writeUInt16LE(messages.readUInt16LE(at + 6) | addFlags, at + 6);
      messages.writeUInt32LE(sequence, at + 8);
      at += protocol.align4(Math.max(protocol.messageHeaderBytes, messages.readUInt32LE(at)));
    }
    const sent = sendTo(fd, messages);
    if (sent < 0) throw new SystemError('netlink send', -sent, `${messages.length} bytes`);
    return first;
  };
  const read: Channel['read'] = (flags) => {
    into ??= Buffer.allocUnsafeSlow(receiveBytes);
    for (;;) {
      const length = receive(fd, into, flags | MSG_TRUNC);
      if (length > into.length) throw new Error(`netlink receive: a datagram of ${length} bytes was cut off`);
      if (length >= 0) return into.subarray(0, length);
      if (length === -ENOBUFS) return 'overrun';
      if (length === -EAGAIN && (flags & MSG_DONTWAIT) !== 0) return undefined;
      if (length !== -EINTR) throw new SystemError('netlink receive', -length);
    }
  };
  return { fd, maxBytes, send, read };
}

/** Throws away what an earlier, failed exchange left unread. */
function drain(channel: Channel): void {
  while (channel.read(MSG_DONTWAIT) !== undefined);
}

function request(channel: Channel, message: Buffer, what: string): NetlinkMessage[] {
  const sequence = channel.send(message, protocol.NLM_F_REQUEST | protocol.NLM_F_ACK);
  const answers: NetlinkMessage[] = [];
  let acknowledgement: Acknowledgement | undefined;
  while (acknowledgement === undefined) {
    const data = channel.read(0);
    if (data === undefined || data === 'overrun') continue;
    eachMessage(data, (answer) => {
      if (answer.sequence !== sequence) return;
      if (answer.type === protocol.NLMSG_ERROR) acknowledgement = readAcknowledgement(answer);
      else answers.push(copied(answer));
    });
  }
  if (acknowledgement.errno !== 0) throw new NetlinkError(what, { ...acknowledgement, index: 0 });
  return answers;
}

type OnMessage = (message: NetlinkMessage) => void;

/** Asks for a dump; each call of the result reads some of it, and says whether there may be more. */
function startDump(channel: Channel, message: Buffer, onMessage: OnMessage): () => boolean {
  const sequence = channel.send(message, protocol.NLM_F_REQUEST | protocol.NLM_F_DUMP);
  let failure: Acknowledgement | undefined;
  let isDone = false;
  return () => {
    const data = channel.read(0);
    if (data === undefined || data === 'overrun') return true;
    eachMessage(data, (part) => {
      if (part.sequence !== sequence) return;
      if (part.type === protocol.NLMSG_DONE || part.type === protocol.NLMSG_ERROR) {
        isDone = true;
        if (part.payload.length >= 4 && part.payload.readInt32LE(0) < 0) failure = readAcknowledgement(part);
      } else onMessage(part);
    });
    if (failure !== undefined) throw new NetlinkError('netlink dump', { ...failure, index: 0 });
    return !isDone;
  };
}

function dump(channel: Channel, message: Buffer, onMessage: OnMessage): void {
  const readSome = startDump(channel, message, onMessage);
  while (readSome());
}

/** How long a piece of a dump may keep the event loop. */
const pieceMs = 4;

async function dumpInPieces(channel: Channel, message: Buffer, onMessage: OnMessage): Promise<void> {
  const readSome = startDump(channel, message, onMessage);
  let startedMs = performance.now();
  while (readSome()) {
    if (performance.now() - startedMs < pieceMs) continue;
    await setImmediate();
    startedMs = performance.now();
  }
}

function batch(channel: Channel, messages: Buffer): NetlinkBatchResult {
  drain(channel);
  const first = channel.send(messages, 0);
  const failures: NetlinkFailure[] = [];
  const answers: NetlinkMessage[] = [];
  let nAcknowledged = 0;
  let isTruncated = false;
  for (;;) {
    const data = channel.read(MSG_DONTWAIT);
    if (data === undefined) return { failures, answers, nAcknowledged, isTruncated };
    if (data === 'overrun') {
      isTruncated = true;
      continue;
    }
    eachMessage(data, (answer) => {
      if (answer.type !== protocol.NLMSG_ERROR) return void answers.push(copied(answer));
      const acknowledgement = readAcknowledgement(answer);
      if (acknowledgement.errno === 0) return void nAcknowledged++;
      const index = answer.sequence - first;
      failures.push({ ...acknowledgement, index, code: errnoName(acknowledgement.errno) });
    });
  }
}

/** Opens a netlink socket; throws SystemError when the protocol is missing or the namespace cannot be entered. */
export function openNetlink(options: NetlinkOptions): NetlinkSocket {
  const channel = openChannel(options);
  return {
    fd: channel.fd,
    maxBatchBytes: channel.maxBytes,
    request: (message, what = 'netlink request') => request(channel, message, what),
    dump: (message, onMessage) => dump(channel, message, onMessage),
    dumpInPieces: (message, onMessage) => dumpInPieces(channel, message, onMessage),
    batch: (messages) => batch(channel, messages),
    close: () => closeSync(channel.fd),
  };
}
