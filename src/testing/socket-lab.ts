import { closeSync } from 'node:fs';
import { bindFunction, checked } from '../kernel/libc/function.ts';
import { withNetns } from '../kernel/libc/namespaces.ts';
import {
  AF_INET,
  AF_INET6,
  bindSocket,
  MSG_DONTWAIT,
  openSocket,
  receive,
  sendTo,
  setSocketOption,
  SO_RCVTIMEO,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../kernel/libc/sockets.ts';
import { errnoName } from '../kernel/libc/system-error.ts';
import { familyOf, ipFromBytes, ipToBytes, parseIp } from '../net/ip.ts';

/**
 * Clients and servers of all protocols in other network namespaces, by system calls of this very thread: no process is started, so that
 * it is quick in an emulated machine, and SCTP needs no program.
 */
export interface SocketLab {
  /** From now on answers on the port as `place`, to IPv4 or to IPv6. */
  serve(place: string, at: ServeAt): void;
  /** One call: `SERVER CLIENT-ADDRESS`, an errno's name, or `timeout`. */
  call(place: string, what: SocketCall): string;
  /** As `call`, n times. */
  calls(place: string, what: SocketCall, n: number): string[];
  /** A connection that stays; throws when it cannot be made. */
  connect(place: string, what: SocketCall): LabConnection;
  close(): void;
}

export interface ServeAt {
  /** What it answers; default: its place. */
  readonly name?: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
}

export interface SocketCall {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly host: string;
  readonly port: number;
  /** Default: as the kernel chooses. */
  readonly source?: string;
  readonly sourcePort?: number;
  readonly timeoutMs?: number;
}

export interface LabConnection {
  readonly server: string;
  readonly client: string;
  /** One message there and back: `server`, an errno's name, or `timeout`. */
  exchange(): string;
  /** Ends it with a reset, which leaves no connection that waits. */
  close(): void;
}

interface Server extends ServeAt {
  readonly name: string;
  readonly fd: number;
}

const cConnect = bindFunction('int connect(int fd, const void *address, uint32_t length)');
const cListen = bindFunction('int listen(int fd, int backlog)');
const cAccept = bindFunction('int accept4(int fd, void *address, void *length, int flags)');
const cRecvfrom = bindFunction(
  'int64_t recvfrom(int fd, void *data, size_t n, int flags, void *address, void *length)',
);
const cSendto = bindFunction(
  'int64_t sendto(int fd, const void *data, size_t n, int flags, const void *address, uint32_t length)',
);

const IPPROTO_SCTP = 132;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SO_REUSEADDR = 2;
const SO_LINGER = 13;
const SO_SNDTIMEO = 21;
/** What a refusal by a rule of the sender's own machine looks like at once; its ICMP error is there when one asks. */
const EPERM = -1;
const EAGAIN = -11;
const EINPROGRESS = -115;
const EALREADY = -114;
const anyAddress = { IPv4: '0.0.0.0', IPv6: '::' } as const;

function sockaddr(host: string, port: number): Buffer {
  const ip = parseIp(host);
  if (ip === undefined) throw new TypeError(`${host} is no address`);
  const bytes = Buffer.alloc(ip.family === 'IPv4' ? 16 : 28);
  bytes.writeUInt16LE(ip.family === 'IPv4' ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(ipToBytes(ip), ip.family === 'IPv4' ? 4 : 8);
  return bytes;
}

const addressOf = (bytes: Buffer): string =>
  bytes.readUInt16LE(0) === AF_INET
    ? ipFromBytes(bytes.subarray(4, 8)).text
    : ipFromBytes(bytes.subarray(8, 24)).text;

function lengthField(): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(28);
  return length;
}

function timeval(ms: number): Buffer {
  const value = Buffer.alloc(16);
  value.writeBigInt64LE(BigInt(Math.floor(ms / 1000)), 0);
  value.writeBigInt64LE(BigInt((ms % 1000) * 1000), 8);
  return value;
}

const one = Buffer.from([1, 0, 0, 0]);
const socketOf = (protocol: SocketCall['protocol'], family: ServeAt['family'], flags = 0): number =>
  openSocket(
    family === 'IPv4' ? AF_INET : AF_INET6,
    (protocol === 'UDP' ? SOCK_DGRAM : SOCK_STREAM) | flags,
    protocol === 'SCTP' ? IPPROTO_SCTP : 0,
  );

/** Network interrupts of this processor are done when a call returns, nearly always: a few short waits are for the rest. */
const nap = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
const nNaps = 60;

function outcome(result: number): string {
  if ([EAGAIN, EINPROGRESS, EALREADY].includes(result)) return 'timeout';
  return errnoName(-result);
}

class Lab implements SocketLab {
  readonly #netns: (place: string) => string;
  readonly #servers: Server[] = [];

  constructor(netns: (place: string) => string) {
    this.#netns = netns;
  }

  serve(place: string, at: ServeAt): void {
    const fd = withNetns(this.#netns(place), () =>
      /** Asking whether somebody has come must not block: there are many servers to ask. */
      socketOf(at.protocol, at.family, SOCK_NONBLOCK),
    );
    setSocketOption(fd, [SOL_SOCKET, SO_REUSEADDR], one);
    if (at.family === 'IPv6') setSocketOption(fd, [IPPROTO_IPV6, IPV6_V6ONLY], one);
    bindSocket(fd, sockaddr(anyAddress[at.family], at.port));
    if (at.protocol !== 'UDP') checked('listen', cListen(fd, 64));
    this.#servers.push({ name: place, ...at, fd });
  }

  #client(place: string, { protocol, host, source, sourcePort = 0, timeoutMs = 1500 }: SocketCall): number {
    const family = familyOf(host);
    const fd = withNetns(this.#netns(place), () => socketOf(protocol, family));
    setSocketOption(fd, [SOL_SOCKET, SO_SNDTIMEO], timeval(timeoutMs));
    setSocketOption(fd, [SOL_SOCKET, SO_RCVTIMEO], timeval(timeoutMs));
    if (source !== undefined || sourcePort !== 0)
      bindSocket(fd, sockaddr(source ?? anyAddress[family], sourcePort));
    return fd;
  }

  call(place: string, what: SocketCall): string {
    if (what.protocol === 'UDP') return this.#datagram(place, what);
    const made = this.#connected(place, what);
    if (typeof made === 'string') return made;
    const answer = made.exchange();
    made.close();
    return answer === made.server ? `${made.server} ${made.client}` : answer;
  }

  calls(place: string, what: SocketCall, n: number): string[] {
    return Array.from({ length: n }, () => this.call(place, what));
  }

  connect(place: string, what: SocketCall): LabConnection {
    const made = this.#connected(place, what);
    if (typeof made === 'string') throw new Error(`connecting to ${what.host}:${what.port}: ${made}`);
    return made;
  }

  #connected(place: string, what: SocketCall): LabConnection | string {
    const fd = this.#client(place, what);
    const result = cConnect(fd, sockaddr(what.host, what.port), what.host.includes(':') ? 28 : 16);
    const accepted = result < 0 ? undefined : this.#accept(what.protocol);
    if (accepted === undefined) {
      closeSync(fd);
      return result < 0 ? outcome(result) : 'nobody accepted';
    }
    const into = Buffer.alloc(256);
    const pass = (from: number, to: number, text: string): string => {
      const sent = sendTo(from, Buffer.from(text));
      const got = sent < 0 ? sent : receive(to, into);
      return got <= 0 ? outcome(got) : into.toString('utf8', 0, got);
    };
    setSocketOption(accepted.fd, [SOL_SOCKET, SO_RCVTIMEO], timeval(what.timeoutMs ?? 1500));
    return {
      server: accepted.server.name,
      client: accepted.client,
      exchange: () => {
        const there = pass(fd, accepted.fd, 'hello');
        return there === 'hello' ? pass(accepted.fd, fd, accepted.server.name) : there;
      },
      close: () => {
        const reset = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
        setSocketOption(fd, [SOL_SOCKET, SO_LINGER], reset);
        closeSync(fd);
        setSocketOption(accepted.fd, [SOL_SOCKET, SO_LINGER], reset);
        closeSync(accepted.fd);
      },
    };
  }

  #accept(protocol: SocketCall['protocol']): { server: Server; fd: number; client: string } | undefined {
    const peer = Buffer.alloc(28);
    for (let i = 0; i < nNaps; i++) {
      for (const server of this.#servers.filter((each) => each.protocol === protocol)) {
        const fd = cAccept(server.fd, peer, lengthField(), 0);
        if (fd >= 0) return { server, fd, client: addressOf(peer) };
      }
      nap();
    }
    return undefined;
  }

  #datagram(place: string, what: SocketCall): string {
    const fd = this.#client(place, what);
    try {
      const result = cConnect(fd, sockaddr(what.host, what.port), what.host.includes(':') ? 28 : 16);
      const sent = result < 0 ? result : sendTo(fd, Buffer.from('hello'));
      if (sent < 0 && sent !== EPERM) return outcome(sent);
      const into = Buffer.alloc(256);
      let got = receive(fd, into, MSG_DONTWAIT);
      for (let i = 0; i < nNaps && got === EAGAIN && !this.#answer(); i++) {
        nap();
        got = receive(fd, into, MSG_DONTWAIT);
      }
      if (got === EAGAIN) got = receive(fd, into);
      return got < 0 ? outcome(got) : into.toString('utf8', 0, got);
    } finally {
      closeSync(fd);
    }
  }

  /** Answers the datagrams that wait at servers; false when there are none. */
  #answer(): boolean {
    let hasAnswered = false;
    const into = Buffer.alloc(256);
    const peer = Buffer.alloc(28);
    for (const { fd, name, family } of this.#servers.filter(({ protocol }) => protocol === 'UDP')) {
      while (cRecvfrom(fd, into, into.length, MSG_DONTWAIT, peer, lengthField()) >= 0) {
        const text = Buffer.from(`${name} ${addressOf(peer)}`);
        checked('sendto', cSendto(fd, text, text.length, 0, peer, family === 'IPv4' ? 16 : 28));
        hasAnswered = true;
      }
    }
    return hasAnswered;
  }

  close(): void {
    for (const { fd } of this.#servers.splice(0)) closeSync(fd);
  }
}

/** `netns` gives the path of a place's network namespace. */
export const createSocketLab = (netns: (place: string) => string): SocketLab => new Lab(netns);
