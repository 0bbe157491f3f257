import { createBackoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { CompactedError } from '../store.ts';
import type { StoreEvent, WatchBatch } from '../store.ts';
import { errorOf } from './connection.ts';
import type { Connection, EtcdStream } from './connection.ts';
import type { Keys } from './keys.ts';
import { methods, toNumber } from './messages.ts';
import type { KeyValue, WatchEvent, WatchRequest, WatchResponse } from './messages.ts';

export interface WatchParts {
  readonly connection: Connection;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Rejects with CompactedError when what follows the revision is no longer complete. */
  readonly check: (revision: number) => Promise<void>;
}

/** Where a watch is: everything up to `at` has been told. */
interface Place {
  readonly prefix: string;
  at: number;
}

/** A watch that is told nothing asks this often whether the member is alive, and how far etcd is. */
const ASK_MS = 500;
/** A member that is silent so long is left. */
const SILENCE_MS = 5000;
const BACKOFF = { minMs: 50, maxMs: 2000 };

/**
 * Follows the keys under `prefix` from member to member until `signal` aborts. No revision is told twice and none left
 * out: after each break it goes on behind the last one told, or says with CompactedError that this is not possible.
 */
export async function* watchKeys(
  parts: WatchParts,
  place: Place,
  signal: AbortSignal,
): AsyncGenerator<WatchBatch, void, undefined> {
  const { clock, logger } = parts;
  const backoff = createBackoff(BACKOFF);
  while (!signal.aborted) {
    try {
      await parts.check(place.at);
      for await (const batch of watchOnce(parts, place, signal)) {
        backoff.reset();
        yield batch;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof CompactedError) throw error;
      logger.warn('a watch of etcd broke off and goes on', { err: error, revision: place.at });
      await clock.sleep(backoff.next(), signal);
    }
  }
}

/** One stream with one member. Throws when it breaks, after having turned away from that member. */
async function* watchOnce(
  parts: WatchParts,
  place: Place,
  signal: AbortSignal,
): AsyncGenerator<WatchBatch, void, undefined> {
  const stream: EtcdStream<WatchRequest, WatchResponse> = await parts.connection.stream(methods.watch);
  const { call } = stream;
  const stop = (): void => call.cancel();
  signal.addEventListener('abort', stop, { once: true });
  const pulse = createPulse(parts, stream.call);
  call.write({
    createRequest: {
      key: parts.keys.encode(place.prefix),
      rangeEnd: parts.keys.end(place.prefix),
      startRevision: place.at + 1,
      prevKv: true,
      // A response would else be as large as a thousand commits together.
      fragment: true,
    },
  });
  try {
    const responses = call[Symbol.asyncIterator]() as AsyncIterator<WatchResponse, undefined>;
    let events: WatchEvent[] = [];
    while (!signal.aborted) {
      const next = await pulse.during(() => responses.next());
      if (next.done === true) throw new Error('the member ended the watch');
      const response = next.value;
      refuseCanceled(response);
      pulse.heard(response, place);
      events.push(...response.events);
      if (response.fragment) continue;
      const batches = batchesOf(parts.keys, events);
      events = [];
      for (const batch of batches) {
        if (signal.aborted) return;
        place.at = batch.revision;
        yield batch;
      }
    }
  } catch (error) {
    if (!signal.aborted) stream.leave();
    throw errorOf(error);
  } finally {
    pulse.end();
    signal.removeEventListener('abort', stop);
    call.cancel();
  }
}

/** Also says so of a watch that begins before what etcd has compacted; the check before the next one tells the numbers. */
function refuseCanceled({ canceled, cancelReason }: WatchResponse): void {
  if (!canceled) return;
  throw new Error(cancelReason === '' ? 'the member cancelled the watch' : cancelReason);
}

function batchesOf(keys: Keys, events: readonly WatchEvent[]): readonly WatchBatch[] {
  const batches = new Map<number, StoreEvent[]>();
  for (const event of events) {
    const revision = toNumber(event.kv.modRevision);
    let batch = batches.get(revision);
    if (batch === undefined) batches.set(revision, (batch = []));
    // Written only to see how far the watch is.
    if (event.kv.key.length > keys.root.length) batch.push(eventOf(keys, event));
  }
  return [...batches].map(([revision, list]) => ({ revision, events: list }));
}

function eventOf(keys: Keys, { type, kv, prevKv }: WatchEvent): StoreEvent {
  const revision = toNumber(kv.modRevision);
  const isCreation = type === 0 && toNumber(kv.version) === 1;
  const previous = prevKv === null ? undefined : keys.entryOf(prevKv);
  // A compaction was quicker than the member could look up what stood there before; the check before the next stream says so.
  if (previous === undefined && !isCreation)
    throw new Error(`nothing is known of the time before revision ${revision}`);
  if (type === 0) return { type: 'put', entry: keys.entryOf(kv), previous };
  return { type: 'delete', key: keyText(keys, kv), revision, previous: previous ?? keys.entryOf(kv) };
}

const keyText = (keys: Keys, kv: KeyValue): string => keys.entryOf(kv).key;

/** Finds out that a member is silent, and that a watch has nothing to tell although etcd has moved on. */
interface Pulse {
  /** Waits for the next response, asking for a sign of life meanwhile. A reader that takes its time is not watched. */
  during<T>(wait: () => Promise<T>): Promise<T>;
  heard(response: WatchResponse, place: Place): void;
  end(): void;
}

type WatchCall = EtcdStream<WatchRequest, WatchResponse>['call'];

function createPulse({ connection, keys, clock }: WatchParts, call: WatchCall): Pulse {
  let hasEnded = false;
  let nAnswersAhead = 0;
  return {
    async during(wait) {
      const startedAt = clock.now();
      const tick = (): void => {
        if (hasEnded) return;
        if (clock.now() - startedAt >= SILENCE_MS)
          return void call.destroy(new Error('the member is silent'));
        call.write({ progressRequest: {} });
        cancel = clock.after(ASK_MS, tick);
      };
      let cancel = clock.after(ASK_MS, tick);
      try {
        return await wait();
      } finally {
        cancel();
      }
    },
    heard({ header, events, created }, place) {
      const isAhead = events.length === 0 && !created && toNumber(header.revision) > place.at;
      nAnswersAhead = isAhead ? nAnswersAhead + 1 : 0;
      if (nAnswersAhead < 2 || place.prefix !== '') return;
      nAnswersAhead = 0;
      // Others have written elsewhere in etcd, and its answer may be ahead of the events (before 3.4.25 and 3.5.8): only a
      // key of our own says that the watch has come that far. When it fails, the next answers lead here again.
      connection.call(methods.put, { key: keys.root, value: new Uint8Array() }).catch(() => undefined);
    },
    end() {
      hasEnded = true;
    },
  };
}
