import type { Logger } from '../../base/logger.ts';
import type { ProxyMode } from '../state/model.ts';
import type { CounterTable } from './counter-table.ts';

export interface CountingOptions {
  readonly table: Pick<CounterTable, 'sync' | 'remove'>;
  readonly logger: Logger;
}

/** The mode, with what it translates counted for each Service port. Failing to count fails nothing. */
export function withServiceCounters(mode: ProxyMode, { table, logger }: CountingOptions): ProxyMode {
  let hasFailed = false;
  const counting: ProxyMode['sync'] = async (state, changed) => {
    try {
      await table.sync(state.services, changed);
      hasFailed = false;
    } catch (err) {
      const text = 'Services cannot be counted, trying again with the next change';
      logger[hasFailed ? 'debug' : 'warn'](text, { family: state.family, err });
      hasFailed = true;
    }
  };
  return {
    ...mode,
    sync: async (state, changed) => {
      // Both read what is wanted before they wait for anything; the first packet is to find its counter.
      const counts = counting(state, changed);
      try {
        await mode.sync(state, changed);
      } finally {
        await counts;
      }
    },
    cleanup: async () => {
      await table.remove();
      await mode.cleanup();
    },
  };
}
