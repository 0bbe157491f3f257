import { EPOLL_IN, EPOLL_OUT, calls } from '../../src/kernel/streams/calls.ts';
import { openListener } from '../../src/kernel/streams/listener.ts';
import { pin } from '../../src/kernel/streams/pinned.ts';
import { openPoller } from '../../src/kernel/streams/poller.ts';
import { socketAddress } from '../../src/kernel/streams/socket-address.ts';
import { resetOnClose } from '../../src/kernel/streams/socket-options.ts';

const BUFFER_BYTES = 256 * 1024;
/** A read of more than this is a stream's, which gets no answer. */
const ASKED_BYTES = 4096;

/** Answers each small message with a byte and swallows large ones; never returns. */
export function serve(onListening: (port: number) => void): never {
  const poller = openPoller();
  const listener = openListener('127.0.0.1', 0);
  const buffer = pin(BUFFER_BYTES);
  poller.add(listener.fd, EPOLL_IN, 0);
  onListening(listener.port);
  for (;;) {
    poller.wait(-1, (_events, fd) => {
      if (fd === listener.fd) {
        const client = listener.accept();
        if (client >= 0) poller.add(client, EPOLL_IN, 0);
        return;
      }
      const n = calls.recv(fd, buffer.address, BUFFER_BYTES);
      if (n <= 0) calls.close(fd);
      else if (n < ASKED_BYTES) calls.send(fd, buffer.address, 1);
    });
  }
}

/** Connects, asks, reads the answer and resets, `nClients` at a time. Connections a second; throws when one fails. */
export function connectionsPerSecond(port: number, nClients: number, seconds: number): number {
  const poller = openPoller();
  const target = socketAddress('127.0.0.1', port);
  const buffer = pin(64);
  const hasAsked: boolean[] = [];
  const begin = (): void => {
    const fd = calls.socket(target.domain);
    calls.connect(fd, target.address, target.length);
    hasAsked[fd] = false;
    poller.add(fd, EPOLL_OUT | EPOLL_IN, 0);
  };
  for (let i = 0; i < nClients; i++) begin();
  const startedAt = performance.now();
  let nDone = 0;
  while (performance.now() - startedAt < seconds * 1000) {
    poller.wait(5000, (_events, fd) => {
      if (hasAsked[fd] === false) {
        hasAsked[fd] = true;
        const sent = calls.send(fd, buffer.address, 1);
        if (sent !== 1) throw new Error(`a connection to port ${port} failed: ${sent}`);
        poller.remove(fd);
        return poller.add(fd, EPOLL_IN, 0);
      }
      if (calls.recv(fd, buffer.address, 64) !== 1) throw new Error(`no answer from port ${port}`);
      resetOnClose(fd);
      calls.close(fd);
      nDone++;
      begin();
    });
  }
  return (nDone * 1000) / (performance.now() - startedAt);
}

/** Sends as fast as it is taken, on one connection. Gbit/s. */
export function gigabitsPerSecond(port: number, seconds: number): number {
  const poller = openPoller();
  const target = socketAddress('127.0.0.1', port);
  const buffer = pin(BUFFER_BYTES);
  const fd = calls.socket(target.domain);
  calls.connect(fd, target.address, target.length);
  poller.add(fd, EPOLL_OUT, 0);
  const startedAt = performance.now();
  let nBytes = 0;
  while (performance.now() - startedAt < seconds * 1000) {
    poller.wait(5000, () => {
      const n = calls.send(fd, buffer.address, BUFFER_BYTES);
      if (n < 0) throw new Error(`the stream to port ${port} broke`);
      nBytes += n;
    });
  }
  const elapsedMs = performance.now() - startedAt;
  calls.close(fd);
  return (nBytes * 8) / elapsedMs / 1e6;
}
