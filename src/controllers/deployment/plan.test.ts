import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment, DeploymentSpec, DeploymentStatus } from '../../api/apps/v1/deployment.ts';
import type { ReplicaSet } from '../../api/apps/v1/replica-set.ts';
import { planDeployment } from './plan.ts';
import { templateHash } from './template-hash.ts';

const now = Date.parse('2026-01-01T01:00:00Z');
const template = (image: string): DeploymentSpec['template'] => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image }] },
});

const deployment = (spec: Partial<DeploymentSpec> = {}, status: DeploymentStatus = {}): Deployment => ({
  metadata: { name: 'web', namespace: 'shop', uid: 'd', generation: 2, annotations: { note: 'x' } },
  spec: {
    replicas: 10,
    selector: { matchLabels: { app: 'web' } },
    template: template('new'),
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
    progressDeadlineSeconds: 600,
    revisionHistoryLimit: 10,
    ...spec,
  },
  status,
});

interface SetFacts {
  readonly replicas: number;
  /** Default: all. */
  readonly available?: number;
  readonly desired?: number;
  readonly max?: number;
  readonly revision?: number;
}

/** A ReplicaSet of the template with this image; the name sorts by age. */
const set = (
  image: string,
  { replicas, available = replicas, desired = 10, max = 13, revision = 1 }: SetFacts,
): ReplicaSet => ({
  metadata: {
    name: `web-${image}`,
    namespace: 'shop',
    uid: image,
    generation: 1,
    creationTimestamp: `2026-01-01T00:00:0${image.length}Z`,
    annotations: {
      note: 'x',
      'deployment.kubernetes.io/revision': String(revision),
      'deployment.kubernetes.io/desired-replicas': String(desired),
      'deployment.kubernetes.io/max-replicas': String(max),
    },
  },
  spec: {
    replicas,
    selector: {},
    template: { ...template(image), metadata: { labels: { app: 'web', 'pod-template-hash': 'h' } } },
  },
  status: { replicas, readyReplicas: available, availableReplicas: available, observedGeneration: 1 },
});

const plan = (d: Deployment, sets: readonly ReplicaSet[], nOldPods = 0) =>
  planDeployment({ deployment: d, replicaSets: sets, nOldPods, now });
const sizes = (result: ReturnType<typeof plan>): Record<string, number> =>
  Object.fromEntries(result.updates.map(({ metadata, spec }) => [metadata.name, spec.replicas ?? -1]));

it('the first ReplicaSet has all replicas, the hash in its name and labels, and revision 1', () => {
  const { create, revision } = plan(deployment(), []);
  const hash = templateHash(template('new'), 0);
  assert.match(hash, /^[bcdfghjklmnpqrstvwxz2456789]{5,10}$/);
  assert.equal(create?.metadata.name, `web-${hash}`);
  assert.equal(create?.spec.replicas, 10);
  assert.deepEqual(create?.spec.selector.matchLabels, { app: 'web', 'pod-template-hash': hash });
  assert.deepEqual(create?.spec.template?.metadata?.labels, { app: 'web', 'pod-template-hash': hash });
  assert.deepEqual(create?.metadata.annotations, {
    note: 'x',
    'deployment.kubernetes.io/revision': '1',
    'deployment.kubernetes.io/desired-replicas': '10',
    'deployment.kubernetes.io/max-replicas': '13',
  });
  assert.equal(revision, '1');
});

it('a name that is taken leads to another', () => {
  assert.notEqual(templateHash(template('new'), 0), templateHash(template('new'), 1));
  const taken = plan(deployment({}, { collisionCount: 1 }), []).create;
  assert.notEqual(taken?.metadata.name, plan(deployment(), []).create?.metadata.name);
});

describe('a step of a rolling update of 10 with surge 3 and 2 unavailable', () => {
  const cases: [
    sentence: string,
    next: SetFacts | undefined,
    old: SetFacts,
    create: number | undefined,
    expected: Record<string, number>,
  ][] = [
    ['begins with a new ReplicaSet as large as the surge', undefined, { replicas: 10 }, 3, {}],
    [
      'takes as many old ones as may be missing while the new ones are not available',
      { replicas: 3, available: 0, revision: 2 },
      { replicas: 10 },
      undefined,
      { 'web-old': 8 },
    ],
    [
      'makes new ones in the room that leaves',
      { replicas: 3, available: 0, revision: 2 },
      { replicas: 8 },
      undefined,
      { 'web-new': 5 },
    ],
    [
      'waits while nothing may be missing and there is no room',
      { replicas: 5, available: 0, revision: 2 },
      { replicas: 8 },
      undefined,
      {},
    ],
    [
      'takes old ones as new ones become available',
      { replicas: 5, available: 4, revision: 2 },
      { replicas: 8 },
      undefined,
      { 'web-old': 4 },
    ],
    [
      'takes broken old ones first, but no more than may go',
      { replicas: 5, available: 0, revision: 2 },
      { replicas: 8, available: 3 },
      undefined,
      {},
    ],
    [
      'takes broken old ones when there is room',
      { replicas: 3, available: 3, revision: 2 },
      { replicas: 10, available: 5 },
      undefined,
      { 'web-old': 5 },
    ],
    [
      'ends with the last old one',
      { replicas: 10, revision: 2 },
      { replicas: 1 },
      undefined,
      { 'web-old': 0 },
    ],
    ['ends', { replicas: 10, revision: 2 }, { replicas: 0 }, undefined, {}],
  ];
  for (const [sentence, next, old, create, expected] of cases) {
    it(sentence, () => {
      const sets = [set('old', old), ...(next === undefined ? [] : [set('new', next)])];
      const result = plan(deployment(), sets);
      assert.deepEqual([result.create?.spec.replicas, sizes(result)], [create, expected]);
    });
  }
});

describe('a change of the number of replicas', () => {
  const scaled = (replicas: number) =>
    deployment({
      replicas,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
    });
  it('goes to the only ReplicaSet', () => {
    assert.deepEqual(sizes(plan(scaled(4), [set('new', { replicas: 10 })])), { 'web-new': 4 });
    assert.deepEqual(sizes(plan(scaled(12), [set('new', { replicas: 10 })])), { 'web-new': 12 });
  });
  it('is shared in proportion in the middle of a rollout', () => {
    const sets = [set('old', { replicas: 8 }), set('new', { replicas: 5, available: 0, revision: 2 })];
    assert.deepEqual(sizes(plan(scaled(20), sets)), { 'web-old': 14, 'web-new': 9 });
    assert.deepEqual(sizes(plan(scaled(5), sets)), { 'web-old': 5, 'web-new': 3 });
  });
  it('to zero empties all', () => {
    const sets = [set('old', { replicas: 8 }), set('new', { replicas: 5, revision: 2 })];
    assert.deepEqual(sizes(plan(scaled(0), sets)), { 'web-old': 0, 'web-new': 0 });
  });
  it('from zero goes to the ReplicaSet of the template', () => {
    const sets = [
      set('old', { replicas: 0, desired: 0 }),
      set('new', { replicas: 0, desired: 0, revision: 2 }),
    ];
    assert.deepEqual(sizes(plan(scaled(3), sets)), { 'web-new': 3 });
  });
});

describe('Recreate', () => {
  const recreate = deployment({ strategy: { type: 'Recreate' } });
  it('empties what is old first', () => {
    const result = plan(recreate, [set('old', { replicas: 10, max: 10 })]);
    assert.deepEqual([result.create, sizes(result)], [undefined, { 'web-old': 0 }]);
  });
  it('waits until the last old Pod has ended', () => {
    const result = plan(recreate, [set('old', { replicas: 0, max: 10 })], 1);
    assert.deepEqual([result.create, sizes(result)], [undefined, {}]);
  });
  it('then makes the new one in one go', () => {
    assert.equal(plan(recreate, [set('old', { replicas: 0, max: 10 })]).create?.spec.replicas, 10);
  });
});

it('paused, nothing new is made and no revision is given', () => {
  const result = plan(deployment({ paused: true }), [set('old', { replicas: 10 })]);
  assert.deepEqual(
    [result.create, sizes(result), result.revision, result.deletes],
    [undefined, {}, undefined, []],
  );
});

it('a template that returns is the newest revision and remembers its old one', () => {
  const sets = [set('new', { replicas: 0, revision: 1 }), set('old', { replicas: 10, revision: 4 })];
  const [update] = plan(deployment(), sets).updates;
  assert.equal(update?.metadata.annotations?.['deployment.kubernetes.io/revision'], '5');
  assert.equal(update?.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1');
});

it('a finished rollout forgets the oldest revisions past the limit, and only those that hold nothing', () => {
  const sets = [
    set('new', { replicas: 10, revision: 5 }),
    set('a', { replicas: 0, revision: 1 }),
    set('b', { replicas: 0, revision: 2 }),
    set('c', { replicas: 0, revision: 3 }),
  ];
  const names = (d: Deployment, all = sets) => plan(d, all).deletes.map(({ metadata }) => metadata.name);
  assert.deepEqual(names(deployment({ revisionHistoryLimit: 1 })), ['web-a', 'web-b']);
  assert.deepEqual(names(deployment({ revisionHistoryLimit: 3 })), []);
  const unfinished = [set('new', { replicas: 9, revision: 5 }), ...sets.slice(1)];
  assert.deepEqual(names(deployment({ revisionHistoryLimit: 0 }), unfinished), []);
});

describe('the condition Progressing', () => {
  const at = (secondsAgo: number): string =>
    new Date(now - secondsAgo * 1000).toISOString().slice(0, 19) + 'Z';
  const progressing = (reason: string, secondsAgo = 5, status = 'True') => ({
    conditions: [
      {
        type: 'Progressing',
        status,
        reason,
        message: '',
        lastUpdateTime: at(secondsAgo),
        lastTransitionTime: at(secondsAgo),
      },
    ],
  });
  const cases: [sentence: string, d: Deployment, sets: ReplicaSet[], expected: string | undefined][] = [
    ['says that the new ReplicaSet was made', deployment(), [], 'True NewReplicaSetCreated'],
    [
      'says that it was found',
      deployment(),
      [set('new', { replicas: 10, available: 0 })],
      'True ReplicaSetUpdated',
    ],
    ['says that all is done', deployment(), [set('new', { replicas: 10 })], 'True NewReplicaSetAvailable'],
    [
      'stays done when a Pod fails later',
      deployment({}, { ...progressing('NewReplicaSetAvailable'), replicas: 10, updatedReplicas: 10 }),
      [set('new', { replicas: 10, available: 9 })],
      'True NewReplicaSetAvailable',
    ],
    [
      'waits within the deadline',
      deployment(
        {},
        {
          ...progressing('ReplicaSetUpdated', 599),
          replicas: 10,
          updatedReplicas: 10,
          readyReplicas: 3,
          availableReplicas: 3,
        },
      ),
      [set('new', { replicas: 10, available: 3 })],
      'True ReplicaSetUpdated',
    ],
    [
      'gives up after it',
      deployment(
        {},
        {
          ...progressing('ReplicaSetUpdated', 601),
          replicas: 10,
          updatedReplicas: 10,
          readyReplicas: 3,
          availableReplicas: 3,
        },
      ),
      [set('new', { replicas: 10, available: 3 })],
      'False ProgressDeadlineExceeded',
    ],
    [
      'recovers when something moves again',
      deployment(
        {},
        {
          ...progressing('ProgressDeadlineExceeded', 900, 'False'),
          replicas: 10,
          updatedReplicas: 10,
          readyReplicas: 3,
          availableReplicas: 3,
        },
      ),
      [set('new', { replicas: 10, available: 4 })],
      'True ReplicaSetUpdated',
    ],
    [
      'says that it is paused',
      deployment({ paused: true }),
      [set('new', { replicas: 10 })],
      'Unknown DeploymentPaused',
    ],
    [
      'says that it goes on',
      deployment({}, progressing('DeploymentPaused', 5, 'Unknown')),
      [set('new', { replicas: 10 })],
      'Unknown DeploymentResumed',
    ],
    [
      'is absent without a deadline',
      deployment({ progressDeadlineSeconds: 2147483647 }, progressing('ReplicaSetUpdated')),
      [set('new', { replicas: 10 })],
      undefined,
    ],
  ];
  for (const [sentence, d, sets, expected] of cases) {
    it(sentence, () => {
      const condition = plan(d, sets).status.conditions?.find(({ type }) => type === 'Progressing');
      assert.equal(condition && `${condition.status} ${condition.reason}`, expected);
    });
  }
  it('moves its time with every progress, and asks to be looked at after its deadline', () => {
    const before = {
      ...progressing('ReplicaSetUpdated', 300),
      replicas: 10,
      updatedReplicas: 10,
      availableReplicas: 2,
    };
    const result = plan(deployment({}, before), [set('new', { replicas: 10, available: 3 })]);
    const condition = result.status.conditions?.find(({ type }) => type === 'Progressing');
    assert.equal(condition?.lastUpdateTime, at(0));
    assert.equal(result.againMs, 601_000);
    assert.equal(plan(deployment(), [set('new', { replicas: 10 })]).againMs, undefined);
  });
});

describe('the condition Available', () => {
  for (const [available, expected] of [
    [8, 'True MinimumReplicasAvailable'],
    [7, 'False MinimumReplicasUnavailable'],
  ] as const) {
    it(`with ${available} of 10, 2 of which may be missing`, () => {
      const { conditions } = plan(deployment(), [set('new', { replicas: 10, available })]).status;
      const condition = conditions?.find(({ type }) => type === 'Available');
      assert.equal(condition && `${condition.status} ${condition.reason}`, expected);
    });
  }
});

it('the failure of a ReplicaSet shows, and goes with it', () => {
  const failing = set('new', { replicas: 10, available: 0 });
  const failure = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' };
  const told = plan(deployment(), [
    { ...failing, status: { replicas: 0, ...failing.status, conditions: [failure] } },
  ]).status;
  assert.equal(told.conditions?.find(({ type }) => type === 'ReplicaFailure')?.message, 'quota');
  const after = plan(deployment({}, told), [failing]).status;
  assert.equal(
    after.conditions?.some(({ type }) => type === 'ReplicaFailure'),
    false,
  );
});
