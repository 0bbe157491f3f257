import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IpFamily } from '../../net/ip.ts';
import { clusterIp, nodePort, proxyState, servicePort } from '../../testing/proxy-fixtures.ts';
import { sliceFixture } from '../state/fixtures.ts';
import type { ProxyState } from '../state/model.ts';
import { createProxyMetrics } from './proxy-metrics.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';

const STARTED = Date.parse('2026-01-01T00:00:00Z');
const families: readonly IpFamily[] = ['IPv4', 'IPv6'];

const world = (states: readonly ProxyState[] = []): ProxyMetrics =>
  createProxyMetrics(families, { states: () => states, startedMs: STARTED });

/** `name{label="value",…}` without `kubeproxy_` and its value, buckets left out. */
function figures({ all }: ProxyMetrics): Map<string, number> {
  const found = new Map<string, number>();
  for (const instrument of all) {
    const { name } = instrument;
    for (const { suffix, labels, value } of instrument.samples()) {
      if (suffix === '_bucket') continue;
      const text = Object.entries(labels).map(([key, each]) => `${key}="${each}"`);
      const label = text.length === 0 ? '' : `{${text.join(',')}}`;
      found.set(`${name}${suffix}${label}`.replace('kubeproxy_', ''), value);
    }
  }
  return found;
}

const slice = (sinceMs: number) =>
  sliceFixture('web-1', 'web', {
    annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': new Date(sinceMs).toISOString() },
  });

describe('the figures of the proxy', () => {
  it('tell which changes no sync has begun with, by the family that has most of them', () => {
    const metrics = world();
    const pending = () => {
      const all = figures(metrics);
      return ['service', 'endpoint'].map((what) => all.get(`sync_proxy_rules_${what}_changes_pending`));
    };
    metrics.changed({ what: 'service', next: undefined }, STARTED);
    metrics.changed({ what: 'slice', next: slice(STARTED) }, STARTED);
    metrics.changed({ what: 'slice', next: slice(STARTED) }, STARTED);
    assert.deepEqual(pending(), [1, 2]);
    metrics.taken('IPv4');
    assert.deepEqual(pending(), [1, 2]);
    metrics.taken('IPv6');
    assert.deepEqual(pending(), [0, 0]);
    assert.equal(figures(metrics).get('sync_proxy_rules_endpoint_changes_total'), 2);
    assert.equal(figures(metrics).get('sync_proxy_rules_service_changes_total'), 1);
  });

  it('measure from the change to the rules, of what the sync had begun with', () => {
    const metrics = world();
    const programmed = () => {
      const all = figures(metrics);
      const name = 'network_programming_duration_seconds';
      return ['count', 'sum'].map((what) => all.get(`${name}_${what}{ip_family="IPv4"}`));
    };
    metrics.changed({ what: 'slice', next: slice(STARTED + 1000) }, STARTED + 2000);
    metrics.taken('IPv4');
    metrics.changed({ what: 'slice', next: slice(STARTED + 2000) }, STARTED + 2000);
    const report = { family: 'IPv4', changed: new Set(['id']), durationMs: 1 } as const;
    metrics.synced(report, STARTED + 3000);
    assert.deepEqual(programmed(), [1, 2]);
    metrics.taken('IPv4');
    metrics.synced(report, STARTED + 5000);
    assert.deepEqual(programmed(), [2, 5]);
  });

  it('measure full and partial syncs, and take one that finds nothing to write for a sync', () => {
    const metrics = world();
    metrics.queued('IPv4', STARTED + 500);
    const synced = (changed: ReadonlySet<string> | undefined, atMs: number): void =>
      metrics.synced({ family: 'IPv4', changed, durationMs: 250 }, atMs);
    synced(undefined, STARTED);
    synced(new Set(['id']), STARTED);
    synced(new Set(), STARTED + 1000);
    const all = figures(metrics);
    const count = (name: string) => all.get(`${name}_duration_seconds_count{ip_family="IPv4"}`);
    assert.deepEqual(
      ['sync_proxy_rules', 'sync_full_proxy_rules', 'sync_partial_proxy_rules'].map(count),
      [2, 1, 1],
    );
    const at = (what: string) => all.get(`sync_proxy_rules_${what}_timestamp_seconds{ip_family="IPv4"}`);
    assert.deepEqual([at('last_queued'), at('last')], [STARTED / 1000 + 0.5, STARTED / 1000 + 1]);
  });

  it('count Services that drop what comes to this node, not their ports', () => {
    const dropping = { endpoints: [], whenEmpty: 'drop' } as const;
    const port = (portName: string, number: number) =>
      servicePort(
        'web',
        [
          { ...clusterIp(['10.96.0.1', number], []), ...dropping },
          { ...nodePort(30_000 + number, []), ...dropping },
        ],
        { portName, id: `default/web:${portName}/TCP` },
      );
    const refusing = servicePort('nobody', [clusterIp(['10.96.0.2', 80], [])]);
    const all = figures(world([proxyState('IPv4', [port('a', 80), port('b', 81), refusing])]));
    for (const policy of ['internal', 'external']) {
      const labels = `{ip_family="IPv4",traffic_policy="${policy}"}`;
      assert.equal(all.get(`sync_proxy_rules_no_local_endpoints_total${labels}`), 1);
    }
  });

  it('count failures by mode, and answers by their code', () => {
    const metrics = world();
    metrics.failed('nftables', 'IPv4', 'sync');
    metrics.failed('iptables', 'IPv6', 'sync');
    metrics.failed('iptables', 'IPv6', 'partial');
    metrics.rules('IPv4', { total: { nat: 12, filter: 7 }, written: { nat: 3, filter: 0 } });
    metrics.answered('healthz', 503);
    metrics.answered('livez', 200);
    metrics.reconciled('IPv4', { nEnded: 3, durationMs: 500 });
    const all = figures(metrics);
    assert.equal(all.get('sync_proxy_rules_nftables_sync_failures_total{ip_family="IPv4"}'), 1);
    assert.equal(all.get('sync_proxy_rules_iptables_restore_failures_total{ip_family="IPv6"}'), 1);
    const partial = 'sync_proxy_rules_iptables_partial_restore_failures_total{ip_family="IPv6"}';
    assert.equal(all.get(partial), 1);
    assert.equal(all.get('sync_proxy_rules_iptables_total{table="nat",ip_family="IPv4"}'), 12);
    assert.equal(all.get('sync_proxy_rules_iptables_last{table="nat",ip_family="IPv4"}'), 3);
    assert.equal(all.get('sync_proxy_rules_iptables_last{table="filter",ip_family="IPv4"}'), 0);
    assert.equal(all.get('proxy_healthz_total{code="503"}'), 1);
    assert.equal(all.get('proxy_livez_total{code="200"}'), 1);
    assert.equal(all.get('conntrack_reconciler_deleted_entries_total{ip_family="IPv4"}'), 3);
    assert.equal(all.get('conntrack_reconciler_sync_duration_seconds_sum{ip_family="IPv4"}'), 0.5);
  });
});
