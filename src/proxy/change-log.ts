import type { Logger } from '../base/logger.ts';
import type { ProxyMode, ProxyState, ServicePort } from './state/model.ts';

/**
 * The mode, with a line in the log for what each sync changed: by numbers from verbosity 2, and by names from 4. Below
 * that nothing is remembered.
 */
export function withChangeLog(
  mode: ProxyMode,
  { logger, verbosity }: { readonly logger: Logger; readonly verbosity: number },
): ProxyMode {
  if (verbosity < 2) return mode;
  const known = new Map<string, ServicePort>();
  const tell = (state: ProxyState, changed: ReadonlySet<string> | undefined): void => {
    const counts = { added: 0, removed: 0, retargeted: 0 };
    for (const id of changed ?? new Set([...known.keys(), ...state.services.keys()])) {
      const before = known.get(id);
      const after = state.services.get(id);
      if (before === after) continue;
      if (after === undefined) known.delete(id);
      else known.set(id, after);
      const what = before === undefined ? 'added' : after === undefined ? 'removed' : 'retargeted';
      counts[what]++;
      if (verbosity >= 4) logger.debug(`Service port ${what}`, { id, ...endpointChanges(before, after) });
    }
    if (counts.added + counts.removed + counts.retargeted === 0) return;
    logger.info('Service ports changed', { family: state.family, ...counts, total: known.size });
  };
  return {
    sync: async (state, changed) => {
      await mode.sync(state, changed);
      tell(state, changed);
    },
    cleanup: () => mode.cleanup(),
  };
}

const endpointsOf = (port: ServicePort | undefined): Set<string> =>
  new Set(port?.frontends.flatMap(({ endpoints }) => endpoints.map((e) => `${e.ip} ${e.port}`)));

function endpointChanges(before: ServicePort | undefined, after: ServicePort | undefined) {
  const [old, now] = [endpointsOf(before), endpointsOf(after)];
  return { come: [...now.difference(old)], gone: [...old.difference(now)], nEndpoints: now.size };
}
