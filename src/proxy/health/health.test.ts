import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { fakeClock } from '../../base/clock.ts';
import { memoryLogger } from '../../base/logger.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { FamilyProgress } from '../service-proxy.ts';
import { createProxyHealth } from './proxy-health.ts';
import { createServiceHealth } from './service-health.ts';

describe('the health of the proxy', () => {
  const clock = fakeClock(Date.parse('2026-01-02T03:04:05.600Z'));
  const never: FamilyProgress = { lastSyncedMs: undefined, pendingSinceMs: undefined };
  const families = new Map<IpFamily, FamilyProgress>([
    ['IPv4', never],
    ['IPv6', never],
  ]);
  let isEligible = true;
  const health = createProxyHealth({
    clock,
    progress: () => families,
    isNodeEligible: () => isEligible,
    timeoutMs: 60_000,
  });

  it('is well while it starts, and says nothing of families that were never up to date', () => {
    families.set('IPv4', { ...never, pendingSinceMs: clock.now() - 100_000 });
    assert.deepEqual(health.healthz(), {
      status: 200,
      body: '{"lastUpdated":"2026-01-02T03:04:05.6Z","currentTime":"2026-01-02T03:04:05.6Z","nodeEligible":true,"healthy":true}',
    });
  });

  it('fails when a change of a family waits for twice the sync period, with the time of the last success', async () => {
    const started = clock.now();
    families.set('IPv4', { lastSyncedMs: started, pendingSinceMs: started });
    await clock.advance(59_400);
    families.set('IPv6', { lastSyncedMs: clock.now(), pendingSinceMs: clock.now() });
    assert.equal(health.livez().status, 200);
    await clock.advance(600);
    assert.equal(health.isHealthy(), false);
    assert.deepEqual(health.livez(), {
      status: 503,
      body: '{"lastUpdated":"2026-01-02T03:05:05Z","currentTime":"2026-01-02T03:05:05.6Z","healthy":false,"status":{"IPv4":{"lastUpdated":"2026-01-02T03:04:05.6Z","healthy":false},"IPv6":{"lastUpdated":"2026-01-02T03:05:05Z","healthy":true}}}',
    });
    assert.equal(health.healthz().status, 503);
    families.set('IPv4', { lastSyncedMs: clock.now(), pendingSinceMs: undefined });
    assert.equal(health.livez().status, 200);
  });

  it('sends load balancers elsewhere while the Node is about to go', () => {
    isEligible = false;
    const { status, body } = health.healthz();
    assert.equal(status, 503);
    assert.match(body, /"nodeEligible":false,"healthy":true/);
    assert.equal(health.livez().status, 200);
  });
});

describe('the health check port of a Service', () => {
  it('that another program has is told of once each time, and opened as soon as it is free', async () => {
    const clock = fakeClock();
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const refused: string[] = [];
    const stop = new AbortController();
    const service = createServiceHealth({
      clock,
      logger: memoryLogger(),
      isProxyHealthy: () => true,
      onRefused: (name) => void refused.push(name),
    });
    const running = service.run(stop.signal);
    service.update(new Map([['default/web', { port, nLocalEndpoints: 2 }]]), ['127.0.0.1']);
    while (refused.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    taken.close();
    await once(taken, 'close');
    await clock.advance(5000);
    let answer: Response | undefined;
    for (const end = Date.now() + 10_000; answer === undefined && Date.now() < end;) {
      answer = await fetch(`http://127.0.0.1:${port}/any/path`).catch(() => undefined);
    }
    assert.equal(answer?.status, 200);
    assert.equal(answer.headers.get('x-load-balancing-endpoint-weight'), '2');
    assert.deepEqual(await answer.json(), {
      service: { namespace: 'default', name: 'web' },
      localEndpoints: 2,
      serviceProxyHealthy: true,
    });
    assert.deepEqual(refused, ['default/web']);
    stop.abort();
    await running;
  });
});
