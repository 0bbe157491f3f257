import type { Socket } from 'node:net';
import type { CancelTimer, Clock } from '../../base/clock.ts';
import type { Http2Session } from '../http2/session.ts';

/** Every connection of a server, so that it can stop without waiting for clients that only keep theirs open. */
export interface Connections {
  addSocket(socket: Socket): void;
  addSession(session: Http2Session, socket: Socket): void;
  /** HTTP/1.1 is spoken on it. It is cut when its first request takes more than HEAD_MS to begin, or a later one IDLE_MS. */
  addHttp1(socket: Socket): void;
  /** One HTTP/1.1 request begins; the answer says that it has ended. */
  begin(socket: Socket): () => void;
  /** Idle connections end now, the others with their last running request. */
  finish(): void;
  /** Ends everything. */
  cut(): void;
}

/** How long a client may take for its part of the handshake, and for the headers of its first request (upstream's). */
export const HEAD_MS = 32_000;
/** How long a connection is kept between requests (upstream's), the headers of the next one included. */
export const IDLE_MS = 90_000;

export function createConnections(clock: Clock): Connections {
  const sockets = new Set<Socket>();
  const sessions = new Set<Http2Session>();
  /** HTTP/1.1 connections: how many requests each has running. */
  const running = new Map<Socket, number>();
  /** Those where none is running: until when one may begin. */
  const waiting = new Map<Socket, CancelTimer>();
  const wait = (socket: Socket, ms: number): void =>
    void waiting.set(
      socket,
      clock.after(ms, () => socket.destroy()),
    );
  const stopWaiting = (socket: Socket): void => {
    waiting.get(socket)?.();
    waiting.delete(socket);
  };
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
    addHttp1: (socket) => {
      running.set(socket, 0);
      wait(socket, HEAD_MS);
      socket.once('close', () => {
        running.delete(socket);
        stopWaiting(socket);
      });
    },
    begin: (socket) => {
      stopWaiting(socket);
      running.set(socket, (running.get(socket) ?? 0) + 1);
      return () => {
        if (socket.destroyed) return;
        const left = (running.get(socket) ?? 1) - 1;
        running.set(socket, left);
        if (left > 0) return;
        if (isFinishing) socket.destroySoon();
        else wait(socket, IDLE_MS);
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
