import { SOL_SOCKET } from '../libc/sockets.ts';
import { calls } from './calls.ts';
import { pin } from './pinned.ts';
import type { Pinned } from './pinned.ts';

const IPPROTO_TCP = 6;
const SO_REUSEADDR = 2;
const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_CONGESTION = 13;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** Silence after which the kernel asks whether the other side is still there. */
const KEEP_ALIVE_SECONDS = 60;

interface Values {
  readonly one: Pinned;
  readonly seconds: Pinned;
  /** struct linger: on, for no time. */
  readonly noLinger: Pinned;
}

let values: Values | undefined;

function constant(bytes: readonly number[]): Pinned {
  const pinned = pin(bytes.length * 4);
  bytes.forEach((value, i) => pinned.bytes.writeInt32LE(value, i * 4));
  return pinned;
}

const pinnedValues = (): Values =>
  (values ??= { one: constant([1]), seconds: constant([KEEP_ALIVE_SECONDS]), noLinger: constant([1, 0]) });

/** No delay for small writes, and keep-alive, which ends connections whose other side vanished without a word. */
export function setStreamOptions(fd: number): void {
  const { one, seconds } = pinnedValues();
  calls.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, one.address, 4);
  calls.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, one.address, 4);
  calls.setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds.address, 4);
}

/** The address may be taken again right after it was given up. */
export function allowReuse(fd: number): void {
  calls.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, pinnedValues().one.address, 4);
}

/** The socket of IPv6 is not also one of IPv4. */
export function onlyIpv6(fd: number): void {
  calls.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, pinnedValues().one.address, 4);
}

/** TCP_CA_NAME_MAX of the kernel. */
const CONTROL_NAME_BYTES = 16;
/** Grows by what is acknowledged and sets no timers. Every kernel has it, and the only one that every user may choose everywhere. */
const UNPACED = 'reno';

/** The name of the socket's congestion control. */
export function congestionControlOf(fd: number): string {
  const [name, length] = [pin(CONTROL_NAME_BYTES), constant([CONTROL_NAME_BYTES])];
  const result = calls.getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.address, length.address);
  return result < 0 ? '' : name.bytes.toString('latin1').replace(/\0.*$/s, '');
}

/** What takes the place of a congestion control that sends by a timer of its own (bbr and its kin); undefined = nothing need. */
export const unpaced = (control: string): string | undefined =>
  control.startsWith('bbr') ? UNPACED : undefined;

let replacement: { readonly name: Pinned; readonly length: number } | 'none' | undefined;

/**
 * For a connection that stays on this machine and is not open yet: there is no path to be gentle with, and the timers of a machine whose
 * congestion control is bbr would cost more than the bytes. Which one that is, is read once.
 */
export function setUnpaced(fd: number): void {
  replacement ??= replacementFor(unpaced(congestionControlOf(fd)));
  if (replacement === 'none') return;
  calls.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, replacement.name.address, replacement.length);
}

function replacementFor(control: string | undefined): NonNullable<typeof replacement> {
  if (control === undefined) return 'none';
  const name = pin(CONTROL_NAME_BYTES);
  return { name, length: name.bytes.write(control) };
}

/** Closing the connection resets it. */
export function resetOnClose(fd: number): void {
  calls.setsockopt(fd, SOL_SOCKET, SO_LINGER, pinnedValues().noLinger.address, 8);
}
