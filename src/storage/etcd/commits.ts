import { StoreError } from '../store.ts';
import type { CommitResult, Entry, StoreTrouble, Write } from '../store.ts';
import { EtcdError, isUnsent } from './connection.ts';
import type { Connection } from './connection.ts';
import type { Keys } from './keys.ts';
import { methods, MOD, toNumber } from './messages.ts';
import type { Compare, KeyValue, RequestOp, TxnRequest, TxnResponse } from './messages.ts';
import type { Ticket, Tickets } from './tickets.ts';

/** Commits over etcd: one transaction each, which takes effect once although it may be sent several times. */
export type Commit = (writes: readonly Write[]) => Promise<CommitResult>;

type Conflict = Extract<CommitResult, { readonly ok: false }>;

/** No key has this revision; 0 would mean that there is none. */
const NEVER = -1;
/** Rounds against writers that are always quicker; more says that something is wrong. */
const MAX_ROUNDS = 50;
/** Written into a ticket so that an earlier attempt can no longer take effect. */
const VOID = Buffer.from('void');

export function createCommits(connection: Connection, keys: Keys, tickets: Tickets): Commit {
  const parts: Parts = { connection, keys, nextMark: createMarks() };
  const commitFenced = async (writes: readonly Write[]): Promise<CommitResult> => {
    const ticket = await tickets.take();
    try {
      return await commitOnce(parts, ticket, writes);
    } finally {
      tickets.giveBack(ticket);
    }
  };
  return async (writes) => {
    // A commit that surely writes something has a revision of its own, which the ticket shares.
    if (writes.some(({ value, expect }) => value !== null || typeof expect === 'number')) {
      return commitFenced(writes);
    }
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { entries, revision } = await readTogether(parts, writes);
      const conflicts = writes.flatMap(({ key, expect }) =>
        expect === 'absent' && entries.has(key) ? [{ key, current: entries.get(key) }] : [],
      );
      if (conflicts.length > 0) return { ok: false, conflicts };
      if (entries.size === 0) return { ok: true, revision };
      const result = await commitFenced(
        [...entries.values()].map((entry): Write => ({
          key: entry.key,
          value: null,
          expect: entry.revision,
        })),
      );
      if (result.ok) return result;
    }
    throw new StoreError('unavailable', 'other writers were always quicker; try again');
  };
}

interface Parts {
  readonly connection: Connection;
  readonly keys: Keys;
  /** Distinct for each attempt of this store. */
  readonly nextMark: () => Uint8Array;
}

function createMarks(): () => Uint8Array {
  let n = 0;
  return () => Buffer.from(String(++n));
}

/** What stands at the keys of `writes`, all at one moment. */
async function readTogether({ connection, keys }: Parts, writes: readonly Write[]) {
  const success = [{ key: keys.root }, ...writes.map(({ key }) => ({ key: keys.encode(key) }))].map(
    (requestRange): RequestOp => ({ requestRange }),
  );
  const response = await connection
    .call(methods.txn, { compare: [], success, failure: [] })
    .catch((error: unknown) => {
      throw troubleOf(error, 'unavailable');
    });
  const entries = new Map<string, Entry>();
  for (const { responseRange } of response.responses.slice(1)) {
    for (const kv of responseRange?.kvs ?? []) {
      const entry = keys.entryOf(kv);
      entries.set(entry.key, entry);
    }
  }
  return { entries, revision: toNumber(response.header.revision) };
}

async function commitOnce(parts: Parts, ticket: Ticket, writes: readonly Write[]): Promise<CommitResult> {
  const expected = writes.filter(({ expect }) => expect !== undefined);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const mark = parts.nextMark();
    const { response, isRepeated } = await send(parts, requestOf(parts, ticket, { writes, expected, mark }));
    if (response.succeeded) {
      ticket.revision = toNumber(response.header.revision);
      return { ok: true, revision: ticket.revision };
    }
    const found = response.responses.map(({ responseRange }) => responseRange?.kvs[0]);
    const before = ticket.revision;
    const own = await ownRevision(parts, ticket, { mark, found: found.at(-1), isRepeated });
    if (own !== undefined) return { ok: true, revision: own };
    const conflicts = conflictsOf(parts.keys, expected, found);
    if (conflicts.length > 0) return { ok: false, conflicts };
    // Only the ticket was not as expected: old tickets are swept away.
    if (ticket.revision === before) break;
  }
  throw new StoreError('unavailable', 'etcd refused a commit without a reason; try again');
}

interface Attempt {
  readonly writes: readonly Write[];
  readonly expected: readonly Write[];
  readonly mark: Uint8Array;
}

function requestOf({ keys }: Parts, ticket: Ticket, { writes, expected, mark }: Attempt): TxnRequest {
  const isUnchanged = (key: Uint8Array, modRevision: number): Compare => ({ target: MOD, key, modRevision });
  return {
    compare: [
      ...expected.map(({ key, expect }) =>
        isUnchanged(keys.encode(key), expect === 'absent' ? 0 : expect || NEVER),
      ),
      isUnchanged(ticket.key, ticket.revision),
    ],
    success: [
      ...writes.map(({ key, value }): RequestOp =>
        value === null
          ? { requestDeleteRange: { key: keys.encode(key) } }
          : { requestPut: { key: keys.encode(key), value } },
      ),
      { requestPut: { key: ticket.key, value: mark } },
    ],
    failure: [...expected.map(({ key }) => keys.encode(key)), ticket.key].map((key): RequestOp => ({
      requestRange: { key },
    })),
  };
}

interface Sent {
  readonly response: TxnResponse;
  /** An earlier attempt may have taken effect, or may do so yet. */
  readonly isRepeated: boolean;
}

async function send({ connection }: Parts, request: TxnRequest): Promise<Sent> {
  let isRepeated = false;
  const onRetry = (error: EtcdError): void => void (isRepeated ||= !isUnsent(error));
  try {
    return { response: await connection.call(methods.txn, request, { onRetry }), isRepeated };
  } catch (error) {
    const isSent = isRepeated || !(error instanceof EtcdError && isUnsent(error));
    throw troubleOf(error, isSent ? 'unknown-outcome' : 'unavailable');
  }
}

interface Refused {
  readonly mark: Uint8Array;
  /** The ticket as the refusal found it. */
  readonly found: KeyValue | undefined;
  readonly isRepeated: boolean;
}

/**
 * The revision of an earlier attempt when that took effect. Where one may still be on its way the ticket is made void,
 * so that it cannot take effect after the caller has been told that it did not.
 */
async function ownRevision(parts: Parts, ticket: Ticket, refused: Refused): Promise<number | undefined> {
  const { mark, found, isRepeated } = refused;
  const revision = found === undefined ? 0 : toNumber(found.modRevision);
  const isUnchanged = revision === ticket.revision;
  ticket.revision = revision;
  if (found !== undefined && Buffer.compare(found.value, mark) === 0) return revision;
  if (!isRepeated || !isUnchanged) return undefined;
  const { response } = await send(parts, {
    compare: [{ target: MOD, key: ticket.key, modRevision: revision }],
    success: [{ requestPut: { key: ticket.key, value: VOID } }],
    failure: [{ requestRange: { key: ticket.key } }],
  });
  if (response.succeeded) {
    ticket.revision = toNumber(response.header.revision);
    return undefined;
  }
  return ownRevision(parts, ticket, {
    mark,
    found: response.responses[0]?.responseRange?.kvs[0],
    isRepeated: false,
  });
}

function conflictsOf(
  keys: Keys,
  expected: readonly Write[],
  found: readonly (KeyValue | undefined)[],
): Conflict['conflicts'] {
  return expected.flatMap(({ key, expect }, i) => {
    const kv = found[i];
    const current = kv && keys.entryOf(kv);
    return (current?.revision ?? 'absent') === expect ? [] : [{ key, current }];
  });
}

/** What etcd refused, as the caller of a store is to hear it. `otherwise` is for what is not known to be a refusal. */
export function troubleOf(error: unknown, otherwise: StoreTrouble): unknown {
  if (!(error instanceof EtcdError)) return error;
  const { message } = error;
  const say = (trouble: StoreTrouble, text: string): StoreError =>
    new StoreError(trouble, text, { cause: error });
  if (message.includes('database space exceeded')) {
    return say(
      'full',
      'etcd has no space left (its --quota-backend-bytes): compact, defragment, then disarm its alarm',
    );
  }
  if (/request is too large|larger than max|too many operations/.test(message)) {
    return say(
      'too-large',
      `etcd takes no commit of this size (${message}); raise its --max-request-bytes or --max-txn-ops`,
    );
  }
  if (/permission denied|authentication|user name is empty/.test(message)) {
    return say(
      'unavailable',
      `etcd refuses this user (${message}); check the user, the password and the rights`,
    );
  }
  if (otherwise === 'unknown-outcome') {
    return say(
      otherwise,
      `etcd did not answer in time (${message}); the write may or may not have been carried out`,
    );
  }
  return say(otherwise, `etcd does not answer (${message}); try again`);
}
