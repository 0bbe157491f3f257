import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { realClock } from '../../../base/clock.ts';
import { EPOLL_IN, calls } from '../../../kernel/streams/calls.ts';
import { pin } from '../../../kernel/streams/pinned.ts';
import { openPoller } from '../../../kernel/streams/poller.ts';
import type { RelayReply, RelayRequest } from './relay-messages.ts';
import { createRelay } from './relay.ts';

/** What the thread is started with. */
export interface RelayThreadData {
  /** An eventfd that is written to after each message, which is a list of requests. */
  readonly wake: number;
}

/** The thread waits for sockets and never for its event loop, hence requests are fetched when `wake` says so. */
function main(port: NonNullable<typeof parentPort>, { wake }: RelayThreadData): void {
  const poller = openPoller();
  const counter = pin(8);
  let isOver = false;
  const relay = createRelay(poller, realClock, (fd) => {
    if (fd !== wake) return;
    let requests = fetch(port);
    if (requests === undefined) {
      calls.read(wake, counter.address, 8);
      // It may have come before the read took back what told of it.
      requests = fetch(port) ?? [];
    }
    // A further message is told of again: connections get their turn in between.
    const replies: RelayReply[] = [];
    for (const request of requests) {
      if (request.op === 'stop') isOver = true;
      const reply = relay.handle(request);
      if (reply !== undefined) replies.push(reply);
    }
    if (replies.length > 0) port.postMessage(replies);
  });
  poller.add(wake, EPOLL_IN, 0);
  while (!isOver) relay.turn();
  relay.close();
  poller.close();
  port.close();
}

const fetch = (port: NonNullable<typeof parentPort>): readonly RelayRequest[] | undefined =>
  receiveMessageOnPort(port)?.message as readonly RelayRequest[] | undefined;

if (parentPort !== null) main(parentPort, workerData as RelayThreadData);
