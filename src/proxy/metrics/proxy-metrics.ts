import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import {
  createCounter,
  createGauge,
  createHistogram,
  createInstruments,
  exponentialBounds,
} from '../../base/instruments.ts';
import type { Gauge, Histogram, Instrument } from '../../base/instruments.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { ReconcileReport, RulesReport } from '../modes/mode.ts';
import type { ObjectChange } from '../service-proxy.ts';
import type { ProxyState } from '../state/model.ts';
import type { SyncReport } from '../sync-loop.ts';

/** When the controller saw the change that a slice carries (RFC 3339). */
const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

const steps = (start: number, step: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => start + i * step);

const PROGRAMMING_BOUNDS = [
  0,
  ...steps(0.25, 0.25, 2),
  ...steps(1, 1, 59),
  ...steps(60, 5, 12),
  ...steps(120, 30, 7),
];
const SYNC_BOUNDS = exponentialBounds(0.001, 2, 15);

/** The figures of a proxy, with the names, labels and buckets of kube-proxy (pkg/proxy/metrics/metrics.go). */
export interface ProxyMetrics {
  readonly all: readonly Instrument[];
  changed(change: ObjectChange, nowMs: number): void;
  queued(family: IpFamily, nowMs: number): void;
  /** What was seen so far is about to be made true. */
  taken(family: IpFamily): void;
  synced(report: SyncReport & { readonly family: IpFamily }, nowMs: number): void;
  /** A change or a cleanup of the mode failed; `partial`: a change, after which everything is written anew. */
  failed(mode: string, family: IpFamily, what: Failure): void;
  /** What the iptables mode has written. */
  rules(family: IpFamily, report: RulesReport): void;
  /** Connection tracking was brought in line. */
  reconciled(family: IpFamily, report: ReconcileReport): void;
  /** An answer of /healthz or /livez. */
  answered(what: 'healthz' | 'livez', status: number): void;
}

type Failure = 'sync' | 'cleanup' | 'partial';

const ip_family = ['ip_family'] as const;

export interface MetricsSource {
  /** What the families are to be like now, for the figures that are counted when asked. */
  readonly states: () => readonly ProxyState[];
}

/** `startedMs`: what changed before says nothing about this process. */
export function createProxyMetrics(
  families: readonly IpFamily[],
  source: MetricsSource & { readonly startedMs: number },
): ProxyMetrics {
  const changes = createChanges(families, source.startedMs);
  const failures = createFailures();
  const syncs = createSyncs();
  const answers = createAnswers();
  const flows = createFlows();
  const rules = createRules();
  const counted = [syncs, changes, failures, answers, flows, rules].flatMap((each) => each.all);
  const all = [...counted, noLocalEndpoints(source)];
  return {
    all,
    changed: changes.changed,
    taken: changes.taken,
    queued: (family, nowMs) => syncs.lastQueued.set([family], nowMs / 1000),
    synced: ({ family, changed, durationMs }, nowMs) => {
      const labels = [family];
      const kind = changed === undefined ? syncs.full : syncs.partial;
      // A sync that found nothing to write is one, but its time says nothing about writing.
      const measured = changed?.size === 0 ? [] : [syncs.duration, kind];
      for (const latency of measured) latency.observe(labels, durationMs / 1000);
      syncs.lastSynced.set(labels, nowMs / 1000);
      for (const sinceMs of changes.carriedOver(family)) {
        syncs.programming.observe(labels, Math.max(0, nowMs - sinceMs) / 1000);
      }
    },
    failed: failures.failed,
    rules: rules.told,
    reconciled: flows.reconciled,
    answered: answers.answered,
  };
}

function createSyncs() {
  const instruments = createInstruments();
  const byFamily = (name: string, help: string) => ({ name: `kubeproxy_${name}`, help, labels: ip_family });
  const latency = (name: string, help: string, bounds = SYNC_BOUNDS): Histogram =>
    instruments.add(createHistogram(byFamily(name, help), bounds));
  const moment = (name: string, help: string): Gauge => instruments.add(createGauge(byFamily(name, help)));
  return {
    all: instruments.all,
    duration: latency('sync_proxy_rules_duration_seconds', 'SyncProxyRules latency in seconds'),
    full: latency(
      'sync_full_proxy_rules_duration_seconds',
      'SyncProxyRules latency in seconds for full resyncs',
    ),
    partial: latency(
      'sync_partial_proxy_rules_duration_seconds',
      'SyncProxyRules latency in seconds for partial resyncs',
    ),
    programming: latency(
      'network_programming_duration_seconds',
      'In Cluster Network Programming Latency in seconds',
      PROGRAMMING_BOUNDS,
    ),
    lastSynced: moment(
      'sync_proxy_rules_last_timestamp_seconds',
      'The last time proxy rules were successfully synced',
    ),
    lastQueued: moment(
      'sync_proxy_rules_last_queued_timestamp_seconds',
      'The last time a sync of proxy rules was queued',
    ),
  };
}

function createFlows() {
  const conntrack = 'kubeproxy_conntrack_reconciler_';
  const duration = createHistogram(
    {
      name: `${conntrack}sync_duration_seconds`,
      help: 'ReconcileConntrackFlowsLatency latency in seconds',
      labels: ip_family,
    },
    SYNC_BOUNDS,
  );
  const deleted = createCounter({
    name: `${conntrack}deleted_entries_total`,
    help: 'Cumulative conntrack flows deleted by conntrack reconciler',
    labels: ip_family,
  });
  return {
    all: [duration, deleted],
    reconciled: (family: IpFamily, { nEnded, durationMs }: ReconcileReport): void => {
      duration.observe([family], durationMs / 1000);
      deleted.add([family], nEnded);
    },
  };
}

function createAnswers() {
  const counter = (what: string) =>
    createCounter({
      name: `kubeproxy_proxy_${what}_total`,
      help: `Cumulative proxy ${what} HTTP status`,
      labels: ['code'],
    });
  const answers = { healthz: counter('healthz'), livez: counter('livez') };
  return {
    all: Object.values(answers),
    answered: (what: 'healthz' | 'livez', status: number): void => answers[what].add([String(status)]),
  };
}

/** Changes seen, those that no sync has begun with, and when the controller saw what caused them. */
function createChanges(families: readonly IpFamily[], startedMs: number) {
  const rules = 'kubeproxy_sync_proxy_rules_';
  const plain = (name: string, help: string) => ({ name: `${rules}${name}`, help });
  const pending = new Map(
    families.map((family) => [
      family,
      { service: 0, slice: 0, triggersMs: [] as number[], takenMs: [] as number[] },
    ]),
  );
  const most = (what: 'service' | 'slice') => () =>
    [[[], Math.max(0, ...[...pending.values()].map((each) => each[what]))]] as const;
  const total = {
    service: createCounter(plain('service_changes_total', 'Cumulative proxy rules Service changes')),
    slice: createCounter(plain('endpoint_changes_total', 'Cumulative proxy rules Endpoint changes')),
  };
  return {
    all: [
      total.service,
      total.slice,
      createGauge(plain('service_changes_pending', 'Pending proxy rules Service changes'), most('service')),
      createGauge(plain('endpoint_changes_pending', 'Pending proxy rules Endpoint changes'), most('slice')),
    ],
    changed: (change: ObjectChange, nowMs: number): void => {
      total[change.what].add([]);
      for (const [family, each] of pending) {
        each[change.what]++;
        const sinceMs = change.what === 'slice' ? triggerOf(change.next, family) : undefined;
        if (sinceMs !== undefined && sinceMs >= startedMs && sinceMs <= nowMs) each.triggersMs.push(sinceMs);
      }
    },
    taken: (family: IpFamily): void => {
      const each = pending.get(family);
      if (each === undefined) return;
      const takenMs = each.takenMs.concat(each.triggersMs);
      Object.assign(each, { service: 0, slice: 0, triggersMs: [], takenMs });
    },
    /** What a sync has just made true. */
    carriedOver: (family: IpFamily): readonly number[] => {
      const each = pending.get(family);
      if (each === undefined) return [];
      const { takenMs } = each;
      each.takenMs = [];
      return takenMs;
    },
  };
}

function triggerOf(slice: EndpointSlice | undefined, family: IpFamily): number | undefined {
  if (slice?.addressType !== family) return undefined;
  const text = slice.metadata.annotations?.[TRIGGER_TIME];
  const ms = text === undefined ? NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

function createFailures() {
  const rules = 'kubeproxy_sync_proxy_rules_';
  const counter = (name: string, help: string) =>
    createCounter({ name: `${rules}${name}`, help, labels: ip_family });
  const nft = {
    sync: counter('nftables_sync_failures_total', 'Cumulative proxy nftables sync failures'),
    cleanup: counter('nftables_cleanup_failures_total', 'Cumulative proxy nftables cleanup failures'),
  };
  const iptables = {
    sync: counter('iptables_restore_failures_total', 'Cumulative proxy iptables restore failures'),
    partial: counter(
      'iptables_partial_restore_failures_total',
      'Cumulative proxy iptables partial restore failures',
    ),
  };
  return {
    all: [nft.sync, nft.cleanup, iptables.sync, iptables.partial],
    failed: (mode: string, family: IpFamily, what: Failure): void => {
      if (mode === 'nftables' && what !== 'partial') nft[what].add([family]);
      else if (mode === 'iptables' && what !== 'cleanup') iptables[what].add([family]);
    },
  };
}

function createRules() {
  const gauge = (name: string, help: string): Gauge =>
    createGauge({ name: `kubeproxy_sync_proxy_rules_${name}`, help, labels: ['table', 'ip_family'] });
  const total = gauge('iptables_total', 'Total number of iptables rules owned by kube-proxy');
  const last = gauge('iptables_last', 'Number of iptables rules written by kube-proxy in last sync');
  return {
    all: [total, last],
    told: (family: IpFamily, report: RulesReport): void => {
      for (const table of ['nat', 'filter'] as const) {
        total.set([table, family], report.total[table]);
        last.set([table, family], report.written[table]);
      }
    },
  };
}

/** Counted when asked: Services that drop what comes here because policy Local leaves this node nothing. */
function noLocalEndpoints(source: MetricsSource): Instrument {
  return createGauge(
    {
      name: 'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
      help: 'Number of services with a Local traffic policy and no endpoints',
      labels: ['ip_family', 'traffic_policy'],
    },
    function* () {
      for (const { family, services } of source.states()) {
        const found = { internal: new Set<string>(), external: new Set<string>() };
        for (const { namespace, name, frontends } of services.values()) {
          for (const { frontend, endpoints, whenEmpty } of frontends) {
            if (endpoints.length > 0 || whenEmpty !== 'drop') continue;
            found[frontend.kind === 'clusterIP' ? 'internal' : 'external'].add(`${namespace}/${name}`);
          }
        }
        yield [[family, 'internal'], found.internal.size] as const;
        yield [[family, 'external'], found.external.size] as const;
      }
    },
  );
}
