import type { Socket } from 'node:net';
import type { Http2Session } from '../http2/session.ts';

/** Every connection of a server, so that it can stop without waiting for clients that only keep theirs open. */
export interface Connections {
  addSocket(socket: Socket): void;
  addSession(session: Http2Session, socket: Socket): void;
  /** One HTTP/1.1 request begins; the answer says that it has ended. */
  begin(socket: Socket): () => void;
  /** Idle connections end now, the others with their last running request. */
  finish(): void;
  /** Ends everything. */
  cut(): void;
}

export function createConnections(): Connections {
  const sockets = new Set<Socket>();
  const sessions = new Set<Http2Session>();
  /** HTTP/1.1 connections: how many requests each has running. */
  const running = new Map<Socket, number>();
  let isFinishing = false;
  return {
    addSocket: (socket) => {
      sockets.add(socket);
      // A broken connection is the client's affair; 'close' follows.
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
      if (isFinishing) socket.destroy();
    },
    addSession: (session, socket) => {
      sessions.add(session);
      socket.on('close', () => sessions.delete(session));
      if (isFinishing) session.close();
    },
    begin: (socket) => {
      if (!running.has(socket)) socket.once('close', () => running.delete(socket));
      running.set(socket, (running.get(socket) ?? 0) + 1);
      return () => {
        const left = (running.get(socket) ?? 1) - 1;
        if (!socket.destroyed) running.set(socket, left);
        if (isFinishing && left === 0) socket.destroySoon();
      };
    },
    finish: () => {
      isFinishing = true;
      for (const session of sessions) session.close();
      for (const [socket, count] of running) if (count === 0) socket.destroySoon();
    },
    cut: () => {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
    },
  };
}
