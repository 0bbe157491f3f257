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

/** The relay in a thread of its own, which starts with the first pool. Its limits are those of one core. */
export function createThreadedRelay(): TcpRelay {
  const waiting = new Map<number, PromiseWithResolvers<RelayReply>>();
  let nAsked = 0;
  let tell: ((request: RelayRequest) => void) | undefined;
  let isClosed = false;
  const send = (request: RelayRequest): void => {
    if (isClosed) return;
    tell ??= startThread((reply) => {
      waiting.get(reply.id)?.resolve(reply);
      waiting.delete(reply.id);
    });
    tell(request);
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
      const close = (): void => send({ op: 'close-listener', id: reply.id });
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
      tell?.({ op: 'stop' });
      isClosed = true;
      for (const { reject } of waiting.values()) reject(new Error('the relay is closed'));
      waiting.clear();
    },
  };
}

/**
 * Returns how to tell the thread something. Should the thread fail, which is a defect, so does the process: whoever
 * started it begins anew.
 */
function startThread(onReply: (reply: RelayReply) => void): (request: RelayRequest) => void {
  const wake = checked('eventfd', calls.eventfd());
  const one = pin(8);
  one.bytes.writeBigUInt64LE(1n);
  const workerData: RelayThreadData = { wake };
  const worker = new Worker(new URL('./relay-thread.ts', import.meta.url), { workerData });
  let hasEnded = false;
  worker.on('message', onReply);
  worker.on('exit', () => {
    hasEnded = true;
    calls.close(wake);
  });
  return (request) => {
    if (hasEnded) return;
    worker.postMessage(request);
    calls.write(wake, one.address, 8);
  };
}
