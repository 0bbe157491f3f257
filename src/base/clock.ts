/** A cancelled timer never fires; cancelling twice is harmless. */
export type CancelTimer = () => void;

/** The only source of time. Tests pass a fake one; nothing else calls Date.now or setTimeout. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Runs `fn` once after `delayMs` (0 = next turn of the event loop). */
  after(delayMs: number, fn: () => void): CancelTimer;
  /** Resolves after `delayMs`, or at once when `signal` is aborted (it never rejects). */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

const sleepOn =
  (after: Clock['after']): Clock['sleep'] =>
  (delayMs, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = (): void => {
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const cancel = after(delayMs, done);
      signal?.addEventListener('abort', done, { once: true });
    });

/** What a timer can wait at most, 25 days; of more setTimeout makes one millisecond. */
const MAX_DELAY_MS = 0x7fff_ffff;

const realAfter: Clock['after'] = (delayMs, fn) => {
  if (delayMs > MAX_DELAY_MS) {
    let cancel = realAfter(MAX_DELAY_MS, () => (cancel = realAfter(delayMs - MAX_DELAY_MS, fn)));
    return () => cancel();
  }
  const timer = setTimeout(fn, delayMs);
  return () => clearTimeout(timer);
};

/** The machine's own time. */
export const realClock: Clock = { now: () => Date.now(), after: realAfter, sleep: sleepOn(realAfter) };

/** The machine's own time as it was when the process began, and what has passed since: nobody sets it. For what is waited for. */
export const steadyClock: Clock = {
  ...realClock,
  now: () => performance.timeOrigin + performance.now(),
};

export interface FakeClock extends Clock {
  /** Moves time forward, firing timers in order, with a turn of the event loop after each. */
  advance(byMs: number): Promise<void>;
}

/** A clock that stands still until a test moves it. `startMs` is its first `now()`. */
export function fakeClock(startMs = 0): FakeClock {
  let now = startMs;
  let sequence = 0;
  const timers = new Map<number, { readonly at: number; readonly fn: () => void }>();
  const after: Clock['after'] = (delayMs, fn) => {
    const id = sequence++;
    timers.set(id, { at: now + Math.max(0, delayMs), fn });
    return () => void timers.delete(id);
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const advance = async (byMs: number): Promise<void> => {
    const end = now + byMs;
    await turn();
    for (;;) {
      const due = [...timers]
        .filter(([, t]) => t.at <= end)
        .sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (due === undefined) break;
      timers.delete(due[0]);
      now = due[1].at;
      due[1].fn();
      await turn();
    }
    now = end;
  };
  return { now: () => now, after, sleep: sleepOn(after), advance };
}
