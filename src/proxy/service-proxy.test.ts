import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { services } from '../api/core/v1/service.ts';
import { endpointSlices } from '../api/discovery/v1/endpoint-slice.ts';
import { fakeClock, realClock } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { createClient } from '../client/client.ts';
import { createObjectFeed } from '../testing/object-feed.ts';
import type { ObjectFeed } from '../testing/object-feed.ts';
import { createServiceProxy } from './service-proxy.ts';
import type { ServiceProxy } from './service-proxy.ts';
import { serviceFixture, sliceFixture } from './state/fixtures.ts';
import type { ProxyMode, ProxyState } from './state/model.ts';

interface TableMode extends ProxyMode {
  readonly table: Map<string, string>;
  /** So many syncs fail. */
  fail: number;
  readonly syncs: (string[] | 'all')[];
  /** In the middle of each. */
  onSync: () => void;
}

/** A mode whose kernel is a table of `cluster IP -> endpoints`; it writes only what it is told has changed. */
function tableMode(): TableMode {
  const mode = {
    table: new Map<string, string>(),
    fail: 0,
    onSync: (): void => undefined,
    syncs: [] as (string[] | 'all')[],
    sync: async (state: ProxyState, changed?: ReadonlySet<string>): Promise<void> => {
      mode.syncs.push(changed === undefined ? 'all' : [...changed].sort());
      mode.onSync();
      if (mode.fail > 0) {
        mode.fail--;
        throw new Error('the kernel refused');
      }
      if (changed === undefined) mode.table.clear();
      for (const id of changed ?? state.services.keys()) {
        const endpoints = state.services.get(id)?.frontends[0]?.endpoints;
        if (endpoints === undefined) mode.table.delete(id);
        else mode.table.set(id, endpoints.map((e) => e.ip).join(' '));
      }
    },
    cleanup: () => Promise.resolve(),
  };
  return mode;
}

interface World {
  readonly feed: ObjectFeed;
  readonly mode: ReturnType<typeof tableMode>;
  readonly proxy: ServiceProxy;
  readonly start: () => void;
  /** How many ids each sync wrote. */
  readonly reports: readonly ('all' | number)[];
}

function world(t: TestContext, options: { clock?: Clock; fullSyncMs?: number } = {}): World {
  const feed = createObjectFeed();
  const mode = tableMode();
  const reports: ('all' | number)[] = [];
  const proxy = createServiceProxy({
    client: createClient(feed.transport),
    node: { name: 'node-1', podCIDRs: [], nodePortAddresses: [] },
    modes: { IPv4: mode },
    clock: options.clock ?? realClock,
    logger: silentLogger,
    fullSyncMs: options.fullSyncMs ?? 0,
    onSynced: ({ changed }) => void reports.push(changed?.size ?? 'all'),
  });
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  t.after(async () => {
    stop.abort();
    await running;
  });
  return { feed, mode, proxy, reports, start: () => void (running = proxy.run(stop.signal)) };
}

async function eventually(isTrue: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!isTrue()) {
    assert.ok(Date.now() < end, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const WEB = 'default/web:http/TCP';

describe('the service proxy', () => {
  it('looks at everything once both copies are complete, then writes what changes', async (t) => {
    const { feed, mode, proxy, start } = world(t);
    feed.put(services, serviceFixture('web'));
    feed.put(endpointSlices, sliceFixture('web-1', 'web', { endpoints: ['10.244.0.2'] }));
    assert.equal(proxy.health().isReady, false);
    start();
    await eventually(() => proxy.health().isReady, 'ready');
    assert.deepEqual([...mode.table], [[WEB, '10.244.0.2']]);
    feed.put(endpointSlices, sliceFixture('web-1', 'web', { endpoints: ['10.244.0.2', '10.244.0.3'] }));
    feed.put(services, serviceFixture('other', { clusterIPs: ['10.96.0.11'] }));
    await eventually(
      () => mode.table.size === 2 && mode.table.get(WEB) === '10.244.0.2 10.244.0.3',
      'the changes',
    );
    assert.equal(mode.syncs[0], 'all');
    assert.ok(!mode.syncs.slice(1).includes('all'));
    assert.equal(proxy.health().families.get('IPv4')?.pendingSinceMs, undefined);
    feed.remove(services, serviceFixture('web'));
    await eventually(() => !mode.table.has(WEB), 'the deletion');
  });

  it("does not see another proxy's Services nor headless ones", async (t) => {
    const { feed, mode, proxy, start } = world(t);
    feed.put(
      services,
      serviceFixture('a', {}, { labels: { 'service.kubernetes.io/service-proxy-name': 'x' } }),
    );
    feed.put(services, serviceFixture('b', {}, { labels: { 'service.kubernetes.io/headless': '' } }));
    feed.put(services, serviceFixture('web'));
    start();
    await eventually(() => proxy.health().isReady, 'ready');
    assert.deepEqual([...mode.table.keys()], [WEB]);
    feed.put(
      services,
      serviceFixture('web', {}, { labels: { 'service.kubernetes.io/service-proxy-name': 'x' } }),
    );
    await eventually(() => mode.table.size === 0, 'handed over to the other proxy');
  });

  it('makes one sync of a burst', async (t) => {
    const { feed, mode, proxy, start } = world(t);
    start();
    await eventually(() => proxy.health().isReady, 'ready');
    for (let i = 0; i < 50; i++)
      feed.put(services, serviceFixture(`s${i}`, { clusterIPs: [`10.96.1.${i}`] }));
    await eventually(() => mode.table.size === 50, 'all of them');
    assert.equal(mode.syncs.length, 2);
  });

  it('tells of what changes nothing here that it is true, without writing', async (t) => {
    const { feed, mode, reports, start } = world(t);
    start();
    await eventually(() => reports.length === 1, 'the first look');
    feed.put(services, serviceFixture('outward', { type: 'ExternalName', clusterIPs: [] }));
    await eventually(() => reports.length === 2, 'the report');
    assert.deepEqual([reports, mode.syncs], [['all', 0], ['all']]);
  });

  it('tries again with everything that failed and what came since', async (t) => {
    const { feed, mode, proxy, start } = world(t);
    start();
    await eventually(() => proxy.health().isReady, 'ready');
    mode.fail = 2;
    feed.put(services, serviceFixture('web'));
    await eventually(() => mode.syncs.length === 2, 'the failure');
    assert.ok(proxy.health().families.get('IPv4')?.pendingSinceMs !== undefined);
    feed.put(services, serviceFixture('other', { clusterIPs: ['10.96.0.11'] }));
    await eventually(() => mode.table.size === 2, 'both');
    assert.deepEqual(mode.syncs.at(-1), ['default/other:http/TCP', WEB]);
    assert.equal(proxy.health().families.get('IPv4')?.pendingSinceMs, undefined);
  });

  it('keeps what it has while the API server is away, and catches up', async (t) => {
    const { feed, mode, proxy, start } = world(t);
    feed.put(services, serviceFixture('web'));
    start();
    await eventually(() => proxy.health().isReady, 'ready');
    feed.setReachable(false);
    feed.remove(services, serviceFixture('web'));
    feed.put(services, serviceFixture('other', { clusterIPs: ['10.96.0.11'] }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual([...mode.table.keys()], [WEB]);
    feed.setReachable(true);
    await eventually(() => mode.table.size === 1 && !mode.table.has(WEB), 'the truth');
  });

  it('writes nothing before it knows everything', async (t) => {
    const { feed, mode, start } = world(t);
    feed.setReachable(false);
    start();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(mode.syncs, []);
  });

  it('looks at everything once more when it is asked to while it writes', async (t) => {
    const { feed, mode, proxy, start } = world(t);
    start();
    await eventually(() => proxy.health().isReady, 'ready');
    mode.onSync = () => {
      mode.onSync = () => undefined;
      proxy.lookAtAll();
    };
    feed.put(services, serviceFixture('web'));
    await eventually(() => mode.syncs.length === 3, 'the third look');
    assert.deepEqual(mode.syncs, ['all', [WEB], 'all']);
  });

  it('looks at everything again from time to time, and when the node changes', async (t) => {
    const clock = fakeClock();
    const { mode, proxy, start } = world(t, { clock, fullSyncMs: 60_000 });
    start();
    await eventually(() => proxy.health().isReady, 'ready');
    await clock.advance(60_000);
    await eventually(() => mode.syncs.length === 2, 'the second look');
    proxy.setNode({ name: 'node-1', podCIDRs: ['10.244.0.0/24'], nodePortAddresses: [] });
    await eventually(() => mode.syncs.length === 3, 'the third look');
    assert.deepEqual(mode.syncs, ['all', 'all', 'all']);
  });
});
