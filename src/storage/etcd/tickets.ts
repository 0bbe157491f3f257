import { randomUUID } from 'node:crypto';

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
  /** Waits while `MAX_TICKETS` commits run. */
  take(): Promise<Ticket>;
  giveBack(ticket: Ticket): void;
}

/** Commits that run at the same time; more of them would only wait in etcd. */
const MAX_TICKETS = 256;

/** Tickets of one store, under a name of its own. */
export function createTickets(prefix: string): Tickets {
  const name = `${prefix}${randomUUID()}/`;
  const free: Ticket[] = [];
  const waiting: ((ticket: Ticket) => void)[] = [];
  let nMade = 0;
  return {
    async take() {
      const ticket = free.pop();
      if (ticket !== undefined) return ticket;
      if (nMade < MAX_TICKETS) return { key: Buffer.from(`${name}${nMade++}`), revision: 0 };
      return new Promise((resolve) => waiting.push(resolve));
    },
    giveBack(ticket) {
      const next = waiting.shift();
      if (next === undefined) free.push(ticket);
      else next(ticket);
    },
  };
}
