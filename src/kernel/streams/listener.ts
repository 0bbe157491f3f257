import { SystemError } from '../libc/system-error.ts';
import { AF_INET6 } from '../libc/sockets.ts';
import { calls } from './calls.ts';
import { pin } from './pinned.ts';
import type { Pinned } from './pinned.ts';
import { SOCKADDR_BYTES, ipOf, portOf, socketAddress } from './socket-address.ts';
import { allowReuse, onlyIpv6, setStreamOptions } from './socket-options.ts';

/** A TCP socket that accepts connections. */
export interface StreamListener {
  readonly fd: number;
  readonly port: number;
  /** The next connection, a descriptor that does not block, with the options of setStreamOptions; -errno when there is none. */
  accept(): number;
  /** The address of the client last accepted by any listener of this thread, as canonical text. */
  lastClient(): string;
  close(): void;
}

/** The kernel caps it at net.core.somaxconn. */
const BACKLOG = 4096;

interface Peer {
  readonly address: Pinned;
  readonly length: Pinned;
}

/** Where the kernel writes who was accepted: one for all listeners, which may be ten thousands. */
let sharedPeer: Peer | undefined;

const peerOfAll = (): Peer => (sharedPeer ??= { address: pin(SOCKADDR_BYTES), length: pin(4) });

/** Listens on the address; port 0 = any free one. Throws SystemError (EADDRINUSE, EACCES, EADDRNOTAVAIL …). */
export function openListener(host: string, port: number): StreamListener {
  const address = socketAddress(host, port);
  const fd = calls.socket(address.domain);
  if (fd < 0) throw new SystemError('socket', -fd);
  const fail = (syscall: string, result: number): void => {
    if (result >= 0) return;
    calls.close(fd);
    throw new SystemError(syscall, -result, `${host}:${port}`);
  };
  if (address.domain === AF_INET6) onlyIpv6(fd);
  // For a free port it is asked for afterwards: with it the kernel looks in one half of the ports first, one by one, even once none is left.
  if (port !== 0) allowReuse(fd);
  fail('bind', calls.bind(fd, address.address, address.length));
  if (port === 0) allowReuse(fd);
  // Accepted connections inherit these.
  setStreamOptions(fd);
  fail('listen', calls.listen(fd, BACKLOG));
  const peer = peerOfAll();
  const resetLength = (): void => void peer.length.bytes.writeUInt32LE(SOCKADDR_BYTES, 0);
  resetLength();
  fail('getsockname', calls.getsockname(fd, peer.address.address, peer.length.address));
  return {
    fd,
    port: portOf(peer.address.bytes),
    accept: () => {
      resetLength();
      return calls.accept(fd, peer.address.address, peer.length.address);
    },
    lastClient: () => ipOf(peer.address.bytes),
    close: () => void calls.close(fd),
  };
}
