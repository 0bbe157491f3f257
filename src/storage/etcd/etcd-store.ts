import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { messageOf } from '../../base/thrown.ts';
import { checkWrites } from '../judge.ts';
import { CompactedError, StoreError } from '../store.ts';
import type { Entry, ListOptions, ListResult, Store } from '../store.ts';
import { createCommits, troubleOf } from './commits.ts';
import { createConnection, EtcdError } from './connection.ts';
import type { Connection, EtcdAccess } from './connection.ts';
import { afterKey, createKeys } from './keys.ts';
import type { Keys } from './keys.ts';
import { methods, toNumber } from './messages.ts';
import type { RangeRequest, RangeResponse, WatchResponse } from './messages.ts';
import { createTickets, sweepTickets } from './tickets.ts';
import type { Tickets } from './tickets.ts';
import { watchKeys } from './watches.ts';

export interface EtcdStoreOptions extends EtcdAccess {
  /** All keys of the store lie under it (default `/portico`). */
  readonly prefix?: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A store that several API servers share: etcd 3.4 or newer. Reads are linearizable, so a server sees what another has
 * acknowledged; revisions are etcd's own, so they also grow by what others write there. Every call ends within about
 * 12 s. Rejects with one sentence that names the flag when no member can be reached or the user is refused.
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const connection = createConnection(options, options.clock);
  const keys = createKeys(options.prefix ?? '/portico');
  const reader: Reader = { connection, keys, clock: options.clock };
  try {
    await currentRevision(reader);
  } catch (error) {
    connection.close();
    const text = messageOf(error);
    throw new StoreError('unavailable', `--etcd-servers ${options.servers.join(',')}: ${text}`, {
      cause: error,
    });
  }
  return storeOn(reader, options);
}

interface Reader {
  readonly connection: Connection;
  readonly keys: Keys;
  readonly clock: Clock;
}

function storeOn(reader: Reader, { clock, logger }: EtcdStoreOptions): Store {
  const { connection, keys } = reader;
  const tickets = createTickets(keys.tickets);
  const commit = createCommits(connection, keys, tickets);
  const stopping = new AbortController();
  const running = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;
  const ensureOpen = (): void => {
    if (closing) throw new Error('the store is closed');
  };
  const during = <T>(work: Promise<T>): Promise<T> => {
    running.add(work);
    const leave = (): void => void running.delete(work);
    work.then(leave, leave);
    return work;
  };
  const check = (revision: number): Promise<void> => checkComplete(reader, revision);
  const close = async (): Promise<void> => {
    stopping.abort();
    connection.giveUp();
    await Promise.allSettled(running);
    connection.close();
  };
  return {
    async get(key) {
      ensureOpen();
      return during(getEntry(reader, key));
    },
    async list(prefix, listOptions) {
      ensureOpen();
      return during(listEntries(reader, prefix, listOptions));
    },
    async commit(writes) {
      ensureOpen();
      checkWrites(writes);
      return writes.length === 0
        ? { ok: true, revision: await during(currentRevision(reader)) }
        : during(commit(writes));
    },
    watch(prefix, from, signal) {
      ensureOpen();
      const ending = AbortSignal.any([signal, stopping.signal]);
      return watchKeys({ connection, keys, clock, logger, check }, { prefix, at: from }, ending);
    },
    async compact(before) {
      ensureOpen();
      return during(compactBefore(reader, before, tickets));
    },
    close: () => (closing ??= close()),
  };
}

async function range({ connection }: Reader, request: RangeRequest): Promise<RangeResponse> {
  try {
    return await connection.call(methods.range, request);
  } catch (error) {
    throw isAboutRevision(error) ? error : troubleOf(error, 'unavailable');
  }
}

const isCompacted = (error: unknown): boolean =>
  error instanceof EtcdError && /has been compacted/.test(error.message);
const isFuture = (error: unknown): boolean =>
  error instanceof EtcdError && /future revision/.test(error.message);
const isAboutRevision = (error: unknown): boolean => isCompacted(error) || isFuture(error);

async function currentRevision(reader: Reader): Promise<number> {
  const { header } = await range(reader, { key: reader.keys.root, countOnly: true });
  return toNumber(header.revision);
}

async function getEntry(reader: Reader, key: string): Promise<Entry | undefined> {
  const { kvs } = await range(reader, { key: reader.keys.encode(key) });
  const [kv] = kvs;
  return kv && reader.keys.entryOf(kv);
}

/** Entries read at once; all of a large list would be one message of hundreds of megabytes. */
const PAGE = 5000;

async function listEntries(reader: Reader, prefix: string, options: ListOptions = {}): Promise<ListResult> {
  const { keys } = reader;
  const { at, after = '', limit = Infinity } = options;
  const rangeEnd = keys.end(prefix);
  // The root itself is no entry.
  const first = prefix === '' ? afterKey(keys.root) : keys.encode(prefix);
  let key = maxKey(first, afterKey(keys.encode(after)));
  let revision = at;
  const entries: Entry[] = [];
  for (;;) {
    if (Buffer.compare(key, rangeEnd) >= 0) key = rangeEnd;
    const page = Math.min(PAGE, limit - entries.length);
    const response = await rangeAt(reader, revision, {
      key,
      // From the end to the end there is nothing: etcd is asked for its revision all the same.
      rangeEnd,
      ...(page === 0 ? { countOnly: true } : { limit: page }),
    });
    revision ??= toNumber(response.header.revision);
    for (const kv of response.kvs) entries.push(keys.entryOf(kv));
    const remaining = toNumber(response.count) - response.kvs.length;
    const last = response.kvs.at(-1);
    if (last === undefined || remaining === 0 || entries.length === limit)
      return { entries, revision, remaining };
    key = afterKey(last.key);
  }
}

const maxKey = (a: Uint8Array, b: Uint8Array): Uint8Array => (Buffer.compare(a, b) < 0 ? b : a);

async function rangeAt(
  reader: Reader,
  revision: number | undefined,
  request: RangeRequest,
): Promise<RangeResponse> {
  if (revision === undefined) return range(reader, request);
  try {
    // For etcd revision 0 is now; before its first write it is at 1.
    return await range(reader, { ...request, revision: Math.max(1, revision) });
  } catch (error) {
    if (isCompacted(error)) throw await compactedError(reader);
    if (!isFuture(error)) throw error;
    throw new RangeError(
      `revision ${revision} is still to come: current is ${await currentRevision(reader)}`,
    );
  }
}

/** Rejects when not all that happened after the revision is still known. One still to come is fine. */
async function checkComplete(reader: Reader, revision: number): Promise<void> {
  await rangeAt(reader, revision, { key: reader.keys.root, countOnly: true }).catch((error: unknown) => {
    if (!(error instanceof RangeError)) throw error;
  });
}

/** How long a member may think about a watch. */
const ANSWER_MS = 4000;

/** etcd names the revision it was compacted to only when it refuses a watch. */
async function compactedError(reader: Reader): Promise<Error> {
  const { connection, keys, clock } = reader;
  const current = await currentRevision(reader);
  const { call } = await connection.stream(methods.watch);
  const endWaiting = clock.after(ANSWER_MS, () => call.cancel());
  call.write({
    createRequest: {
      key: keys.root,
      rangeEnd: afterKey(keys.root),
      startRevision: 1,
      prevKv: false,
      fragment: false,
    },
  });
  try {
    for await (const { canceled, compactRevision } of call as AsyncIterable<WatchResponse>) {
      const compacted = toNumber(compactRevision);
      if (canceled) return new CompactedError(compacted, Math.max(compacted, current));
    }
    return new StoreError('unavailable', 'etcd did not say what it has forgotten; try again');
  } catch (error) {
    return new StoreError('unavailable', 'etcd did not say what it has forgotten; try again', {
      cause: error,
    });
  } finally {
    endWaiting();
    call.cancel();
  }
}

async function compactBefore(reader: Reader, before: number, own: Tickets): Promise<void> {
  if (before <= 0) return;
  const revision = Math.min(before, await currentRevision(reader));
  try {
    await reader.connection.call(methods.compact, { revision });
    await sweepTickets({ ...reader, own }, revision);
  } catch (error) {
    if (!isCompacted(error)) throw troubleOf(error, 'unavailable');
  }
}
