import { services } from '../api/core/v1/service.ts';
import { endpointSlices } from '../api/discovery/v1/endpoint-slice.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Client } from '../client/client.ts';
import { createInformer, hasSynced } from '../client/informer.ts';
import type { IpFamily } from '../net/ip.ts';
import type { ProxyMode, ProxyNode } from './state/model.ts';
import { createProxyStateTracker } from './state/proxy-state-tracker.ts';
import type { ProxyStateTracker } from './state/proxy-state-tracker.ts';
import { LABEL_HEADLESS, LABEL_SERVICE_PROXY_NAME } from './state/service-port.ts';
import { createSyncLoop } from './sync-loop.ts';
import type { SyncLoop, SyncReport } from './sync-loop.ts';

export interface ServiceProxyOptions {
  readonly client: Client;
  readonly node: ProxyNode;
  /** One mode per address family that is served; a family without a mode is left alone. */
  readonly modes: Readonly<Partial<Record<IpFamily, ProxyMode>>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** After every sync that wrote or looked at something. */
  readonly onSynced?: (report: SyncReport & { readonly family: IpFamily }) => void;
  /** Everything is looked at so often, to mend what others did to the rules; default 60 000, 0 = never. */
  readonly fullSyncMs?: number;
}

export interface ServiceProxyHealth {
  /** Every served family has been brought up to date at least once. */
  readonly isReady: boolean;
  /** When the last sync ended well, ms since the epoch. */
  readonly lastSyncedMs: number | undefined;
  /** Since when the oldest change waits, ms since the epoch; undefined = none waits. */
  readonly pendingSinceMs: number | undefined;
}

/** One node's service proxy: follows Services and EndpointSlices and keeps its modes equal to them. */
export interface ServiceProxy {
  /** The node's own facts changed (Pod CIDRs, node port addresses). */
  setNode(node: ProxyNode): void;
  health(): ServiceProxyHealth;
  /** Until `signal` aborts; never rejects. What the modes made stays, so that traffic outlives the process. */
  run(signal: AbortSignal): Promise<void>;
}

const FULL_SYNC_MS = 60_000;
/** Objects of another proxy and of headless Services are not even sent to us. */
const SELECTOR = `!${LABEL_SERVICE_PROXY_NAME},!${LABEL_HEADLESS}`;

interface Side {
  readonly family: IpFamily;
  readonly tracker: ProxyStateTracker;
  readonly loop: SyncLoop;
}

interface Progress {
  lastSyncedMs: number | undefined;
  readonly ready: Set<IpFamily>;
}

export function createServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  const { client, clock, logger, modes } = options;
  const progress: Progress = { lastSyncedMs: undefined, ready: new Set() };
  const families = (['IPv4', 'IPv6'] as const).filter((family) => modes[family] !== undefined);
  const sides = families.map((family) => createSide(family, options, progress));
  const following = { client, clock, logger, labelSelector: SELECTOR };
  const serviceInformer = createInformer({ ...following, kind: services });
  const sliceInformer = createInformer({ ...following, kind: endpointSlices });
  let isComplete = false;

  const onEach = (act: (side: Side) => void): void => {
    for (const side of sides) {
      act(side);
      // Before both copies are complete a sync would take down what an earlier process left working.
      if (isComplete) side.loop.request();
    }
  };
  serviceInformer.onChange(({ key, next }) => onEach(({ tracker }) => tracker.setService(key, next)));
  sliceInformer.onChange(({ key, next }) => onEach(({ tracker }) => tracker.setSlice(key, next)));

  return {
    setNode: (node) => onEach(({ tracker }) => tracker.setNode(node)),
    health: () => ({
      isReady: progress.ready.size === families.length,
      lastSyncedMs: progress.lastSyncedMs,
      pendingSinceMs: oldest(sides.map(({ loop }) => loop.pendingSinceMs())),
    }),
    run: async (signal) => {
      const informers = [serviceInformer.run(signal), sliceInformer.run(signal)];
      await Promise.all([hasSynced(serviceInformer, signal), hasSynced(sliceInformer, signal)]);
      isComplete = true;
      const loops = sides.map(({ loop }) => {
        loop.requestFull();
        return loop.run(signal);
      });
      await Promise.all([...informers, ...loops, lookAtAll(sides, options, signal)]);
    },
  };
}

function createSide(family: IpFamily, options: ServiceProxyOptions, progress: Progress): Side {
  const { clock, node, modes, onSynced } = options;
  const mode = modes[family];
  if (mode === undefined) throw new Error(`no proxy mode for ${family}`);
  const tracker = createProxyStateTracker({ family, node });
  const loop = createSyncLoop({
    tracker,
    mode,
    clock,
    logger: options.logger.child({ family }),
    onSynced: (report) => {
      progress.lastSyncedMs = clock.now();
      progress.ready.add(family);
      onSynced?.({ ...report, family });
    },
  });
  return { family, tracker, loop };
}

async function lookAtAll(
  sides: readonly Side[],
  { clock, fullSyncMs = FULL_SYNC_MS }: ServiceProxyOptions,
  signal: AbortSignal,
): Promise<void> {
  if (fullSyncMs === 0) return;
  for (;;) {
    await clock.sleep(fullSyncMs, signal);
    if (signal.aborted) return;
    for (const { loop } of sides) loop.requestFull();
  }
}

function oldest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
