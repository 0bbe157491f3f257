import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { replicaSets } from '../../api/apps/v1/replica-set.ts';
import type { ReplicaSet } from '../../api/apps/v1/replica-set.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { planReplicas, podFromTemplate } from './plan.ts';
import { slowStart } from './slow-start.ts';

const now = Date.parse('2026-01-01T01:00:00Z');

const set = (spec: Partial<ReplicaSet['spec']> = {}): ReplicaSet => ({
  metadata: { name: 'web-abc', namespace: 'shop', uid: 'rs', generation: 4 },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web', tier: 'x' }, annotations: { a: 'b' } },
      spec: { containers: [] },
    },
    ...spec,
  },
});

interface Facts {
  readonly node?: string;
  readonly phase?: string;
  readonly readySince?: string | undefined;
  readonly cost?: string;
  readonly restarts?: number;
  readonly born?: string;
  readonly isGoing?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

const pod = (name: string, facts: Facts = {}): Pod => {
  const readySince = 'readySince' in facts ? facts.readySince : '2026-01-01T00:00:00Z';
  return {
    metadata: {
      name,
      namespace: 'shop',
      uid: name,
      labels: facts.labels ?? { app: 'web', tier: 'x' },
      creationTimestamp: facts.born ?? '2026-01-01T00:00:00Z',
      ...(facts.isGoing === true ? { deletionTimestamp: '2026-01-01T00:30:00Z' } : {}),
      ...(facts.cost === undefined
        ? {}
        : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': facts.cost } }),
    },
    spec: { containers: [], nodeName: facts.node ?? 'node-1' },
    status: {
      phase: facts.phase ?? 'Running',
      conditions: [
        {
          type: 'Ready',
          status: readySince === undefined ? 'False' : 'True',
          ...(readySince === undefined ? {} : { lastTransitionTime: readySince }),
        },
      ],
      containerStatuses: [
        { name: 'c', restartCount: facts.restarts ?? 0, ready: true, image: '', imageID: '' },
      ],
    },
  };
};

const plan = (pods: readonly Pod[], spec: Partial<ReplicaSet['spec']> = {}, related = pods) =>
  planReplicas({ replicaSet: set(spec), pods, related, now });

describe('of two Pods, one too many, the one goes that', () => {
  const cases: [sentence: string, goes: Facts, stays: Facts][] = [
    ['has no node', { node: '' }, {}],
    ['is pending', { phase: 'Pending' }, {}],
    ['is not ready', { readySince: undefined }, {}],
    ['is cheaper to delete', { cost: '-5' }, { cost: '5' }],
    ['shares its node with more of its kind', { node: 'crowded' }, { node: 'empty' }],
    ['became ready later', { readySince: '2026-01-01T00:20:00Z' }, {}],
    ['restarted more often', { restarts: 3 }, { restarts: 1 }],
    ['is younger', { born: '2026-01-01T00:10:00Z' }, {}],
    [
      'is not ready, although it is cheaper to keep',
      { readySince: undefined, cost: '100' },
      { cost: '-100' },
    ],
  ];
  for (const [sentence, goes, stays] of cases) {
    it(sentence, () => {
      const pods = [pod('b-stays', stays), pod('a-goes', goes)];
      const neighbours = [pod('c', { node: 'crowded' }), pod('d', { node: 'crowded' })];
      const { deletes, nCreate } = plan(pods, { replicas: 1 }, [...pods, ...neighbours]);
      assert.deepEqual([deletes.map(({ metadata }) => metadata.name), nCreate], [['a-goes'], 0]);
      const renamed = [pod('a-stays', stays), pod('b-goes', goes)];
      const again = plan(renamed, { replicas: 1 }, [...renamed, ...neighbours]);
      assert.deepEqual(
        again.deletes.map(({ metadata }) => metadata.name),
        ['b-goes'],
      );
    });
  }
});

it('finished and stopping Pods do not count and are replaced', () => {
  const { nCreate, deletes, status } = plan([
    pod('a'),
    pod('b', { phase: 'Failed' }),
    pod('c', { isGoing: true }),
  ]);
  assert.deepEqual([nCreate, deletes.length, status.replicas], [2, 0, 1]);
});

it('at most 500 at once', () => {
  assert.equal(plan([], { replicas: 2000 }).nCreate, 500);
});

it('the status counts what is labelled like the template, ready and available', () => {
  const pods = [
    pod('old'),
    pod('fresh', { readySince: '2026-01-01T00:59:55Z' }),
    pod('unready', { readySince: undefined }),
    pod('other', { labels: { app: 'web' } }),
  ];
  const { status, againMs } = plan(pods, { minReadySeconds: 30 });
  assert.deepEqual(status, {
    replicas: 4,
    fullyLabeledReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 2,
    observedGeneration: 4,
    conditions: undefined,
  });
  assert.equal(againMs, 25_000);
  assert.equal(plan(pods).againMs, undefined);
});

it('a new Pod is the template, owned, with a name to be made', () => {
  assert.deepEqual(podFromTemplate(replicaSets, set()).metadata, {
    name: '',
    generateName: 'web-abc-',
    namespace: 'shop',
    labels: { app: 'web', tier: 'x' },
    annotations: { a: 'b' },
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'web-abc',
        uid: 'rs',
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  });
});

describe('a slow start', () => {
  it('does everything when all goes well', async () => {
    let n = 0;
    await slowStart(10, async () => void n++);
    assert.equal(n, 10);
  });
  it('stops after one call when the first fails, after three when the second batch does', async () => {
    for (const [failFrom, expected] of [
      [1, 1],
      [2, 3],
    ] as const) {
      let n = 0;
      const task = async () => {
        if (++n >= failFrom) throw new Error('no');
      };
      await assert.rejects(slowStart(10, task), /no/);
      assert.equal(n, expected);
    }
  });
});
