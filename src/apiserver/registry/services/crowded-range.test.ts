import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Service } from '../../../api/core/v1/service.ts';
import { createMemoryStore } from '../../../storage/memory/memory-store.ts';
import { refusalOf, scopeOf, startRegistry } from '../../fixtures/test-registry.ts';

it('two servers share out a range to its last port, and say that it is full', async () => {
  const store = createMemoryStore();
  const config = { nodePortRange: { first: 30000, size: 20 } };
  const first = await startRegistry({ store, config });
  const second = await startRegistry({ store, config });
  try {
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, (_, i) => {
        const { write } = (i % 2 === 0 ? first : second).resource('services');
        const spec = { type: 'NodePort', ports: [{ port: 80 }] };
        return refusalOf(write.create(scopeOf(), { metadata: { name: `s${i}` }, spec }));
      }),
    );
    const refused = outcomes.filter((outcome) => outcome !== 'accepted');
    assert.equal(refused.length, 10, refused.join('\n'));
    for (const refusal of refused) assert.match(refusal, /^500 InternalError: .*range is full/);
    const { items } = await first.resource('services').read.list(scopeOf(), {
      labelSelector: [],
      fieldSelector: [],
    });
    const ports = items.flatMap(
      (service) => (service as Service).spec.ports?.map(({ nodePort }) => nodePort) ?? [],
    );
    const given = ports.filter((port) => port !== undefined);
    assert.equal(new Set(given).size, 20);
  } finally {
    await second.stop();
    await first.stop();
  }
});
