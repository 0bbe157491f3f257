import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Pod } from '../api/core/v1/pod.ts';
import type { Service } from '../api/core/v1/service.ts';
import { createTriggerTimes } from './trigger-time.ts';

const service: Service = { metadata: { name: 's', creationTimestamp: '2026-01-01T00:00:00Z' }, spec: {} };
const pod = (name: string, since: string): Pod => ({
  metadata: { name },
  spec: { containers: [] },
  status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }] },
});

it('the trigger is the earliest change since the last look; a deletion has none', () => {
  const times = createTriggerTimes();
  const [a, b, c] = ['2026-01-01T00:00:01Z', '2026-01-01T00:00:02Z', '2026-01-01T00:00:03Z'];
  assert.equal(times.next('k', service, []), '2026-01-01T00:00:00Z');
  assert.equal(times.next('k', service, [pod('p', a)]), a);
  assert.equal(times.next('k', service, [pod('p', a)]), undefined);
  assert.equal(times.next('k', service, [pod('p', c), pod('q', b)]), b);
  assert.equal(times.next('k', service, [pod('q', b)]), undefined);
  assert.equal(times.next('other', service, []), '2026-01-01T00:00:00Z');
  times.forget('k');
  assert.equal(times.next('k', service, [pod('q', b)]), '2026-01-01T00:00:00Z');
});
