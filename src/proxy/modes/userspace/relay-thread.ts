import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { realClock } from '../../../base/clock.ts';
import { EPOLL_IN, calls } from '../../../kernel/streams/calls.ts';
import { pin } from '../../../kernel/streams/pinned.ts';
import { openPoller } from '../../../kernel/streams/poller.ts';
import type { RelayRequest } from './relay-messages.ts';
import { createRelay } from './relay.ts';

/** What the thread is started with. */
export interface RelayThreadData {
  /** An eventfd that is written to after each request. */
  readonly wake: number;
}

/** The thread waits for sockets and never for its event loop, hence requests are fetched when `wake` says so. */
function main(port: NonNullable<typeof parentPort>, { wake }: RelayThreadData): void {
  const poller = openPoller();
  const counter = pin(8);
  let isOver = false;
  const relay = createRelay(poller, realClock, (fd) => {
    if (fd !== wake) return;
    calls.read(wake, counter.address, 8);
    for (let next = fetch(port); next !== undefined; next = fetch(port)) {
      if (next.op === 'stop') isOver = true;
      const reply = relay.handle(next);
      if (reply !== undefined) port.postMessage(reply);
    }
  });
  poller.add(wake, EPOLL_IN, 0);
  while (!isOver) relay.turn();
  relay.close();
  poller.close();
  port.close();
}

const fetch = (port: NonNullable<typeof parentPort>): RelayRequest | undefined =>
  receiveMessageOnPort(port)?.message as RelayRequest | undefined;

if (parentPort !== null) main(parentPort, workerData as RelayThreadData);
