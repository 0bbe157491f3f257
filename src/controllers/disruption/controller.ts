import { pods as podKind } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { objectKey } from '../../api/kind.ts';
import { podDisruptionBudgets } from '../../api/policy/v1/pod-disruption-budget.ts';
import type { PodDisruptionBudget } from '../../api/policy/v1/pod-disruption-budget.ts';
import { fromLabelSelector, matchesLabels } from '../../api/selectors/label-selector.ts';
import { messageOf } from '../../base/thrown.ts';
import { createEventRecorder } from '../../client/event-recorder.ts';
import type { EventNote } from '../../client/event-recorder.ts';
import { isOvertaken } from '../../client/expected-errors.ts';
import type { Informer } from '../../client/informer.ts';
import { alongside, createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { statusWriter } from '../workload-pods.ts';
import { controllersOf, failedStatus, needsScales, planBudget, targetLeftMs, withoutTarget } from './plan.ts';
import type { OwnerScale } from './plan.ts';
import { createScales } from './scales.ts';
import type { Scales } from './scales.ts';

/** How soon a budget that could not be judged is looked at again, when nothing of what it rests on changes before. */
const failedAgainMs = 30_000;

/** Says of each PodDisruptionBudget how many Pods may go, which evictions keep to, and takes back what was not done. */
export function createDisruptionController(deps: ControllerDeps): Controller {
  const { client, informers, clock, logger } = deps;
  const budgets = informers.for(podDisruptionBudgets);
  const pods = informers.for(podKind);
  const scales = createScales(deps);
  const recorder = createEventRecorder({ client, component: 'controllermanager', clock, logger });
  const updateStatus = statusWriter(client, podDisruptionBudgets);
  const note = recorder.record.bind(recorder, podDisruptionBudgets);

  const judge = async (budget: PodDisruptionBudget, signal: AbortSignal): Promise<number | void> => {
    const matching = attempt(
      () => podsOf(pods, budget),
      (why) => note(budget, warning('NoPods', `Failed to get pods: ${why}`)),
    );
    const plan = await expected(scales, { budget, pods: matching, signal })
      .then((known) => planBudget({ budget, pods: matching, scales: known, now: clock.now() }))
      .catch((error: unknown) => {
        if (!signal.aborted) {
          const message = `Failed to calculate the number of expected pods: ${messageOf(error)}`;
          note(budget, warning('CalculateExpectedPodCountFailed', message));
        }
        throw error;
      });
    for (const said of plan.notes) note(budget, said);
    for (const pod of plan.undeleted) {
      const message = `Pod was expected by PDB ${objectKey(budget)} to be deleted but it wasn't`;
      recorder.record(podKind, pod, warning('NotDeleted', message));
    }
    await updateStatus(budget, plan.status);
    return plan.againMs;
  };

  const reconcile = async (key: string, signal: AbortSignal): Promise<number | void> => {
    const budget = budgets.get(key);
    if (budget === undefined) return;
    try {
      return await judge(budget, signal);
    } catch (error) {
      if (signal.aborted || isOvertaken(error)) throw error;
      // Evictions must not go on by numbers that may be wrong by now.
      await updateStatus(budget, failedStatus(budget, messageOf(error), clock.now()));
      return failedAgainMs;
    }
  };

  const controller = createController(deps, {
    name: 'disruption',
    reads: [budgets, pods, ...scales.reads],
    reconcile,
    connect: (queue) => [
      budgets.onChange(({ key }) => queue.add(key)),
      pods.onChange(({ prev, next }) => {
        for (const key of concerned(budgets, prev, next)) queue.add(key);
        const [first, another] = next === undefined ? [] : budgetsOf(budgets, next);
        if (next === undefined || first === undefined || another === undefined) return;
        recorder.record(podKind, next, multiple(next, first));
      }),
      ...scales.connect((namespace) => {
        for (const budget of budgets.by('namespace', namespace)) queue.add(objectKey(budget));
      }),
    ],
  });
  return alongside(controller, createTargetController(deps), recorder);
}

/** Takes back the word that a Pod is going when it has not gone. */
function createTargetController(deps: ControllerDeps): Controller {
  const { client, informers, clock } = deps;
  const pods = informers.for(podKind);
  return createController(deps, {
    name: 'disruption-target',
    reads: [pods],
    reconcile: async (key) => {
      const pod = pods.get(key);
      const leftMs = pod === undefined ? undefined : targetLeftMs(pod, clock.now());
      if (pod === undefined || leftMs === undefined) return undefined;
      if (leftMs > 0) return leftMs;
      await client.update(podKind, withoutTarget(pod, clock.now()), { subresource: 'status' });
      return undefined;
    },
    connect: (queue) => [
      pods.onChange(({ key, next }) => {
        if (next !== undefined && targetLeftMs(next, clock.now()) !== undefined) queue.add(key);
      }),
    ],
  });
}

const warning = (reason: string, message: string): EventNote => ({ type: 'Warning', reason, message });

interface Matched {
  readonly budget: PodDisruptionBudget;
  readonly pods: readonly Pod[];
  readonly signal: AbortSignal;
}

/** What the Pods' controllers want, by their uid. Throws when one cannot be found. */
async function expected(
  scales: Scales,
  { budget, pods, signal }: Matched,
): Promise<ReadonlyMap<string, OwnerScale>> {
  const found = new Map<string, OwnerScale>();
  if (!needsScales(budget)) return found;
  const { namespace = '' } = budget.metadata;
  for (const { owner, podName } of controllersOf(pods)) {
    const scale = await scales.of({ owner, namespace, signal });
    if (scale === undefined) throw new Error(`found no controllers for pod ${JSON.stringify(podName)}`);
    found.set(owner.uid, scale);
  }
  return found;
}

/** An absent selector matches nothing, an empty one every Pod of the namespace. */
function podsOf(pods: Informer<Pod>, { metadata, spec }: PodDisruptionBudget): readonly Pod[] {
  if (spec?.selector === undefined) return [];
  const requirements = fromLabelSelector(spec.selector);
  return pods
    .by('namespace', metadata.namespace ?? '')
    .filter((pod) => matchesLabels(requirements, pod.metadata.labels));
}

/** A budget whose selector cannot be read protects no Pod. */
const budgetsOf = (budgets: Informer<PodDisruptionBudget>, { metadata }: Pod): PodDisruptionBudget[] =>
  budgets.by('namespace', metadata.namespace ?? '').filter(({ spec }) => {
    if (spec?.selector === undefined) return false;
    try {
      return matchesLabels(fromLabelSelector(spec.selector), metadata.labels);
    } catch {
      return false;
    }
  });

const concerned = (
  budgets: Informer<PodDisruptionBudget>,
  ...pods: readonly (Pod | undefined)[]
): ReadonlySet<string> =>
  new Set(pods.flatMap((pod) => (pod === undefined ? [] : budgetsOf(budgets, pod).map(objectKey))));

function multiple({ metadata }: Pod, first: PodDisruptionBudget): EventNote {
  const { name, namespace } = metadata;
  const text = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${first.metadata.name}" arbitrarily.`;
  return warning('MultiplePodDisruptionBudgets', text);
}

/** Does it, and says of a failure why before passing it on. */
function attempt<T>(work: () => T, failed: (why: string) => void): T {
  try {
    return work();
  } catch (error) {
    failed(messageOf(error));
    throw error;
  }
}
