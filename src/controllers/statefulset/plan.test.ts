import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StatefulSet } from '../../api/apps/v1/revisioned-workloads.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { planStatefulSet } from './plan.ts';

const set = (
  spec: Partial<StatefulSet['spec']> = {},
  metadata: Partial<StatefulSet['metadata']> = {},
): StatefulSet => ({
  metadata: { name: 'db', namespace: 'shop', uid: 's', generation: 1, ...metadata },
  spec: {
    replicas: 3,
    serviceName: 'db',
    selector: {},
    template: { spec: { containers: [] } },
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0, maxUnavailable: 1 } },
    ...spec,
  },
});

/** `0`: ready; `0!`: not ready; `0x`: stopping; `0f`: failed; `0'`: of the new revision. */
function podOf(text: string): Pod {
  const [, number = '', marks = ''] = /^(\d+)(.*)$/.exec(text) ?? [];
  const isReady = !/[!f]/.test(marks);
  return {
    metadata: {
      name: `db-${number}`,
      labels: { 'controller-revision-hash': marks.includes("'") ? 'new' : 'old' },
      ...(marks.includes('x') ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { containers: [] },
    status: {
      phase: marks.includes('f') ? 'Failed' : 'Running',
      conditions: [
        { type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
    },
  };
}

const parallel = { podManagementPolicy: 'Parallel' };
const rolling = (partition: number, maxUnavailable: number | string = 1) => ({
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition, maxUnavailable } },
});
const isNew = { isRolling: true };

interface Row {
  readonly pods: string;
  readonly spec?: Partial<StatefulSet['spec']>;
  /** Whether the template has changed. */
  readonly isRolling?: boolean;
  readonly creates?: string;
  readonly deletes?: string;
}

/** The Pods there are -> the numbers that are made (with ' for the new revision) and deleted. */
const rows: Readonly<Record<string, Row>> = {
  'nothing there: the first is made': { pods: '', creates: '0' },
  'the next waits for the one before': { pods: '0!', creates: '' },
  'the next comes when the one before is ready': { pods: '0', creates: '1' },
  'a hole is filled first, with the ones above left alone': { pods: '0 2', creates: '1' },
  'one that stops is waited for': { pods: '0 1x 2', creates: '' },
  'a failed one is replaced before anything else': { pods: '0f', deletes: '0' },
  'a failed one that stops is waited for': { pods: '0fx', creates: '' },
  'all well: nothing': { pods: '0 1 2' },
  'too many: the highest goes': { pods: '0 1 2 3 4', deletes: '4' },
  'too many, one not well: it goes when it is the highest': { pods: '0 1 2 3 4!', deletes: '4' },
  'too many, one not well: the ones above it wait': { pods: '0 1 2 3! 4', deletes: '4' },
  'too many, two not well: only the lowest of them may go': { pods: '0 1 2 3! 4!', deletes: '' },
  'too many, one stops: the others wait': { pods: '0 1 2 3 4x', deletes: '' },
  'too many, one wanted is not well: none goes': { pods: '0 1! 2 3', deletes: '' },
  'too few and all at once: all are made': { pods: '1', spec: parallel, creates: '0 2' },
  'too many and all at once: all go': { pods: '0! 1 2 3 4!', spec: parallel, deletes: '4 3' },
  'a start other than zero': { pods: '0 5', spec: { ordinals: { start: 5 } }, creates: '6' },
  'numbers below the start go when all are there': {
    pods: '0 5 6 7',
    spec: { ordinals: { start: 5 } },
    deletes: '0',
  },
  'a new template: the highest goes': { pods: '0 1 2', ...isNew, deletes: '2' },
  'a new template: the next one waits for the one above': { pods: "0 1 2'!", ...isNew, deletes: '' },
  'a new template: the next one goes': { pods: "0 1 2'", ...isNew, deletes: '1' },
  'a new template: those below the partition stay': { pods: "0 1 2'", ...isNew, spec: rolling(2) },
  'a new template: one below the partition comes back as it was': {
    pods: "1 2'",
    ...isNew,
    spec: rolling(2),
    creates: '0',
  },
  'a new template: one above the partition comes back new': {
    pods: '0 1',
    ...isNew,
    spec: rolling(2),
    creates: "2'",
  },
  'a new template: several at a time': { pods: '0 1 2', ...isNew, spec: rolling(0, 2), deletes: '2 1' },
  'a new template: a share of them, rounded down': {
    pods: '0 1 2',
    ...isNew,
    spec: rolling(0, '67%'),
    deletes: '2 1',
  },
  'a new template: a share of less than one is one': {
    pods: '0 1 2',
    ...isNew,
    spec: rolling(0, '10%'),
    deletes: '2',
  },
  'a new template: one that serves nobody goes as well': {
    pods: '0! 1 2',
    ...isNew,
    spec: { ...parallel, ...rolling(0, 2) },
    deletes: '2 0',
  },
  'a new template, replaced by hand: nothing': {
    pods: '0 1 2',
    ...isNew,
    spec: { updateStrategy: { type: 'OnDelete' } },
  },
  'a new template, replaced by hand: a missing one is new': {
    pods: '0 1',
    ...isNew,
    spec: { updateStrategy: { type: 'OnDelete' } },
    creates: "2'",
  },
  'a Pod of another name is none of them': { pods: '0 1 2 9', spec: { replicas: 10 }, creates: '3' },
};

const planOf = (stateful: StatefulSet, pods: string, isRolling = false) =>
  planStatefulSet({
    set: stateful,
    pods: pods === '' ? [] : pods.split(' ').map(podOf),
    currentRevision: 'old',
    updateRevision: isRolling ? 'new' : 'old',
    nCollisions: 0,
    now: Date.parse('2026-01-01T00:00:10Z'),
  });

describe('one step of a StatefulSet', () => {
  for (const [sentence, { pods, spec, isRolling, creates = '', deletes = '' }] of Object.entries(rows)) {
    it(sentence, () => {
      const plan = planOf(set(spec), pods, isRolling);
      assert.deepEqual(
        [
          plan.creates.map(({ ordinal, revision }) => `${ordinal}${revision === 'new' ? "'" : ''}`).join(' '),
          plan.deletes.map(({ metadata }) => metadata.name.slice(3)).join(' '),
        ],
        [creates, deletes],
      );
    });
  }

  it('does nothing while it is being deleted', () => {
    const { creates, deletes, status } = planOf(set({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }), '0');
    assert.deepEqual([creates, deletes, status.replicas], [[], [], 1]);
  });

  it('counts a Pod as available after minReadySeconds, and looks again then', () => {
    const { status, againMs } = planOf(set({ minReadySeconds: 30 }), '0 1! 2');
    assert.deepEqual([status.readyReplicas, status.availableReplicas, againMs], [2, 0, 20_000]);
  });

  it('says how far an update is, and when it is done', () => {
    const facts = ({ status }: ReturnType<typeof planOf>) => [
      status.currentReplicas,
      status.updatedReplicas,
      status.currentRevision,
      status.updateRevision,
    ];
    assert.deepEqual(facts(planOf(set(), "0 1 2'", true)), [2, 1, 'old', 'new']);
    assert.deepEqual(facts(planOf(set(), "0' 1' 2'!", true)), [0, 3, 'old', 'new']);
    assert.deepEqual(facts(planOf(set(), "0' 1' 2'", true)), [3, 3, 'new', 'new']);
  });
});
