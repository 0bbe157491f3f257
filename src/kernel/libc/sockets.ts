import { bindFunction, checked } from './function.ts';

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_CLOEXEC = 0o2000000;
export const SOCK_NONBLOCK = 0o4000;
export const SOL_SOCKET = 1;
export const SOL_NETLINK = 270;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_RCVTIMEO = 20;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;

const cSocket = bindFunction('int socket(int domain, int type, int protocol)');
const cBind = bindFunction('int bind(int fd, const void *address, uint32_t length)');
const cSetsockopt = bindFunction(
  'int setsockopt(int fd, int level, int option, const void *value, uint32_t length)',
);
const cGetsockopt = bindFunction('int getsockopt(int fd, int level, int option, void *value, void *length)');
const cSend = bindFunction('int64_t send(int fd, const void *data, size_t length, int flags)');
const cRecv = bindFunction('int64_t recv(int fd, void *data, size_t length, int flags)');

/** Opens a socket in the calling thread's network namespace; always close-on-exec. */
export function openSocket(domain: number, type: number, protocol: number): number {
  return checked('socket', cSocket(domain, type | SOCK_CLOEXEC, protocol));
}

/** `address` is a packed struct sockaddr. */
export function bindSocket(fd: number, address: Uint8Array): void {
  checked('bind', cBind(fd, address, address.length));
}

/** Sets an int option; false when the kernel refuses it, e.g. SO_SNDBUFFORCE without the capability in the first user namespace. */
export function trySocketOption(
  fd: number,
  option: readonly [level: number, name: number],
  value: number,
): boolean {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return cSetsockopt(fd, option[0], option[1], bytes, 4) >= 0;
}

/** Sets an option of any shape, e.g. a struct timeval. */
export function setSocketOption(
  fd: number,
  option: readonly [level: number, name: number],
  value: Uint8Array,
): void {
  checked(
    'setsockopt',
    cSetsockopt(fd, option[0], option[1], value, value.length),
    `${option[0]}/${option[1]}`,
  );
}

export function intSocketOption(fd: number, option: readonly [level: number, name: number]): number {
  const value = Buffer.alloc(4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(4);
  checked('getsockopt', cGetsockopt(fd, option[0], option[1], value, length), `${option[0]}/${option[1]}`);
  return value.readInt32LE();
}

/** Sends one message whole; `-errno` on failure (EMSGSIZE when it exceeds the send buffer). */
export function sendTo(fd: number, data: Uint8Array, flags = 0): number {
  return cSend(fd, data, data.length, flags);
}

/** Receives one message; its length, or `-errno`. With MSG_TRUNC the length may exceed the buffer. */
export function receive(fd: number, into: Uint8Array, flags = 0): number {
  return cRecv(fd, into, into.length, flags);
}
