import { Worker } from 'node:worker_threads';
import { checked } from '../../../kernel/libc/function.ts';
import { SystemError } from '../../../kernel/libc/system-error.ts';
import { calls } from '../../../kernel/streams/calls.ts';
import { pin } from '../../../kernel/streams/pinned.ts';
import type { RelayReply, RelayRequest } from './relay-messages.ts';
import type { RelayThreadData } from './relay-thread.ts';
import type { Listener, TcpRelay } from './tcp-relay.ts';

/** Where the thread can run: it needs Linux and the C library. */
export const hasThreadedRelay = process.platform === 'linux';

const MAX_TOGETHER = 128;

/** The relay in a thread of its own, which starts with the first pool. Its limits are those of one core. */
export function createThreadedRelay(): TcpRelay {
  const waiting = new Map<number, PromiseWithResolvers<RelayReply>>();
  let nAsked = 0;
  let tell: ((requests: readonly RelayRequest[]) => void) | undefined;
  let isClosed = false;
  let unsent: RelayRequest[] = [];
  const flush = (): void => {
    if (unsent.length === 0) return;
    tell ??= startThread((reply) => {
      waiting.get(reply.id)?.resolve(reply);
      waiting.delete(reply.id);
    });
    tell(unsent);
    unsent = [];
  };
  /** What is asked for in one go travels together, in messages that do not keep the thread from its connections for long. */
  const send = (request: RelayRequest): void => {
    if (isClosed) return;
    if (unsent.push(request) === 1) queueMicrotask(flush);
    if (unsent.length === MAX_TOGETHER) flush();
  };
  const ask = (request: (id: number) => RelayRequest): Promise<RelayReply> => {
    if (isClosed) return Promise.reject(new Error('the relay is closed'));
    const answer = Promise.withResolvers<RelayReply>();
    const id = ++nAsked;
    waiting.set(id, answer);
    send(request(id));
    return answer.promise;
  };
  return {
    setPool: (pool, settings) => send({ op: 'set-pool', pool, settings }),
    removePool: (pool) => send({ op: 'remove-pool', pool }),
    listen: async (pool, address): Promise<Listener> => {
      const reply = await ask((id) => ({ op: 'listen', id, pool, address }));
      if ('errno' in reply) throw new SystemError(reply.syscall, reply.errno);
      const close = (after?: 'rules'): void =>
        send({ op: 'close-listener', id: reply.id, lingers: after === 'rules' });
      return {
        address: 'address' in reply ? reply.address : address,
        refresh: () => undefined,
        close,
      };
    },
    settled: async () => {
      if (tell !== undefined) await ask((id) => ({ op: 'settle', id }));
    },
    close: () => {
      if (tell !== undefined) send({ op: 'stop' });
      flush();
      isClosed = true;
      for (const { reject } of waiting.values()) reject(new Error('the relay is closed'));
      waiting.clear();
    },
  };
}

/**
 * Returns how to tell the thread what to do, in this order. Should the thread fail, which is a defect, so does the process: whoever
 * started it begins anew.
 */
function startThread(onReply: (reply: RelayReply) => void): (requests: readonly RelayRequest[]) => void {
  const wake = checked('eventfd', calls.eventfd());
  const one = pin(8);
  one.bytes.writeBigUInt64LE(1n);
  const workerData: RelayThreadData = { wake };
  const worker = new Worker(new URL('./relay-thread.ts', import.meta.url), { workerData });
  let hasEnded = false;
  worker.on('message', (replies: readonly RelayReply[]) => replies.forEach(onReply));
  worker.on('exit', () => {
    hasEnded = true;
    calls.close(wake);
  });
  return (requests) => {
    if (hasEnded) return;
    worker.postMessage(requests);
    calls.write(wake, one.address, 8);
  };
}
