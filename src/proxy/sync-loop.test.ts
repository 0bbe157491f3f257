import assert from 'node:assert/strict';
import { it } from 'node:test';
import { realClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { createSyncLoop } from './sync-loop.ts';
import { createProxyStateTracker } from './state/proxy-state-tracker.ts';

it('goes on when the time of the machine is set back, with a least time between two syncs', async () => {
  let back = 0;
  let nSyncs = 0;
  let isDone = Promise.withResolvers<void>();
  const next = (): Promise<void> => (isDone = Promise.withResolvers()).promise;
  const node = { name: 'node-1', podCIDRs: [], nodePortAddresses: [] };
  const loop = createSyncLoop({
    tracker: createProxyStateTracker({ family: 'IPv4', node }),
    mode: { sync: async () => void nSyncs++, cleanup: async () => undefined },
    clock: { ...realClock, now: () => realClock.now() - back },
    logger: silentLogger,
    onSynced: () => isDone.resolve(),
    minSyncMs: 10,
  });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  const first = next();
  loop.requestFull();
  await first;
  back = 3_600_000;
  const second = next();
  loop.requestFull();
  await second;
  assert.equal(nSyncs, 2);
  stop.abort();
  await running;
});
