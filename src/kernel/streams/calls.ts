import { bindFunction } from '../libc/function.ts';

/**
 * System calls for carrying bytes between sockets from one thread, without Node's streams in between. File descriptors
 * and addresses of pinned memory are plain numbers, results below zero are `-errno`: a call costs about half a
 * microsecond more than the kernel's own time.
 */

export const EPOLL_IN = 0x1;
export const EPOLL_OUT = 0x4;
export const EPOLL_ERR = 0x8;
export const EPOLL_HUP = 0x10;
export const EPOLL_RDHUP = 0x2000;
export const EPOLL_ET = 0x8000_0000;

const SOCK_STREAM = 1;
const NONBLOCK = 0o4000;
const CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const SPLICE_MOVE_NONBLOCK = 0x3;
const F_SETPIPE_SZ = 1031;
const SHUT_WR = 1;

export const EAGAIN = -11;
export const EISCONN = -106;
export const EINPROGRESS = -115;
export const ECONNABORTED = -103;

const cAccept4 = bindFunction('int accept4(int fd, uintptr_t address, uintptr_t length, int flags)');
const cConnect = bindFunction('int connect(int fd, uintptr_t address, uint32_t length)');
const cSocket = bindFunction('int socket(int domain, int type, int protocol)');
const cListen = bindFunction('int listen(int fd, int backlog)');
const cBind = bindFunction('int bind(int fd, uintptr_t address, uint32_t length)');
const cGetsockname = bindFunction('int getsockname(int fd, uintptr_t address, uintptr_t length)');
const cGetsockopt = bindFunction(
  'int getsockopt(int fd, int level, int option, uintptr_t value, uintptr_t length)',
);
const cSetsockopt = bindFunction(
  'int setsockopt(int fd, int level, int option, uintptr_t value, uint32_t length)',
);
const cRecv = bindFunction('int recv(int fd, uintptr_t data, uint32_t length, int flags)');
const cSend = bindFunction('int send(int fd, uintptr_t data, uint32_t length, int flags)');
const cSplice = bindFunction(
  'int splice(int from, uintptr_t offsetIn, int to, uintptr_t offsetOut, uint32_t length, uint32_t flags)',
);
const cPipe2 = bindFunction('int pipe2(uintptr_t descriptors, int flags)');
const cFcntl = bindFunction('int fcntl(int fd, int command, int argument)');
const cShutdown = bindFunction('int shutdown(int fd, int how)');
const cClose = bindFunction('int close(int fd)');
const cEpollCreate = bindFunction('int epoll_create1(int flags)');
const cEpollCtl = bindFunction('int epoll_ctl(int poll, int operation, int fd, uintptr_t event)');
const cEpollWait = bindFunction('int epoll_wait(int poll, uintptr_t events, int size, int timeout)');
const cEventfd = bindFunction('int eventfd(uint32_t initial, int flags)');
const cRead = bindFunction('int read(int fd, uintptr_t data, uint32_t length)');
const cWrite = bindFunction('int write(int fd, uintptr_t data, uint32_t length)');

export const calls = {
  /** A non-blocking stream socket of the family (AF_INET, AF_INET6). */
  socket: (domain: number): number => cSocket(domain, SOCK_STREAM | NONBLOCK | CLOEXEC, 0),
  bind: cBind,
  listen: cListen,
  getsockname: cGetsockname,
  getsockopt: cGetsockopt,
  setsockopt: cSetsockopt,
  /** The accepted socket does not block. */
  accept: (fd: number, address: number, length: number): number =>
    cAccept4(fd, address, length, NONBLOCK | CLOEXEC),
  connect: cConnect,
  recv: (fd: number, data: number, length: number): number => cRecv(fd, data, length, 0),
  send: (fd: number, data: number, length: number): number => cSend(fd, data, length, MSG_NOSIGNAL),
  /** Moves pages where the kernel can, in place of copying them. */
  splice: (from: number, to: number, length: number): number =>
    cSplice(from, 0, to, 0, length, SPLICE_MOVE_NONBLOCK),
  /** Writes two descriptors (read end, write end) as int32 to `descriptors`. */
  pipe: (descriptors: number): number => cPipe2(descriptors, NONBLOCK | CLOEXEC),
  setPipeSize: (fd: number, bytes: number): number => cFcntl(fd, F_SETPIPE_SZ, bytes),
  shutdownWrite: (fd: number): number => cShutdown(fd, SHUT_WR),
  close: cClose,
  epollCreate: (): number => cEpollCreate(CLOEXEC),
  epollCtl: cEpollCtl,
  epollWait: cEpollWait,
  eventfd: (): number => cEventfd(0, NONBLOCK | CLOEXEC),
  read: cRead,
  write: cWrite,
} as const;
