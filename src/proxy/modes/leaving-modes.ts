import type { Logger } from '../../base/logger.ts';
import type { ProxyMode, ProxyState } from '../state/model.ts';

/** Modes that another one has taken over from. */
export interface LeavingModes<Name extends string> {
  /** The mode goes; what it keeps for established connections is looked after. Rejects when it cannot go now: it is tried again. */
  add(name: Name, mode: ProxyMode, state: ProxyState): Promise<void>;
  /** It is in use again. */
  forget(name: Name): void;
  /** Takes away what is no longer needed, or, of `failed` ones alone, what could not be taken away before. */
  lookAgain(state: ProxyState, which: 'all' | 'failed'): Promise<void>;
}

interface Leaving {
  readonly mode: ProxyMode;
  hasFailed: boolean;
}

export function createLeavingModes<Name extends string>(logger: Logger): LeavingModes<Name> {
  const leaving = new Map<Name, Leaving>();
  const leave = async (name: Name, mode: ProxyMode, state: ProxyState): Promise<void> => {
    const entry = { mode, hasFailed: true };
    leaving.set(name, entry);
    let staysThere = false;
    if (mode.retire === undefined) await mode.cleanup();
    else staysThere = await mode.retire(state);
    entry.hasFailed = false;
    if (staysThere) return;
    leaving.delete(name);
    mode.release?.();
  };
  return {
    add: leave,
    forget: (name) => {
      leaving.get(name)?.mode.release?.();
      leaving.delete(name);
    },
    lookAgain: async (state, which) => {
      for (const [name, { mode, hasFailed }] of [...leaving]) {
        if (which === 'failed' && !hasFailed) continue;
        try {
          await leave(name, mode, state);
        } catch (err) {
          logger.warn('what an earlier proxy mode left cannot be taken away yet', { mode: name, err });
        }
      }
    },
  };
}
