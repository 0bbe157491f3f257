import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Conntrack } from '../../kernel/conntrack/model.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { ReconcileReport } from '../modes/mode.ts';
import type { ProxyMode, ProxyState, ServicePort } from '../state/model.ts';
import { addTargets, changedTargets, isStale, trackedProtocol } from './stale-flows.ts';
import type { FlowTargets, TrackedProtocol } from './stale-flows.ts';

export interface ReconcileOptions {
  readonly family: IpFamily;
  readonly conntrack: Conntrack;
  readonly logger: Logger;
  readonly watched?: Watched;
}

/** Somebody counts. */
export interface Watched {
  readonly clock: Clock;
  readonly onReconciled: (report: ReconcileReport) => void;
}

/**
 * Ends the flows of the protocols named that go where no frontend leads; `services` are all there are. Returns how many; one that
 * vanished meanwhile counts as none.
 */
export async function endStaleFlows(
  { conntrack, family, watched }: Omit<ReconcileOptions, 'logger'>,
  targets: FlowTargets,
  services: () => Iterable<ServicePort>,
): Promise<number> {
  let nEnded = 0;
  const startMs = watched?.clock.now() ?? 0;
  const protocols = new Set([...targets.keys()].map((key) => key.split(' ')[0] as TrackedProtocol));
  for (const protocol of protocols) {
    for (const flow of await conntrack.list({ family, protocol })) {
      if (isStale(flow, targets, services) && (await conntrack.delete(flow))) nEnded++;
    }
  }
  if (watched !== undefined && protocols.size > 0)
    watched.onReconciled({ nEnded, durationMs: watched.clock.now() - startMs });
  return nEnded;
}

/**
 * The mode, with connection tracking brought in line after each sync: for the four transitions of a Service port without
 * TCP (first endpoints, last one gone, others, and what an earlier process left). Failing here fails nothing: stale flows
 * end in time. The mode must translate straight to endpoints.
 */
export function withStaleFlowsEnded(mode: ProxyMode, options: ReconcileOptions): ProxyMode {
  const { family, logger } = options;
  /** As last made true; undefined = nobody knows what flows there are. TCP ports are not kept. */
  let known: Map<string, ServicePort> | undefined;

  const reconcile = async (targets: FlowTargets): Promise<void> => {
    if (targets.size === 0) return;
    try {
      const nEnded = await endStaleFlows(options, targets, () => known?.values() ?? []);
      if (nEnded > 0) logger.debug('ended stale flows', { family, nEnded });
    } catch (err) {
      logger.warn('stale flows could not be ended', { family, err });
    }
  };
  const changes = (
    before: Map<string, ServicePort>,
    { services }: ProxyState,
    changed: Iterable<string>,
  ): FlowTargets => {
    const targets: FlowTargets = new Map();
    for (const id of changed) {
      const [was, is] = [before.get(id), services.get(id)];
      if (was === is) continue;
      for (const [key, to] of changedTargets(was, is))
        if (to.size > 0 || !targets.has(key)) targets.set(key, to);
      if (is === undefined || trackedProtocol(is) === undefined) before.delete(id);
      else before.set(id, is);
    }
    return targets;
  };
  return {
    sync: async (state, changed) => {
      // The map is a live view: what was wanted is read before the mode is awaited.
      const wanted = changed === undefined ? new Map(state.services) : state.services;
      await mode.sync(state, changed);
      if (known !== undefined) {
        const ids = changed ?? new Set([...known.keys(), ...wanted.keys()]);
        return reconcile(changes(known, { ...state, services: wanted }, ids));
      }
      known = new Map([...wanted].filter(([, port]) => trackedProtocol(port) !== undefined));
      const all: FlowTargets = new Map();
      for (const port of known.values()) addTargets(all, port);
      await reconcile(all);
    },
    cleanup: async () => {
      known = undefined;
      await mode.cleanup();
    },
    retire: async (state) => {
      known = undefined;
      if (mode.retire !== undefined) return mode.retire(state);
      await mode.cleanup();
      return false;
    },
  };
}
