import type { Clock } from '../../base/clock.ts';

/** Who is to be told that a resource has changed. */
export interface WakeUp {
  /** Returns what takes it off again. */
  add(wake: () => void): () => void;
  /** Something has changed: all hear of it now, or soon when there are many and they have only just heard. */
  ring(): void;
}

/** With fewer than so many, each change is told at once. */
const MANY = 64;
/** Longest rest between two rounds. */
const MAX_REST_MS = 8;

/**
 * A round through a thousand watchers takes a while, in which more changes arrive. After a round as much time goes to
 * everything else, so that writers are served, and the next round tells of all that has come meanwhile with one write
 * for each watcher instead of one for each change.
 */
export function createWakeUp(clock: Clock): WakeUp {
  const wakes = new Set<() => void>();
  /** Whether a round is under way or has just been. */
  let isResting = false;
  let hasMore = false;
  const round = (): void => {
    hasMore = false;
    for (const wake of wakes) wake();
    if (wakes.size < MANY) return;
    isResting = true;
    const startedAt = clock.now();
    // Those woken do their work before the next turn of the event loop.
    clock.after(0, () => clock.after(Math.min(clock.now() - startedAt, MAX_REST_MS), rested));
  };
  const rested = (): void => {
    isResting = false;
    if (hasMore) round();
  };
  return {
    add(wake) {
      wakes.add(wake);
      return () => void wakes.delete(wake);
    },
    ring() {
      if (isResting) hasMore = true;
      else round();
    },
  };
}
