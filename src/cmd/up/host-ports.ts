import { createSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { codeOf, messageOf } from '../../base/thrown.ts';
import { UserError } from './user-error.ts';

/**
 * Listens on an address of this machine for a process that will serve the socket. Whoever connects before that process
 * has it is hung up on at once, not left waiting.
 */
export function listenTcp(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((tooEarly) => tooEarly.destroy());
    server.once('error', reject);
    server.listen({ host, port, backlog: 511 }, () => resolve(server));
  });
}

function tryBindUdp(address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind({ address, port }, () => socket.close(() => resolve()));
  });
}

/** Listens over TCP, and with `hasUdp` finds out whether UDP is free, too. */
async function tryTake(host: string, port: number, hasUdp: boolean): Promise<Server> {
  const server = await listenTcp(host, port);
  try {
    if (hasUdp) await tryBindUdp(host, portOf(server));
    return server;
  } catch (error) {
    server.close();
    throw error;
  }
}

/** How many ports above the default are tried before any free one is taken. */
const NEIGHBOURS = 10;

/**
 * Takes a port of the host's loopback. A port the user chose must be free; the default one may give way to a neighbour.
 * The socket is taken here, before anything else starts, and is inherited by the process that serves it. `hasUdp`: the
 * same port of UDP must be free, too (it is not kept). Rejects with a UserError that names the flag and the mend.
 */
export async function takePort(
  flag: string,
  wish: { readonly port: number; readonly isFixed: boolean; readonly hasUdp?: boolean },
): Promise<Server> {
  const hasUdp = wish.hasUdp === true;
  const last = wish.isFixed ? wish.port : wish.port + NEIGHBOURS;
  for (let port = wish.port; port <= last; port++) {
    try {
      return await tryTake('127.0.0.1', port, hasUdp);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EACCES') {
        throw new UserError(
          `${flag} ${port}: this user may not listen on ports below 1024; choose a higher one with ${flag}`,
        );
      }
      if (code !== 'EADDRINUSE')
        throw new UserError(`${flag} ${port}: cannot listen on 127.0.0.1: ${messageOf(error)}`, {
          cause: error,
        });
      if (wish.isFixed) {
        throw new UserError(
          `${flag} ${port}: the port is taken on 127.0.0.1; stop the program that has it, or choose another with ${flag}`,
        );
      }
    }
  }
  return tryTake('127.0.0.1', 0, hasUdp);
}

/** The port a listening server was given. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('the server does not listen on a port');
  return address.port;
}

/**
 * The descriptor of a listening server, to be inherited by a child process. Node has no public name for it; the shape is
 * checked, so that a Node that changes it fails here with a sentence.
 */
export function descriptorOf(server: Server): number {
  const handle: unknown = Reflect.get(server, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof fd !== 'number' || fd < 0)
    throw new Error('this Node does not tell the descriptor of a listening socket');
  return fd;
}
