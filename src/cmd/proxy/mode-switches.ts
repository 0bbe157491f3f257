import { messageOf } from '../../base/thrown.ts';
import type { IpFamily } from '../../net/ip.ts';
import { withChangeLog } from '../../proxy/change-log.ts';
import { withServiceCounters } from '../../proxy/counters/counted-mode.ts';
import type { ProxyMetrics } from '../../proxy/metrics/proxy-metrics.ts';
import type { ModeObserver, ModeOptions } from '../../proxy/modes/mode.ts';
import { createModeSwitch } from '../../proxy/modes/mode-switch.ts';
import type { ModeSwitch } from '../../proxy/modes/mode-switch.ts';
import { loadMode, modeNames } from '../../proxy/modes/registry.ts';
import type { ModeName } from '../../proxy/modes/registry.ts';
import type { ProxyMode, ProxyState } from '../../proxy/state/model.ts';
import type { ModeChoice } from './mode-choice.ts';
import { modeOptions, tellService } from './proxy-context.ts';
import type { ProxyContext } from './proxy-context.ts';
import type { ServiceCounting } from './service-counting.ts';

export type ModeSwitches = Readonly<Partial<Record<IpFamily, ModeSwitch<ModeName>>>>;

/** One for each family that is served. */
export function createModeSwitches(
  context: ProxyContext,
  { name, families }: ModeChoice,
  metrics: ProxyMetrics,
): ModeSwitches {
  const { clock, logger, configuration } = context;
  // Beside a proxy for all other Services, whose rules may be of any mode, only our own mode's are ours for sure.
  const isAlone = configuration.serviceProxyName === '';
  const observerOf = (family: IpFamily): ModeObserver => ({
    onRefused: ({ id, error }) => {
      const message = `the kernel refused the rules of port ${id}, which is not served: ${messageOf(error)}`;
      void tellService(context, serviceOf(id), { reason: 'RefusedByKernel', message });
    },
    onReconciled: (report) => metrics.reconciled(family, report),
    onRules: (report) => metrics.rules(family, report),
    onPartialFailure: () => metrics.failed('iptables', family, 'partial'),
  });
  return Object.fromEntries(
    families.map((family) => [
      family,
      createModeSwitch<ModeName>({
        first: name,
        names: isAlone ? modeNames : [name],
        open: (other) => {
          const options = { ...modeOptions(context, family), observer: observerOf(family) };
          return other === name ? openChosen(other, options) : openMode(other, options);
        },
        clock,
        logger,
      }),
    ]),
  );
}

/** Ids of Service ports are `namespace/name:port/PROTOCOL`. */
const serviceOf = (id: string): string => id.slice(0, id.indexOf(':'));

/** It was probed when it was chosen. */
const openChosen = async (name: ModeName, options: ModeOptions): Promise<ProxyMode> =>
  (await loadMode(name)).open(options);

async function openMode(name: ModeName, options: ModeOptions): Promise<ProxyMode> {
  const module = await loadMode(name);
  const probe = await module.probe(options);
  if (!probe.isUsable) throw new Error(probe.reason);
  return module.open(options);
}

export interface Observers {
  readonly metrics: ProxyMetrics;
  /** What each family is to be like, for figures that are counted when asked. */
  readonly states: Map<IpFamily, ProxyState>;
  readonly counting: ServiceCounting | undefined;
}

/** The modes for the service proxy, with what is counted and logged about them. */
export function observedModes(
  switches: ModeSwitches,
  { metrics, states, counting }: Observers,
  { logger, options }: ProxyContext,
): Partial<Record<IpFamily, ProxyMode>> {
  const observed = (family: IpFamily, mode: ModeSwitch<ModeName>): ProxyMode => ({
    sync: async (state, changed) => {
      states.set(family, state);
      try {
        await mode.sync(state, changed);
      } catch (error) {
        metrics.failed(mode.name, family, 'sync');
        throw error;
      }
    },
    cleanup: () => mode.cleanup(),
  });
  const countedMode = (family: IpFamily, mode: ProxyMode): ProxyMode => {
    const table = counting?.tables[family];
    return table === undefined ? mode : withServiceCounters(mode, { table, logger });
  };
  const { verbosity } = options;
  return Object.fromEntries(
    Object.entries(switches).map(([family, mode]) => [
      family,
      withChangeLog(countedMode(family as IpFamily, observed(family as IpFamily, mode)), {
        logger,
        verbosity,
      }),
    ]),
  );
}
