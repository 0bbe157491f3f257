import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../../base/json.ts';
import { json, refusalOf, scopeOf, startRegistry, type TestRegistry } from '../fixtures/test-registry.ts';

let registry: TestRegistry;
before(async () => (registry = await startRegistry()));
after(() => registry.stop());

const create = (plural: string, body: JsonObject): Promise<unknown> =>
  registry.resource(plural).write.create(scopeOf(plural === 'pods' ? 'default' : ''), body);
const remove = (plural: string, name: string): Promise<unknown> =>
  registry.resource(plural).write.delete(scopeOf(plural === 'pods' ? 'default' : ''), { name, options: {} });
const pod = (spec: JsonObject): JsonObject => ({
  metadata: { name: 'p' },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
const priorityOf = async (spec: JsonObject): Promise<unknown[]> => {
  const made = json(await create('pods', pod(spec))).spec as JsonObject;
  await remove('pods', 'p');
  return [made.priorityClassName, made.priority, made.preemptionPolicy];
};

describe('the priority of a Pod', () => {
  it('is nothing without class, and that of its class with one', async () => {
    assert.deepEqual(await priorityOf({}), [undefined, 0, 'PreemptLowerPriority']);
    assert.deepEqual(await priorityOf({ priorityClassName: 'system-node-critical' }), [
      'system-node-critical',
      2_000_001_000,
      'PreemptLowerPriority',
    ]);
  });

  it('is that of the default class, of which there is one', async () => {
    await create('priorityclasses', {
      metadata: { name: 'usual' },
      value: 7,
      globalDefault: true,
      preemptionPolicy: 'Never',
    });
    assert.deepEqual(await priorityOf({}), ['usual', 7, 'Never']);
    assert.equal(
      await refusalOf(create('priorityclasses', { metadata: { name: 'b' }, value: 1, globalDefault: true })),
      '403 Forbidden: priorityclasses.scheduling.k8s.io "b" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    );
    await remove('priorityclasses', 'usual');
  });

  const refusals: Readonly<Record<string, readonly [JsonObject, string]>> = {
    'of a class that is not there': [{ priorityClassName: 'x' }, 'no PriorityClass with name x was found'],
    'said by hand': [
      { priority: 5 },
      'the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
    ],
    'with another policy': [
      { preemptionPolicy: 'Never' },
      'the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority from the given PriorityClass name',
    ],
  };
  for (const [sentence, [spec, why]] of Object.entries(refusals)) {
    it(`is refused ${sentence}`, async () => {
      assert.equal(
        await refusalOf(create('pods', pod(spec))),
        `403 Forbidden: pods "p" is forbidden: ${why}`,
      );
    });
  }
});

it('the classes of the system stay as they are', async () => {
  const name = 'system-cluster-critical';
  assert.equal(
    await refusalOf(remove('priorityclasses', name)),
    `403 Forbidden: priorityclasses.scheduling.k8s.io "${name}" is forbidden: this is a system priority class and cannot be deleted`,
  );
});
