import type { Logger } from '../../base/logger.ts';
import type { ProxyMode, ProxyState } from '../state/model.ts';

/** Modes that another one has taken over from. */
export interface LeavingModes<Name extends string> {
  /** The mode goes; what it keeps for established connections is looked after. Rejects when it cannot. */
  add(name: Name, mode: ProxyMode, state: ProxyState): Promise<void>;
  /** It is in use again. */
  forget(name: Name): void;
  /** Takes away what is no longer needed, or could not be taken away before. */
  lookAgain(state: ProxyState): Promise<void>;
}

export function createLeavingModes<Name extends string>(logger: Logger): LeavingModes<Name> {
  const leaving = new Map<Name, ProxyMode>();
  const leave = async (name: Name, mode: ProxyMode, state: ProxyState): Promise<void> => {
    if (mode.retire === undefined) await mode.cleanup();
    else if (await mode.retire(state)) return void leaving.set(name, mode);
    leaving.delete(name);
  };
  return {
    add: leave,
    forget: (name) => void leaving.delete(name),
    lookAgain: async (state) => {
      for (const [name, mode] of [...leaving]) {
        try {
          await leave(name, mode, state);
        } catch (err) {
          logger.warn('what an earlier proxy mode left cannot be taken away yet', { mode: name, err });
        }
      }
    },
  };
}
