import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../api/core/v1/pod.ts';
import { json, refusalOf, scopeOf, startRegistry } from '../../fixtures/test-registry.ts';

test('a toleration may be added and last longer or shorter, and not become another one', async () => {
  const registry = await startRegistry();
  const { write } = registry.resource('pods');
  const first = { key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 10 };
  const metadata = { name: 'p' };
  const containers = [{ name: 'c', image: 'i' }];
  const made = json(
    await write.create(scopeOf(), { metadata, spec: { containers, tolerations: [first] } }),
  ) as unknown as Pod;
  const to = (tolerations: readonly object[]): Promise<string> => {
    const { resourceVersion: _, ...rest } = made.metadata;
    const body = json({ ...made, metadata: rest, spec: { ...made.spec, tolerations } });
    return refusalOf(write.update(scopeOf(), { name: 'p', body }));
  };
  assert.equal(await to([{ ...first, tolerationSeconds: 20 }]), 'accepted');
  assert.equal(await to([{ key: 'b', operator: 'Exists' }, first]), 'accepted');
  assert.match(await to([{ ...first, key: 'c' }]), /existing toleration can not be modified/);
  await registry.stop();
});
