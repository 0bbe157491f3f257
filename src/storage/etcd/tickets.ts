import { randomUUID } from 'node:crypto';
import type { Connection } from './connection.ts';
import type { Keys } from './keys.ts';
import { endOfPrefix } from './keys.ts';
import { methods, MOD, toNumber } from './messages.ts';

/**
 * A key of etcd that one running commit holds. Each commit also writes its ticket, on the condition that nobody has
 * written it since the holder did last. So a commit that is repeated after a lost answer takes effect once, and the
 * ticket tells whether it did.
 */
export interface Ticket {
  readonly key: Uint8Array;
  /** Revision of its last write; 0 before the first. */
  revision: number;
}

export interface Tickets {
  /** What the keys of all of them begin with. */
  readonly prefix: string;
  /** Waits while `MAX_TICKETS` commits run. */
  take(): Promise<Ticket>;
  giveBack(ticket: Ticket): void;
}

/** Commits that run at the same time; more of them would only wait in etcd. */
const MAX_TICKETS = 256;

/** Tickets of one store, under a name of its own below `home`. */
export function createTickets(home: string): Tickets {
  const prefix = `${home}${randomUUID()}/`;
  const free: Ticket[] = [];
  const waiting: ((ticket: Ticket) => void)[] = [];
  let nMade = 0;
  return {
    prefix,
    async take() {
      const ticket = free.pop();
      if (ticket !== undefined) return ticket;
      if (nMade < MAX_TICKETS) return { key: Buffer.from(`${prefix}${nMade++}`), revision: 0 };
      return new Promise((resolve) => waiting.push(resolve));
    },
    giveBack(ticket) {
      const next = waiting.shift();
      if (next === undefined) free.push(ticket);
      else next(ticket);
    },
  };
}

/** Removed in one transaction at most; etcd takes 128 operations (its --max-txn-ops). */
const SWEEP = 100;

/**
 * Removes tickets of other stores that were not written since `revision`: their servers are gone, or idle, and then make
 * them anew. Fewer than `SWEEP` at a time; the next compaction goes on.
 */
export async function sweepTickets(
  { connection, keys, own }: { readonly connection: Connection; readonly keys: Keys; readonly own: Tickets },
  revision: number,
): Promise<void> {
  const home = Buffer.from(keys.tickets);
  const { kvs } = await connection.call(methods.range, {
    key: home,
    rangeEnd: endOfPrefix(home),
    maxModRevision: revision,
    keysOnly: true,
    limit: SWEEP,
  });
  const old = kvs.filter(({ key }) => !Buffer.from(key).toString().startsWith(own.prefix));
  if (old.length === 0) return;
  await connection.call(methods.txn, {
    compare: old.map(({ key, modRevision }) => ({ target: MOD, key, modRevision: toNumber(modRevision) })),
    success: old.map(({ key }) => ({ requestDeleteRange: { key } })),
    failure: [],
  });
}
