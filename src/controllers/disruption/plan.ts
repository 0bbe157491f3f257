import type { Pod } from '../../api/core/v1/pod.ts';
import type { Condition } from '../../api/meta/v1/condition.ts';
import type { LabelSelector } from '../../api/meta/v1/label-selector.ts';
import type { OwnerReference } from '../../api/meta/v1/object-meta.ts';
import type {
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
} from '../../api/policy/v1/pod-disruption-budget.ts';
import { formatTime } from '../../api/schema/time.ts';
import type { EventNote } from '../../client/event-recorder.ts';
import { controllerOf } from '../ownership.ts';
import { isPodFinished, isPodReady, isPodTerminating, podCondition } from '../pod-state.ts';

/** How long an evicted Pod may stay undeleted before it counts again; upstream's DeletionTimeout. */
export const deletionMs = 2 * 60_000;
/** How long a Pod may be said to be going without going; upstream's stalePodDisruptionTimeout. */
export const staleTargetMs = 2 * 60_000;

/** How many Pods the controller of a Pod wants; `uid` is the Deployment's for Pods of its ReplicaSets. */
export interface OwnerScale {
  readonly uid: string;
  readonly replicas: number;
}

export interface BudgetInput {
  readonly budget: PodDisruptionBudget;
  /** All that its selector matches, whatever became of them. */
  readonly pods: readonly Pod[];
  /** By the uid of the Pods' controllers; looked at only where `needsScales` says so. */
  readonly scales: ReadonlyMap<string, OwnerScale>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface BudgetPlan {
  readonly status: PodDisruptionBudgetStatus;
  /** When an evicted Pod has to be gone. */
  readonly againMs: number | undefined;
  /** What is said of the budget. */
  readonly notes: readonly EventNote[];
  /** Evicted Pods that nobody has deleted in time. */
  readonly undeleted: readonly Pod[];
}

/** A plain `minAvailable` counts the Pods there are; all else is measured by what their controllers want. */
export const needsScales = ({ spec }: PodDisruptionBudget): boolean =>
  spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === 'string';

/** The controllers of the Pods, each once, with the name of one of its Pods. */
export function controllersOf(
  pods: readonly Pod[],
): readonly { readonly owner: OwnerReference; readonly podName: string }[] {
  const found = new Map<string, { readonly owner: OwnerReference; readonly podName: string }>();
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (owner !== undefined && !found.has(owner.uid))
      found.set(owner.uid, { owner, podName: pod.metadata.name });
  }
  return [...found.values()];
}

/** Upstream's trySync and updatePdbStatus. Throws for an amount that is neither a number nor a percentage. */
export function planBudget({ budget, pods, scales, now }: BudgetInput): BudgetPlan {
  const { expectedPods, desiredHealthy } = wanted({ budget, pods, scales, now });
  const { disruptedPods, undeleted, againMs } = evicted(budget, pods, now);
  const isGoing = ({ metadata }: Pod): boolean => {
    const at = disruptedPods[metadata.name];
    return at !== undefined && Date.parse(at) + deletionMs > now;
  };
  const currentHealthy = pods.filter(
    (pod) => !isPodTerminating(pod) && !isGoing(pod) && isPodReady(pod),
  ).length;
  // Without expected Pods nothing may go: the first ones would be there before this is looked at again.
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  const observedGeneration = budget.metadata.generation ?? 0;
  const reason = disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods';
  const { conditions = [] } = budget.status ?? {};
  const status = {
    observedGeneration,
    ...(Object.keys(disruptedPods).length === 0 ? {} : { disruptedPods }),
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    conditions: withAllowed(conditions, { reason, message: '', observedGeneration, now }),
  };
  return { status, againMs, notes: notesOn(budget, pods), undeleted };
}

/** What stands in the status when it cannot be worked out: nothing may go, and why. */
export function failedStatus(budget: PodDisruptionBudget, message: string, now: number) {
  const none = { currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  const { conditions = [], observedGeneration = 0 } = budget.status ?? {};
  const said = { reason: 'SyncFailed', message, observedGeneration, now };
  return {
    ...none,
    ...budget.status,
    disruptionsAllowed: 0,
    conditions: withAllowed(conditions, said),
  } satisfies PodDisruptionBudgetStatus;
}

function wanted({ budget, pods, scales }: BudgetInput) {
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  if (!needsScales(budget)) {
    if (typeof minAvailable !== 'number') return { expectedPods: 0, desiredHealthy: 0 };
    return { expectedPods: pods.length, desiredHealthy: minAvailable };
  }
  const replicas = new Map<string, number>();
  for (const { owner } of controllersOf(pods)) {
    const scale = scales.get(owner.uid);
    if (scale !== undefined) replicas.set(scale.uid, scale.replicas);
  }
  const expectedPods = [...replicas.values()].reduce((sum, each) => sum + each, 0);
  const desiredHealthy =
    maxUnavailable === undefined
      ? amountOf(minAvailable ?? 0, expectedPods)
      : Math.max(0, expectedPods - amountOf(maxUnavailable, expectedPods));
  return { expectedPods, desiredHealthy };
}

/** A percentage is rounded up, of what may be missing too. */
function amountOf(amount: number | string, total: number): number {
  if (typeof amount === 'number') return amount;
  const percent = /^(\d+)%$/.exec(amount)?.[1];
  if (percent === undefined) {
    throw new Error('invalid value for IntOrString: invalid type: string is not a percentage');
  }
  return Math.ceil((Number(percent) * total) / 100);
}

/** Of the Pods that were evicted, those still to be waited for and those whose time is over. */
function evicted({ status }: PodDisruptionBudget, pods: readonly Pod[], now: number) {
  const disruptedPods: Record<string, string> = {};
  const undeleted: Pod[] = [];
  let againMs: number | undefined;
  for (const pod of pods) {
    const { name } = pod.metadata;
    const at = status?.disruptedPods?.[name];
    if (at === undefined || isPodTerminating(pod)) continue;
    const leftMs = Date.parse(at) + deletionMs - now;
    if (leftMs < 0) {
      undeleted.push(pod);
      continue;
    }
    disruptedPods[name] = at;
    // A millisecond more, since it is over only after this time.
    againMs = Math.min(againMs ?? Infinity, leftMs + 1);
  }
  return { disruptedPods, undeleted, againMs };
}

interface Said {
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly now: number;
}

/** As apimachinery's SetStatusCondition: the time is that of the last change between True and False. */
function withAllowed(conditions: readonly Condition[], { now, ...said }: Said): Condition[] {
  const type = 'DisruptionAllowed';
  const status = said.reason === 'SufficientPods' ? 'True' : 'False';
  const standing = conditions.find((condition) => condition.type === type);
  const lastTransitionTime = standing?.status === status ? standing.lastTransitionTime : formatTime(now);
  const next = { ...said, type, status, lastTransitionTime };
  return standing === undefined
    ? [...conditions, next]
    : conditions.map((condition) => (condition === standing ? next : condition));
}

function notesOn(budget: PodDisruptionBudget, pods: readonly Pod[]): readonly EventNote[] {
  if (pods.length === 0) return [{ type: 'Normal', reason: 'NoPods', message: 'No matching pods found' }];
  if (!needsScales(budget) || pods.every((pod) => controllerOf(pod) !== undefined)) return [];
  const message =
    `Pods selected by this PodDisruptionBudget (selector: ${selectorText(budget.spec?.selector)}) were found to be unmanaged. ` +
    'As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. ' +
    'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.';
  return [{ type: 'Warning', reason: 'UnmanagedPods', message }];
}

/** A selector as Go prints it. */
function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector = {}): string {
  const labels = Object.entries(matchLabels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`);
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}

/**
 * How long the Pod may still be said to be going, in milliseconds and at least 0; undefined when nobody says so, or what
 * is said stays: of a kubelet, and of Pods that are going or have ended.
 */
export function targetLeftMs(pod: Pod, now: number): number | undefined {
  const target = podCondition(pod, 'DisruptionTarget');
  if (target?.status !== 'True' || target.reason === 'TerminationByKubelet') return undefined;
  if (isPodTerminating(pod) || isPodFinished(pod)) return undefined;
  const since = Date.parse(target.lastTransitionTime ?? '');
  return Number.isNaN(since) ? 0 : Math.max(0, since + staleTargetMs - now);
}

/** The Pod, not said to be going any more. */
export function withoutTarget(pod: Pod, now: number): Pod {
  const conditions = pod.status?.conditions?.map((condition) =>
    condition.type === 'DisruptionTarget'
      ? { type: condition.type, status: 'False', lastTransitionTime: formatTime(now) }
      : condition,
  );
  return { ...pod, status: { ...pod.status, conditions } };
}
