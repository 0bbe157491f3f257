/**
 * How recording and answering wait for each other, under upstream's names (`--audit-log-mode`). `batch`: nobody waits;
 * what does not fit into the queue is lost, and counted. `blocking`: an answer waits until its events are written, and
 * goes out even when they could not be. `blocking-strict`: and a request whose arrival could not be recorded is refused.
 */
export type AuditMode = 'batch' | 'blocking' | 'blocking-strict';

/** Lines waiting to be written, in order; those that wait together are written together. */
export interface EventQueue {
  /** Resolves when the line is written; rejects when it is lost. */
  add(line: string): Promise<void>;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
}

/** Upstream's batch buffer. */
const MAX_LINES = 10_000;
/** Events with bodies are large: no more than this waits, however few they are. */
const MAX_CHARACTERS = 32 * 1024 * 1024;

interface Waiting extends PromiseWithResolvers<void> {
  readonly line: string;
}

export function createEventQueue(append: (text: string) => Promise<void>): EventQueue {
  let waiting: Waiting[] = [];
  let nCharacters = 0;
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      nCharacters = 0;
      try {
        await append(group.map(({ line }) => line).join(''));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    running = undefined;
  };
  return {
    add(line) {
      if (waiting.length >= MAX_LINES || nCharacters + line.length > MAX_CHARACTERS)
        return Promise.reject(new Error('the audit log cannot be written as fast as requests come'));
      const entry = { line, ...Promise.withResolvers<void>() };
      waiting.push(entry);
      nCharacters += line.length;
      running ??= run();
      return entry.promise;
    },
    idle: async () => running,
  };
}
