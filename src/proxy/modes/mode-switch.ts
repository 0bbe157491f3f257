import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { createLeavingModes } from './leaving-modes.ts';
import type { LeavingModes } from './leaving-modes.ts';
import type { ProxyMode, ProxyState } from '../state/model.ts';

export interface ModeSwitchOptions<Name extends string> {
  readonly first: Name;
  /** All modes there are: what an earlier process left in another one is taken away after the first sync. */
  readonly names: readonly Name[];
  readonly open: (name: Name) => Promise<ProxyMode>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A mode took over. */
  readonly onSwitched?: (name: Name) => void;
}

/** A proxy mode that can become another one while traffic flows. */
export interface ModeSwitch<Name extends string> extends ProxyMode {
  readonly name: Name;
  /**
   * The next sync brings this mode up to date beside the one in use, and only then takes that one's rules away, but for what
   * established connections need, which goes at a later full sync. Of two
   * rules for one connection the kernel obeys the older, so there is no moment without. A mode that cannot do it
   * leaves everything as it was, with a line in the log.
   */
  use(name: Name): void;
}

export function createModeSwitch<Name extends string>(options: ModeSwitchOptions<Name>): ModeSwitch<Name> {
  const { first, names, open, logger, onSwitched } = options;
  let current: { readonly name: Name; readonly mode: Promise<ProxyMode> } | undefined;
  let wanted: Name = first;
  let hasTidied = false;
  const leaving = createLeavingModes<Name>(logger);

  const changeTo = async (name: Name, state: ProxyState): Promise<void> => {
    const previous = current;
    const fields = { family: state.family, from: previous?.name, to: name };
    let mode: ProxyMode | undefined;
    try {
      mode = await open(name);
      leaving.forget(name);
      await mode.sync(state);
      current = { name, mode: Promise.resolve(mode) };
    } catch (err) {
      wanted = previous?.name ?? first;
      logger.error('the proxy mode stays as it was: the other one cannot be used', { ...fields, err });
      // What it wrote before it failed would be right for this moment alone.
      if (mode !== undefined) await leaving.add(name, mode, state);
      return;
    }
    // One that could not even be opened made nothing.
    const old = await previous?.mode.catch(() => undefined);
    if (previous !== undefined && old !== undefined) await leaving.add(previous.name, old, state);
    // Flows that the old rules sent elsewhere are looked at once those are gone.
    await (await current.mode).sync(state);
    logger.info('the proxy mode is another one now', fields);
    onSwitched?.(name);
  };

  return {
    get name() {
      return current?.name ?? first;
    },
    use: (name) => void (wanted = name),
    sync: async (state, changed) => {
      current ??= { name: first, mode: open(first) };
      const isOther = wanted !== current.name;
      try {
        await (await current.mode).sync(state, changed);
      } catch (error) {
        if (!isOther) {
          // What could not even be opened is opened again.
          if (!hasTidied) current = undefined;
          throw error;
        }
        logger.warn('the proxy mode that is to go cannot be brought up to date', { err: error });
      }
      if (!hasTidied) {
        hasTidied = true;
        await tidy(options, { leaving, except: current.name, state });
      } else await leaving.lookAgain(state, changed === undefined ? 'all' : 'failed');
      if (isOther) await changeTo(wanted, state);
    },
    cleanup: async () => {
      for (const name of names) leaving.forget(name);
      for (const name of names) {
        const mode = await open(name);
        await mode.cleanup();
        mode.release?.();
      }
    },
  };
}

interface Tidying<Name extends string> {
  readonly leaving: LeavingModes<Name>;
  readonly except: Name;
  readonly state: ProxyState;
}

/** After the first sync: connections find new rules before the old ones go. */
async function tidy<Name extends string>(
  { names, open, logger }: ModeSwitchOptions<Name>,
  { leaving, except, state }: Tidying<Name>,
): Promise<void> {
  for (const name of names.filter((other) => other !== except)) {
    let mode: ProxyMode;
    try {
      mode = await open(name);
    } catch (err) {
      logger.debug('nothing to take away of another proxy mode', { mode: name, err });
      continue;
    }
    try {
      await leaving.add(name, mode, state);
    } catch (err) {
      logger.warn('what another proxy mode may have left cannot be taken away yet', { mode: name, err });
    }
  }
}
