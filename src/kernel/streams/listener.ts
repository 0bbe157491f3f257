import { SystemError } from '../libc/system-error.ts';
import { AF_INET6 } from '../libc/sockets.ts';
import { calls } from './calls.ts';
import { pin } from './pinned.ts';
import { SOCKADDR_BYTES, ipOf, portOf, socketAddress } from './socket-address.ts';
import { setListenerOptions, setStreamOptions } from './socket-options.ts';

/** A TCP socket that accepts connections. */
export interface StreamListener {
  readonly fd: number;
  readonly port: number;
  /** The next connection, a descriptor that does not block, with the options of setStreamOptions; -errno when there is none. */
  accept(): number;
  /** The address of the client last accepted, as canonical text. */
  lastClient(): string;
  close(): void;
}

/** The kernel caps it at net.core.somaxconn. */
const BACKLOG = 4096;

/** Listens on the address; port 0 = any free one. Throws SystemError (EADDRINUSE, EACCES, EADDRNOTAVAIL …). */
export function openListener(host: string, port: number): StreamListener {
  const address = socketAddress(host, port);
  const fd = calls.socket(address.domain);
  if (fd < 0) throw new SystemError('socket', -fd);
  setListenerOptions(fd, address.domain === AF_INET6);
  // Accepted connections inherit these.
  setStreamOptions(fd);
  const fail = (syscall: string, result: number): void => {
    if (result >= 0) return;
    calls.close(fd);
    throw new SystemError(syscall, -result, `${host}:${port}`);
  };
  fail('bind', calls.bind(fd, address.address, address.length));
  fail('listen', calls.listen(fd, BACKLOG));
  const peer = pin(SOCKADDR_BYTES);
  const length = pin(4);
  const resetLength = (): void => void length.bytes.writeUInt32LE(SOCKADDR_BYTES, 0);
  resetLength();
  fail('getsockname', calls.getsockname(fd, peer.address, length.address));
  return {
    fd,
    port: portOf(peer.bytes),
    accept: () => {
      resetLength();
      return calls.accept(fd, peer.address, length.address);
    },
    lastClient: () => ipOf(peer.bytes),
    close: () => void calls.close(fd),
  };
}
