import { createServer, type Server } from 'node:net';
import { codeOf, messageOf, UserError } from './user-error.ts';

function tryListen(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ pauseOnConnect: true });
    server.once('error', reject);
    server.listen({ host, port, backlog: 511 }, () => resolve(server));
  });
}

/** How many ports above the default are tried before any free one is taken. */
const NEIGHBOURS = 10;

/**
 * Takes a port of the host's loopback. A port the user chose must be free; the default one may give way to a neighbour.
 * The socket is taken here, before anything else starts, and is inherited by the process that serves it.
 */
export async function takePort(
  flag: string,
  wish: { readonly port: number; readonly isFixed: boolean },
): Promise<Server> {
  const last = wish.isFixed ? wish.port : wish.port + NEIGHBOURS;
  for (let port = wish.port; port <= last; port++) {
    try {
      return await tryListen('127.0.0.1', port);
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
  return tryListen('127.0.0.1', 0);
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
