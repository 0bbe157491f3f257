import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiError } from '../../../api/errors/api-error.ts';
import type { PodDisruptionBudget } from '../../../api/policy/v1/pod-disruption-budget.ts';
import type { Pod } from '../../../api/core/v1/pod.ts';
import type { JsonObject } from '../../../base/json.ts';
import { createMemoryStore } from '../../../storage/memory/memory-store.ts';
import type { Store } from '../../../storage/store.ts';
import { json, scopeOf, startRegistry, type TestRegistry } from '../../fixtures/test-registry.ts';

const WATCHED = { finalizers: ['test/keep'], labels: { app: 'web' } };

async function withPod(
  work: (registry: TestRegistry) => Promise<void>,
  {
    phase = 'Running',
    isReady = true,
    store = createMemoryStore(),
  }: { readonly phase?: string; readonly isReady?: boolean; readonly store?: Store } = {},
): Promise<void> {
  const registry = await startRegistry({ store });
  try {
    const { write } = registry.resource('pods');
    const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] };
    const pod = await write.create(scopeOf(), { metadata: { name: 'p', ...WATCHED }, spec });
    const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }];
    const body = { ...json(pod), status: { phase, conditions } };
    await write.update(scopeOf(), { name: 'p', body, subresource: 'status' });
    await work(registry);
  } finally {
    await registry.stop();
  }
}

async function budget(
  registry: TestRegistry,
  status: JsonObject,
  { name = 'b', ...spec }: JsonObject & { readonly name?: string } = {},
): Promise<void> {
  const { write } = registry.resource('poddisruptionbudgets');
  const selector = { matchLabels: { app: 'web' } };
  const made = await write.create(scopeOf(), {
    metadata: { name },
    spec: { selector, minAvailable: 1, ...spec },
  });
  const counts = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  const body = { ...json(made), status: { observedGeneration: 1, ...counts, ...status } };
  await write.update(scopeOf(), { name, body, subresource: 'status' });
}

const evict = (registry: TestRegistry, options: JsonObject = {}, scope = scopeOf()): Promise<void> => {
  const asked = registry
    .resource('pods')
    .evict?.(scope, { name: 'p', options, body: { metadata: { name: 'p' } } });
  assert.ok(asked);
  return asked;
};

interface Outcome {
  readonly said: string;
  readonly isGoing: boolean;
}

async function outcomeOf(registry: TestRegistry, asked = evict(registry)): Promise<Outcome> {
  const said = await asked.then(
    () => 'evicted',
    (error: unknown) => {
      assert.ok(error instanceof ApiError, String(error));
      return [
        error.code,
        error.message,
        ...(error.status.details?.causes ?? []).map(({ message }) => message),
      ].join(' | ');
    },
  );
  const pod = await registry.resource('pods').read.get(scopeOf(), 'p');
  return { said, isGoing: pod.metadata.deletionTimestamp !== undefined };
}

const spent = (text: string): Outcome => ({
  said: `429 | Cannot evict pod as it would violate the pod's disruption budget. | The disruption budget b ${text}`,
  isGoing: false,
});
const evicted: Outcome = { said: 'evicted', isGoing: true };

interface Case {
  readonly pod?: { readonly phase?: string; readonly isReady?: boolean };
  readonly budgets: readonly (readonly [
    status: JsonObject,
    spec?: JsonObject & { readonly name?: string },
  ])[];
  readonly is: Outcome;
}

const cases: Readonly<Record<string, Case>> = {
  'a Pod that no budget protects goes': { budgets: [], is: evicted },
  'a budget of other Pods does not matter': {
    budgets: [[{}, { selector: { matchLabels: { app: 'other' } } }]],
    is: evicted,
  },
  'a budget that selects nothing protects nothing': { budgets: [[{}, { selector: null }]], is: evicted },
  'a budget with something left lets it go': {
    budgets: [[{ disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1 }]],
    is: evicted,
  },
  'a spent budget keeps it': {
    budgets: [[{ currentHealthy: 1, desiredHealthy: 1 }]],
    is: spent('needs 1 healthy pods and has 1 currently'),
  },
  'a budget that nobody has looked at since it changed keeps it': {
    budgets: [[{ observedGeneration: 0, disruptionsAllowed: 5 }]],
    is: spent('is still being processed by the server.'),
  },
  'a budget that cannot be judged keeps it, and says why': {
    budgets: [
      [
        {
          conditions: [
            {
              type: 'DisruptionAllowed',
              status: 'False',
              reason: 'SyncFailed',
              message: 'no scale',
              lastTransitionTime: '2026-01-01T00:00:00Z',
            },
          ],
        },
      ],
    ],
    is: spent('does not allow evicting pods currently because it failed sync: no scale'),
  },
  'a Pod of two budgets is nobody’s': {
    budgets: [[{ disruptionsAllowed: 1 }], [{ disruptionsAllowed: 1 }, { name: 'c' }]],
    is: {
      said: '500 | This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      isGoing: false,
    },
  },
  'a Pod that has not begun goes': { pod: { phase: 'Pending' }, budgets: [[{}]], is: evicted },
  'a Pod that has failed goes': { pod: { phase: 'Failed' }, budgets: [[{}]], is: evicted },
  'a Pod that is not ready goes when enough others are': {
    pod: { isReady: false },
    budgets: [[{ currentHealthy: 1, desiredHealthy: 1 }]],
    is: evicted,
  },
  'a Pod that is not ready stays when too few others are': {
    pod: { isReady: false },
    budgets: [[{ currentHealthy: 0, desiredHealthy: 1 }]],
    is: spent('needs 1 healthy pods and has 0 currently'),
  },
  'a Pod that is not ready goes when the budget always allows that': {
    pod: { isReady: false },
    budgets: [[{ currentHealthy: 0, desiredHealthy: 1 }, { unhealthyPodEvictionPolicy: 'AlwaysAllow' }]],
    is: evicted,
  },
};

describe('an eviction', () => {
  for (const [title, { pod, budgets, is }] of Object.entries(cases)) {
    it(title, () =>
      withPod(async (registry) => {
        for (const [status, spec] of budgets) await budget(registry, status, spec);
        assert.deepEqual(await outcomeOf(registry), is);
      }, pod),
    );
  }

  it('is taken off the budget, and noted there and on the Pod', () =>
    withPod(async (registry) => {
      await budget(registry, { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1 });
      await evict(registry);
      const { read } = registry.resource('poddisruptionbudgets');
      const { status } = (await read.get(scopeOf(), 'b')) as PodDisruptionBudget;
      assert.equal(status?.disruptionsAllowed, 0);
      assert.deepEqual(Object.keys(status?.disruptedPods ?? {}), ['p']);
      const [condition] = status?.conditions ?? [];
      assert.deepEqual(
        [condition?.type, condition?.status, condition?.reason],
        ['DisruptionAllowed', 'False', 'InsufficientPods'],
      );
      const pod = json(await registry.resource('pods').read.get(scopeOf(), 'p'));
      const { conditions } = pod.status as unknown as { conditions: readonly JsonObject[] };
      assert.deepEqual(
        conditions.find(({ type }) => type === 'DisruptionTarget'),
        {
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'EvictionByEvictionAPI',
          message: 'Eviction API: evicting',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      );
    }));

  it('is taken off the budget once, though the Pod changes meanwhile', async () => {
    const store = createMemoryStore();
    let inBetween: (() => Promise<unknown>) | undefined;
    const commit: Store['commit'] = async (writes) => {
      const result = await store.commit(writes);
      const [first] = writes;
      const meanwhile = first?.key.startsWith('/registry/poddisruptionbudgets') ? inBetween : undefined;
      if (meanwhile !== undefined) inBetween = undefined;
      await meanwhile?.();
      return result;
    };
    await withPod(
      async (registry) => {
        await budget(registry, { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1 });
        const body = { status: { message: 'of its kubelet' } };
        const type = 'application/merge-patch+json';
        inBetween = () =>
          registry.resource('pods').write.patch(scopeOf(), { name: 'p', type, body, subresource: 'status' });
        let outcome: Outcome | undefined;
        void outcomeOf(registry).then((found) => (outcome = found));
        while (outcome === undefined) await registry.clock.advance(500);
        assert.deepEqual(outcome, evicted);
        assert.equal(inBetween, undefined);
        const { status } = json(await registry.resource('pods').read.get(scopeOf(), 'p')) as unknown as Pod;
        assert.equal(status?.message, 'of its kubelet');
        assert.deepEqual(status.conditions?.map(({ type: of }) => of).sort(), ['DisruptionTarget', 'Ready']);
      },
      { store: { ...store, commit } },
    );
  });

  it('that is dry changes nothing', () =>
    withPod(async (registry) => {
      await budget(registry, { disruptionsAllowed: 1 });
      assert.deepEqual(
        await outcomeOf(registry, evict(registry, {}, scopeOf('default', { isDryRun: true }))),
        { said: 'evicted', isGoing: false },
      );
      const { read } = registry.resource('poddisruptionbudgets');
      assert.equal(((await read.get(scopeOf(), 'b')) as PodDisruptionBudget).status?.disruptionsAllowed, 1);
    }));

  it('keeps to its preconditions', () =>
    withPod(async (registry) => {
      const stale = evict(registry, { preconditions: { resourceVersion: '1' } });
      const { said, isGoing } = await outcomeOf(registry, stale);
      assert.match(said, /^409 \| .*the ResourceVersion in the precondition \(1\) does not match/);
      assert.equal(isGoing, false);
      const other = await outcomeOf(registry, evict(registry, { preconditions: { uid: 'other' } }));
      assert.match(other.said, /^409 \| .*the UID in the precondition \(other\) does not match/);
      assert.equal(other.isGoing, false);
    }));

  it('of a Pod that is not there is refused', () =>
    withPod(async (registry) => {
      const asked = registry
        .resource('pods')
        .evict?.(scopeOf(), { name: 'none', options: {}, body: { metadata: { name: 'none' } } });
      await assert.rejects(asked ?? Promise.resolve(), /pods "none" not found/);
    }));
});
