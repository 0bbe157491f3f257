import type { Clock } from '../../base/clock.ts';

export interface FairQueueOptions {
  /** How many requests are worked on at once. */
  readonly seats: number;
  /** Waiting requests of one flow; more are refused. */
  readonly queueLength: number;
  /** Waiting requests of all flows together; more are refused, those of the longest queue first. */
  readonly capacity: number;
  /** How long a request waits at most. */
  readonly waitMs: number;
}

/** Gives the seat back; to be called once. */
export type Release = () => void;

export interface FairQueue {
  /** A seat at once if one is free, else in turn; undefined (at once or later) when there is none to be had. */
  enter(flow: string): Release | Promise<Release | undefined> | undefined;
  readonly executing: number;
  readonly waiting: number;
}

interface Waiter {
  readonly grant: (release: Release | undefined) => void;
  /** Takes it out of its queue. */
  readonly cancel: () => void;
}

/**
 * Seats for flows (users): who waits is served in turn by flow and not by request, so that a flow with a thousand
 * requests delays another by one request and not by a thousand.
 */
export function createFairQueue(options: FairQueueOptions, clock: Clock): FairQueue {
  const { seats, queueLength, capacity, waitMs } = options;
  /** In the order in which the flows are served next. */
  const queues = new Map<string, Waiter[]>();
  let executing = 0;
  let waiting = 0;
  const release: Release = () => {
    executing--;
    const [next] = queues;
    if (next === undefined || executing >= seats) return;
    const [flow, queue] = next;
    const waiter = queue.shift();
    queues.delete(flow);
    // The flow goes to the end of the round.
    if (queue.length > 0) queues.set(flow, queue);
    waiting--;
    executing++;
    waiter?.cancel();
    waiter?.grant(release);
  };
  const drop = (flow: string, waiter: Waiter): void => {
    const queue = queues.get(flow);
    const at = queue?.indexOf(waiter) ?? -1;
    if (queue === undefined || at < 0) return;
    queue.splice(at, 1);
    if (queue.length === 0) queues.delete(flow);
    waiting--;
    waiter.cancel();
    waiter.grant(undefined);
  };
  const dropFromLongest = (): void => {
    let longest: readonly [string, Waiter[]] | undefined;
    for (const each of queues) if (each[1].length > (longest?.[1].length ?? 0)) longest = each;
    const last = longest?.[1].at(-1);
    if (longest !== undefined && last !== undefined) drop(longest[0], last);
  };
  return {
    get executing() {
      return executing;
    },
    get waiting() {
      return waiting;
    },
    enter(flow) {
      if (executing < seats) {
        executing++;
        return release;
      }
      const queue = queues.get(flow) ?? [];
      if (queue.length >= queueLength) return undefined;
      return new Promise((grant) => {
        const waiter: Waiter = { grant, cancel: clock.after(waitMs, () => drop(flow, waiter)) };
        queue.push(waiter);
        queues.set(flow, queue);
        waiting++;
        if (waiting > capacity) dropFromLongest();
      });
    },
  };
}
