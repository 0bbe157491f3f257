import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { steadyClock } from '../../../base/clock.ts';
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

/** How long requests may keep connections waiting: of very many listeners each takes long to find a free port. */
const SHARE_MS = 5;

/** The thread waits for sockets and never for its event loop, hence requests are fetched when `wake` says so. */
function main(port: NonNullable<typeof parentPort>, { wake }: RelayThreadData): void {
  const poller = openPoller();
  const inbox = createInbox(port, wake);
  let isOver = false;
  const relay = createRelay(poller, steadyClock, (fd) => {
    if (fd !== wake) return;
    const replies: RelayReply[] = [];
    const endMs = steadyClock.now() + SHARE_MS;
    do {
      const request = inbox.next();
      if (request === undefined) break;
      if (request.op === 'stop') isOver = true;
      const reply = relay.handle(request);
      if (reply !== undefined) replies.push(reply);
      // What is left is told of again: connections get their turn in between.
    } while (steadyClock.now() < endMs);
    if (replies.length > 0) port.postMessage(replies);
  });
  poller.add(wake, EPOLL_IN, 0);
  while (!isOver) relay.turn();
  relay.close();
  poller.close();
  port.close();
}

/** What the thread was asked for, in this order; `wake` is ready until all of it was taken. */
function createInbox(
  port: NonNullable<typeof parentPort>,
  wake: number,
): { next(): RelayRequest | undefined } {
  const counter = pin(8);
  const fetch = (): readonly RelayRequest[] | undefined =>
    receiveMessageOnPort(port)?.message as readonly RelayRequest[] | undefined;
  let [requests, nTaken]: [readonly RelayRequest[], number] = [[], 0];
  return {
    next: () => {
      if (nTaken >= requests.length) {
        let fetched = fetch();
        if (fetched === undefined) {
          calls.read(wake, counter.address, 8);
          fetched = fetch();
          // It came before the read took back what told of it.
          if (fetched !== undefined) calls.write(wake, counter.address, 8);
        }
        [requests, nTaken] = [fetched ?? [], 0];
      }
      return requests[nTaken++];
    },
  };
}

if (parentPort !== null) main(parentPort, workerData as RelayThreadData);
