import { services } from '../api/core/v1/service.ts';
import type { Service } from '../api/core/v1/service.ts';
import type { EndpointSlice } from '../api/discovery/v1/endpoint-slice.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Client } from '../client/client.ts';
import { createInformer, hasSynced } from '../client/informer.ts';
import type { IpFamily } from '../net/ip.ts';
import type { ProxyMode, ProxyNode } from './state/model.ts';
import type { ServiceExplanation } from './state/explain.ts';
import type { HealthCheck } from './state/health-check.ts';
import { createProxyStateTracker } from './state/proxy-state-tracker.ts';
import type { ProxyStateTracker, ServiceProblem } from './state/proxy-state-tracker.ts';
import { LABEL_HEADLESS, LABEL_SERVICE_PROXY_NAME } from './state/service-port.ts';
import { currentSlices } from './slice-source.ts';
import type { SliceSource } from './slice-source.ts';
import { createSyncLoop } from './sync-loop.ts';
import type { SyncLoop, SyncReport } from './sync-loop.ts';

export interface ServiceProxyOptions {
  readonly client: Client;
  readonly node: ProxyNode | NodeByFamily;
  /** One mode per address family that is served; a family without a mode is left alone. */
  readonly modes: Readonly<Partial<Record<IpFamily, ProxyMode>>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** All that was seen so far is decided, and about to be made true. */
  readonly onDecided?: (family: IpFamily) => void;
  /** After every sync: all that was seen before it is true now. */
  readonly onSynced?: (report: SyncReport & { readonly family: IpFamily }) => void;
  /** An object was seen that is new, different or gone, before anything is done about it. */
  readonly onChange?: (change: ObjectChange) => void;
  /** Everything is looked at so often, to mend what others did to the rules; default 60 000, 0 = never. */
  readonly fullSyncMs?: number;
  /** Serves Services labelled service.kubernetes.io/service-proxy-name with this; default: those without the label. */
  readonly serviceProxyName?: string;
  /** Something of a Service is newly ignored. It is logged in any case. */
  readonly onProblem?: (problem: ServiceProblem & { readonly family: IpFamily }) => void;
  /** After every decision: the Services with a health-check node port, by `namespace/name`; a live view. */
  readonly onHealthChecks?: (checks: ReadonlyMap<string, HealthCheck>, family: IpFamily) => void;
  /** Least time between the starts of two syncs; default 0: a change is made at once. */
  readonly minSyncMs?: number;
  /** The version of EndpointSlices to follow, asked once; default: the current one. */
  readonly slices?: (signal: AbortSignal) => Promise<SliceSource>;
}

/** What differs by family: addresses, blocks of Pods. */
export type NodeByFamily = (family: IpFamily) => ProxyNode;

export type ObjectChange =
  | { readonly what: 'service'; readonly next: Service | undefined }
  | { readonly what: 'slice'; readonly next: EndpointSlice | undefined };

export interface ServiceProxyHealth {
  /** Every served family has been brought up to date at least once. */
  readonly isReady: boolean;
  readonly families: ReadonlyMap<IpFamily, FamilyProgress>;
}

/** How far the rules of one family are, in ms since the epoch. */
export interface FamilyProgress {
  /** When the last sync ended well; undefined = none did. */
  readonly lastSyncedMs: number | undefined;
  /** Since when the oldest change waits; undefined = none waits. */
  readonly pendingSinceMs: number | undefined;
}

/** One node's service proxy: follows Services and EndpointSlices and keeps its modes equal to them. */
export interface ServiceProxy {
  /** The node's own facts changed (Pod CIDRs, node port addresses). */
  setNode(node: ProxyNode | NodeByFamily): void;
  /** Everything is looked at soon, changed or not. */
  lookAtAll(): void;
  health(): ServiceProxyHealth;
  /** Why a Service is served as it is in one family; undefined = nothing is known of it. */
  explain(key: string, family: IpFamily): ServiceExplanation | undefined;
  /** Until `signal` aborts; never rejects. What the modes made stays, so that traffic outlives the process. */
  run(signal: AbortSignal): Promise<void>;
}

const FULL_SYNC_MS = 60_000;
/**
 * Objects of another proxy and of headless Services are not even sent to us. Slices need not carry the name of a proxy: they count for
 * Services that do.
 */
function selectors(serviceProxyName: string | undefined): {
  readonly services: string;
  readonly slices: string;
} {
  const noHeadless = `!${LABEL_HEADLESS}`;
  if (serviceProxyName !== undefined) {
    return { services: `${LABEL_SERVICE_PROXY_NAME}=${serviceProxyName},${noHeadless}`, slices: noHeadless };
  }
  const unnamed = `!${LABEL_SERVICE_PROXY_NAME},${noHeadless}`;
  return { services: unnamed, slices: unnamed };
}

interface Side {
  readonly family: IpFamily;
  readonly tracker: ProxyStateTracker;
  readonly loop: SyncLoop;
}

/** When the last sync of a family ended well. */
type Progress = Map<IpFamily, number>;

export function createServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  const { client, clock, logger, modes, onChange } = options;
  const progress: Progress = new Map();
  const families = (['IPv4', 'IPv6'] as const).filter((family) => modes[family] !== undefined);
  const sides = families.map((family) => createSide(family, options, progress));
  const following = { client, clock, logger };
  const labels = selectors(options.serviceProxyName);
  const serviceInformer = createInformer({ ...following, kind: services, labelSelector: labels.services });
  let isComplete = false;

  const onEach = (act: (side: Side) => void): void => {
    for (const side of sides) {
      act(side);
      // Before both copies are complete a sync would take down what an earlier process left working.
      if (isComplete) side.loop.request();
    }
  };
  serviceInformer.onChange(({ key, next }) => {
    onChange?.({ what: 'service', next });
    onEach(({ tracker }) => tracker.setService(key, next));
  });
  const followSlices = async (signal: AbortSignal) => {
    const { kind, convert } = (await options.slices?.(signal)) ?? currentSlices;
    const informer = createInformer({ ...following, kind, labelSelector: labels.slices });
    informer.onChange(({ key, next: object }) => {
      const next = object === undefined ? undefined : convert(object);
      onChange?.({ what: 'slice', next });
      onEach(({ tracker }) => tracker.setSlice(key, next));
    });
    return informer;
  };

  return {
    setNode: (node) => onEach(({ tracker, family }) => tracker.setNode(nodeOf(node, family))),
    lookAtAll: () => {
      if (isComplete) for (const { loop } of sides) loop.requestFull();
    },
    health: () => ({
      isReady: progress.size === families.length,
      families: new Map(
        sides.map(({ family, loop }) => [
          family,
          { lastSyncedMs: progress.get(family), pendingSinceMs: loop.pendingSinceMs() },
        ]),
      ),
    }),
    explain: (key, family) => sides.find((side) => side.family === family)?.tracker.explain(key),
    run: async (signal) => {
      const following = serviceInformer.run(signal);
      const sliceInformer = await followSlices(signal);
      const informers = [following, sliceInformer.run(signal)];
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

const nodeOf = (node: ProxyNode | NodeByFamily, family: IpFamily): ProxyNode =>
  typeof node === 'function' ? node(family) : node;

function createSide(family: IpFamily, options: ServiceProxyOptions, progress: Progress): Side {
  const { clock, node, modes, onSynced } = options;
  const mode = modes[family];
  if (mode === undefined) throw new Error(`no proxy mode for ${family}`);
  const { serviceProxyName } = options;
  const logger = options.logger.child({ family });
  const named = serviceProxyName === undefined ? {} : { serviceProxyName };
  const tracker = createProxyStateTracker({ family, node: nodeOf(node, family), ...named });
  const loop = createSyncLoop({
    tracker,
    mode,
    clock,
    minSyncMs: options.minSyncMs ?? 0,
    logger,
    onDecided: ({ problems, healthChecks }) => {
      options.onDecided?.(family);
      for (const { service, message } of problems) logger.warn(`ignored: ${message}`, { service });
      for (const problem of problems) options.onProblem?.({ ...problem, family });
      options.onHealthChecks?.(healthChecks, family);
    },
    onSynced: (report) => {
      progress.set(family, clock.now());
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
