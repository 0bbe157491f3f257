import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../api/core/v1/pod.ts';
import type {
  PodDisruptionBudget,
  PodDisruptionBudgetSpec,
  PodDisruptionBudgetStatus,
} from '../../api/policy/v1/pod-disruption-budget.ts';
import { failedStatus, planBudget, targetLeftMs, withoutTarget } from './plan.ts';
import type { OwnerScale } from './plan.ts';

const now = Date.parse('2026-01-01T00:10:00Z');
const ago = (seconds: number): string => `${new Date(now - seconds * 1000).toISOString().slice(0, 19)}Z`;

interface PodShape {
  readonly owner?: string;
  readonly isReady?: boolean;
  readonly isGoing?: boolean;
}
const pod = (name: string, { owner = 'rs', isReady = true, isGoing = false }: PodShape = {}): Pod => ({
  metadata: {
    name,
    namespace: 'ns',
    ...(isGoing ? { deletionTimestamp: ago(1) } : {}),
    ownerReferences:
      owner === ''
        ? []
        : [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }],
  },
  spec: { containers: [{ name: 'c', image: 'i' }] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
});
const budgetOf = (
  spec: PodDisruptionBudgetSpec,
  status?: PodDisruptionBudgetStatus,
): PodDisruptionBudget => ({
  metadata: { name: 'b', namespace: 'ns', generation: 2 },
  spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
  ...(status === undefined ? {} : { status }),
});
const counts = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
const three = [pod('a'), pod('b'), pod('c')];

interface Case {
  readonly spec: PodDisruptionBudgetSpec;
  readonly pods?: readonly Pod[];
  readonly scales?: Readonly<Record<string, OwnerScale>>;
  /** allowed, healthy, desired, expected */
  readonly is: readonly [number, number, number, number];
}
const scale = (replicas: number, uid = 'deployment'): OwnerScale => ({ uid, replicas });

const cases: Readonly<Record<string, Case>> = {
  'minAvailable as a number is of the Pods there are': { spec: { minAvailable: 2 }, is: [1, 3, 2, 3] },
  'minAvailable above the number of Pods lets none go': { spec: { minAvailable: 5 }, is: [0, 3, 5, 3] },
  'minAvailable 0 lets all go': { spec: { minAvailable: 0 }, is: [3, 3, 0, 3] },
  'minAvailable as a percentage is of what the controllers want, rounded up': {
    spec: { minAvailable: '50%' },
    scales: { rs: scale(5) },
    is: [0, 3, 3, 5],
  },
  'maxUnavailable as a number is taken off what the controllers want': {
    spec: { maxUnavailable: 1 },
    scales: { rs: scale(3) },
    is: [1, 3, 2, 3],
  },
  'maxUnavailable as a percentage is rounded up too': {
    spec: { maxUnavailable: '30%' },
    scales: { rs: scale(4) },
    is: [1, 3, 2, 4],
  },
  'maxUnavailable above what is wanted asks for none': {
    spec: { maxUnavailable: 9 },
    scales: { rs: scale(3) },
    is: [3, 3, 0, 3],
  },
  'two ReplicaSets of one Deployment are counted once': {
    spec: { maxUnavailable: 1 },
    pods: [pod('a'), pod('b', { owner: 'old' }), pod('c')],
    scales: { rs: scale(3), old: scale(3) },
    is: [1, 3, 2, 3],
  },
  'several controllers are added up': {
    spec: { maxUnavailable: '50%' },
    pods: [pod('a'), pod('b', { owner: 'db' })],
    scales: { rs: scale(2), db: scale(4, 'db') },
    is: [0, 2, 3, 6],
  },
  'a controller that wants none lets none go': {
    spec: { maxUnavailable: 1 },
    scales: { rs: scale(0) },
    is: [0, 3, 0, 0],
  },
  'a Pod that is not ready or is being deleted is not healthy': {
    spec: { minAvailable: 0 },
    pods: [pod('a', { isReady: false }), pod('b', { isGoing: true }), pod('c')],
    is: [1, 1, 0, 3],
  },
  'no Pods, none may go': { spec: { minAvailable: 0 }, pods: [], is: [0, 0, 0, 0] },
  'neither amount, none may go': { spec: {}, is: [0, 3, 0, 0] },
};

describe('a budget', () => {
  for (const [title, { spec, pods = three, scales = {}, is }] of Object.entries(cases)) {
    it(title, () => {
      const known = new Map(Object.entries(scales));
      const { status } = planBudget({ budget: budgetOf(spec), pods, scales: known, now });
      const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = status;
      assert.deepEqual([disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods], is);
      const [condition] = status.conditions ?? [];
      const [allowed] = is;
      assert.deepEqual(condition, {
        type: 'DisruptionAllowed',
        status: allowed > 0 ? 'True' : 'False',
        reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
        message: '',
        observedGeneration: 2,
        lastTransitionTime: ago(0),
      });
      assert.equal(status.observedGeneration, 2);
    });
  }

  it('of an amount that cannot be read is refused', () => {
    const budget = budgetOf({ maxUnavailable: 'some' });
    assert.throws(
      () => planBudget({ budget, pods: three, scales: new Map(), now }),
      /^Error: invalid value for IntOrString: invalid type: string is not a percentage$/,
    );
  });

  it('does not count evicted Pods for two minutes, and then again', () => {
    const disruptedPods = { a: ago(119), b: ago(121), gone: ago(1) };
    const budget = budgetOf({ minAvailable: 1 }, { ...counts, disruptedPods });
    const plan = planBudget({ budget, pods: three, scales: new Map(), now });
    assert.deepEqual(
      [plan.status.disruptedPods, plan.status.currentHealthy, plan.againMs],
      [{ a: ago(119) }, 2, 1001],
    );
    assert.deepEqual(
      plan.undeleted.map(({ metadata }) => metadata.name),
      ['b'],
    );
  });

  it('forgets evicted Pods that are being deleted', () => {
    const budget = budgetOf({ minAvailable: 1 }, { ...counts, disruptedPods: { a: ago(1) } });
    const plan = planBudget({ budget, pods: [pod('a', { isGoing: true })], scales: new Map(), now });
    assert.deepEqual([plan.status.disruptedPods, plan.againMs], [undefined, undefined]);
  });

  it('says since when, and keeps the conditions of others', () => {
    const other = { type: 'Other', status: 'True', reason: 'R', message: '', lastTransitionTime: ago(9) };
    const mine = { type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: 'why' };
    const conditions = [{ ...mine, lastTransitionTime: ago(60) }, other];
    const from = { ...counts, conditions };
    const after = (minAvailable: number) =>
      planBudget({ budget: budgetOf({ minAvailable }, from), pods: three, scales: new Map(), now }).status
        .conditions;
    const said = { ...mine, message: '', observedGeneration: 2 };
    assert.deepEqual(after(3), [{ ...said, reason: 'InsufficientPods', lastTransitionTime: ago(60) }, other]);
    assert.deepEqual(after(2), [
      { ...said, status: 'True', reason: 'SufficientPods', lastTransitionTime: ago(0) },
      other,
    ]);
  });

  it('that cannot be judged lets none go, and keeps what else was known', () => {
    const before = { ...counts, disruptionsAllowed: 2, currentHealthy: 3, observedGeneration: 1 };
    const { conditions, ...left } = failedStatus(budgetOf({ maxUnavailable: 1 }, before), 'no scale', now);
    assert.deepEqual(left, { ...before, disruptionsAllowed: 0 });
    assert.deepEqual(conditions, [
      {
        type: 'DisruptionAllowed',
        status: 'False',
        reason: 'SyncFailed',
        message: 'no scale',
        observedGeneration: 1,
        lastTransitionTime: ago(0),
      },
    ]);
  });
});

describe('what is said of a budget', () => {
  const notes = (spec: PodDisruptionBudgetSpec, pods: readonly Pod[]) =>
    planBudget({ budget: budgetOf(spec), pods, scales: new Map([['rs', scale(3)]]), now }).notes;

  it('is nothing as long as all is well', () => assert.deepEqual(notes({ maxUnavailable: 1 }, three), []));
  it('is that there are no Pods', () =>
    assert.deepEqual(notes({ minAvailable: 1 }, []), [
      { type: 'Normal', reason: 'NoPods', message: 'No matching pods found' },
    ]));
  it('is that Pods have no controller, where that matters', () => {
    const pods = [pod('a'), pod('lone', { owner: '' })];
    assert.deepEqual(notes({ minAvailable: 1 }, pods), []);
    const matchExpressions = [{ key: 'tier', operator: 'In', values: ['x', 'y'] }];
    const selector = { matchLabels: { b: '2', a: '1' }, matchExpressions };
    assert.deepEqual(notes({ maxUnavailable: 1, selector }, pods), [
      {
        type: 'Warning',
        reason: 'UnmanagedPods',
        message:
          'Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},' +
          'MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:tier,Operator:In,Values:[x y],},},}) were found to be unmanaged. ' +
          'As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. ' +
          'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.',
      },
    ]);
  });
});

describe('the word that a Pod is going', () => {
  const going = (since: number, reason = 'EvictionByEvictionAPI', status = 'True'): Pod => {
    const condition = { type: 'DisruptionTarget', status, reason, lastTransitionTime: ago(since) };
    return { ...pod('a'), status: { phase: 'Running', conditions: [condition] } };
  };
  const leftOf: Readonly<Record<string, readonly [Pod, number | undefined]>> = {
    'stands for two minutes': [going(30), 90_000],
    'is over then': [going(121), 0],
    'of a kubelet stays': [going(500, 'TerminationByKubelet'), undefined],
    'that was taken back is none': [going(500, '', 'False'), undefined],
    'stays on a Pod that is going': [
      { ...going(500), metadata: pod('a', { isGoing: true }).metadata },
      undefined,
    ],
    'stays on a Pod that has ended': [
      { ...going(500), status: { ...going(500).status, phase: 'Failed' } },
      undefined,
    ],
  };
  for (const [title, [of, left]] of Object.entries(leftOf)) {
    it(title, () => assert.equal(targetLeftMs(of, now), left));
  }
  it('is taken back with the time of that', () =>
    assert.deepEqual(withoutTarget(going(500), now).status?.conditions, [
      { type: 'DisruptionTarget', status: 'False', lastTransitionTime: ago(0) },
    ]));
});
