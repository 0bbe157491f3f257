/** Growing pauses between attempts. Not shared between callers: one value per thing that is retried. */
export interface Backoff {
  /** The next pause in milliseconds; each call doubles it up to the maximum. */
  next(): number;
  /** After a success: the next pause is the shortest again. */
  reset(): void;
}

export interface BackoffOptions {
  readonly minMs: number;
  readonly maxMs: number;
  /** Share of the pause that chance may take away, 0 to 1 (default 0.5): many clients of one server must not return together. */
  readonly jitter?: number;
  /** 0 <= value < 1; a test gives its own. */
  readonly random?: () => number;
}

/** Pauses of min, 2 min, 4 min … max, each shortened by chance; never below `minMs` times (1 - jitter). */
export function createBackoff(options: BackoffOptions): Backoff {
  const { minMs, maxMs, jitter = 0.5, random = Math.random } = options;
  let pause = minMs;
  return {
    next: () => {
      const current = pause;
      pause = Math.min(maxMs, pause * 2);
      return current * (1 - jitter * random());
    },
    reset: () => {
      pause = minMs;
    },
  };
}
