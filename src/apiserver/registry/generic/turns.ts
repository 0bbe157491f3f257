/**
 * Writers of one object that must not fail because another was quicker, such as patches, take turns: each finds what the
 * one before it left. Otherwise a crowd of them would try again and again, and all but one in vain each time.
 */
export interface Turns {
  /** Runs `work` after everything asked for before under this key. */
  take<T>(key: string, work: () => Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return {
    take(key, work) {
      const before = last.get(key);
      const turn = before === undefined ? work() : before.then(work, work);
      last.set(key, turn);
      const leave = (): void => {
        if (last.get(key) === turn) last.delete(key);
      };
      turn.then(leave, leave);
      return turn;
    },
  };
}
