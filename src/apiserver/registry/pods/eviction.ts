import type { Pod } from '../../../api/core/v1/pod.ts';
import {
  ApiError,
  conflict,
  forbidden,
  isConflict,
  timeout,
  tooManyRequests,
} from '../../../api/errors/api-error.ts';
import { asJson, asObject, type KubeObject } from '../../../api/kind.ts';
import {
  podDisruptionBudgets,
  type PodDisruptionBudget,
  type PodDisruptionBudgetStatus,
} from '../../../api/policy/v1/pod-disruption-budget.ts';
import { fromLabelSelector, matchesLabels } from '../../../api/selectors/label-selector.ts';
import type { JsonObject } from '../../../base/json.ts';
import { admit } from '../../admission/admission.ts';
import type { DeleteOptions, Evict, RequestScope, Resource } from '../../rest/rest.ts';
import { systemScope } from '../bootstrap/bootstrap.ts';
import { freshResource, type RegistryContext, timestamp } from '../generic/context.ts';

/** Evictions that a budget's status remembers at most before its controller has to look at them (upstream: MaxDisruptedPodSize). */
const MAX_DISRUPTED = 2000;
/** Writers that come in between; upstream's EvictionsRetry. */
const ATTEMPTS = 20;
const RETRY_MS = 500;
const VIOLATED = "Cannot evict pod as it would violate the pod's disruption budget.";

export interface EvictionDeps {
  readonly context: RegistryContext;
  readonly pods: Resource<KubeObject>;
  readonly budgets: Resource<KubeObject>;
}

interface Asked {
  readonly scope: RequestScope;
  readonly name: string;
  readonly options: DeleteOptions;
}

/** POST pods/NAME/eviction, as upstream's EvictionREST: deletes the Pod unless a budget needs it. */
export function createEvict(deps: EvictionDeps): Evict {
  const { context, pods } = deps;
  return async (scope, { name, options, body }) => {
    const { namespace, user } = scope;
    const object = asObject(body);
    const request = { operation: 'create', kind: pods.kind, namespace, name, object, user } as const;
    await admit(context.admissions, { ...request, subresource: 'eviction' });
    const asked = { scope, name, options };
    for (let attempt = 1; ; attempt++) {
      const pod = (await pods.read.get(scope, name)) as Pod;
      checkPreconditions(pods, pod, options);
      try {
        return await evictOnce(deps, asked, pod);
      } catch (error) {
        if (!isConflict(error) || options.preconditions?.resourceVersion !== undefined) throw error;
        if (attempt === ATTEMPTS)
          throw timeout(`couldn't evict pod ${JSON.stringify(name)} due to conflicts`);
        await context.clock.sleep(RETRY_MS, scope.signal);
      }
    }
  };
}

async function evictOnce(deps: EvictionDeps, asked: Asked, pod: Pod): Promise<void> {
  const pinned = { ...asked, options: withVersion(asked.options, pod) };
  if (isPastBudgets(pod)) return deletePod(deps, isOver(pod) ? asked : pinned, pod);
  const [budget, another] = await budgetsOf(deps, pod);
  if (another !== undefined) throw manyBudgets();
  if (budget === undefined) return deletePod(deps, asked, pod);
  if (!mayGoUnhealthy(pod, budget)) {
    await spend(deps, budget, asked);
    return deletePod(deps, asked, pod);
  }
  // It must not have become ready meanwhile.
  await deletePod(deps, pinned, pod).catch((error: unknown) => {
    const isOurs = asked.options.preconditions?.resourceVersion === undefined;
    throw isConflict(error) && isOurs ? stillProcessed(budget.metadata.name) : error;
  });
}

const isOver = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined || status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** What has ended or not begun is missed by nobody. */
const isPastBudgets = (pod: Pod): boolean => isOver(pod) || pod.status?.phase === 'Pending';

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;

/** A Pod that is not ready counts for nothing; it may go when those that are suffice, or its owner says so. */
function mayGoUnhealthy(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (isReady(pod)) return false;
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

function withVersion(options: DeleteOptions, { metadata }: Pod): DeleteOptions {
  if (options.preconditions?.resourceVersion !== undefined) return options;
  const resourceVersion = metadata.resourceVersion ?? '';
  return { ...options, preconditions: { ...options.preconditions, resourceVersion } };
}

async function budgetsOf({ context }: EvictionDeps, pod: Pod): Promise<readonly PodDisruptionBudget[]> {
  const { objects } = await freshResource(context, { kind: podDisruptionBudgets });
  const all = [...objects.range(`${pod.metadata.namespace ?? ''}/`, '')] as readonly PodDisruptionBudget[];
  return all.filter(({ spec }) => {
    if (spec?.selector === undefined) return false;
    // Empty in policy/v1 is every Pod; policy/v1beta1's meaning of it was translated when it was written.
    return matchesLabels(fromLabelSelector(spec.selector), pod.metadata.labels);
  });
}

/** Takes one disruption off the budget, and notes the Pod there until it is gone. Throws 429 when there is none left. */
async function spend(deps: EvictionDeps, budget: PodDisruptionBudget, asked: Asked): Promise<void> {
  const { context, budgets } = deps;
  const { name, generation = 0 } = budget.metadata;
  const status = budget.status ?? {
    disruptionsAllowed: 0,
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
  };
  const { observedGeneration = 0, disruptedPods = {}, disruptionsAllowed } = status;
  if (observedGeneration < generation) throw stillProcessed(name);
  if (disruptionsAllowed < 0) throw refused(name, 'pdb disruptions allowed is negative');
  if (Object.keys(disruptedPods).length > MAX_DISRUPTED) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw refused(name, why);
  }
  if (disruptionsAllowed === 0) throw violated(budgetText(name, status));
  if (asked.scope.isDryRun) return;
  const now = timestamp(context.clock.now());
  const next = {
    ...status,
    disruptionsAllowed: disruptionsAllowed - 1,
    disruptedPods: { ...disruptedPods, [asked.name]: now },
    ...(disruptionsAllowed === 1 ? { conditions: withNoneLeft(status, now) } : {}),
  };
  const body = asJson({ ...budget, status: next });
  const scope = systemScope(asked.scope.namespace, asked.scope.signal);
  await budgets.write.update(scope, { name, body, subresource: 'status' });
}

function withNoneLeft({ conditions = [], observedGeneration = 0 }: PodDisruptionBudgetStatus, now: string) {
  const others = conditions.filter(({ type }) => type !== 'DisruptionAllowed');
  const reason = 'InsufficientPods';
  const condition = { type: 'DisruptionAllowed', status: 'False', observedGeneration, reason, message: '' };
  return [...others, { ...condition, lastTransitionTime: now }];
}

function budgetText(
  name: string,
  { conditions = [], desiredHealthy, currentHealthy }: PodDisruptionBudgetStatus,
) {
  const failed = conditions.find(
    ({ type, reason }) => type === 'DisruptionAllowed' && reason === 'SyncFailed',
  );
  return failed?.status === 'False'
    ? `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${failed.message}`
    : `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
}

const refused = (name: string, why: string): ApiError =>
  forbidden({ ...podDisruptionBudgets, plural: 'poddisruptionbudget' }, name, why);

function violated(message: string, retryAfterSeconds = 0): ApiError {
  const { status } = tooManyRequests(VIOLATED, retryAfterSeconds);
  const causes = [{ reason: 'DisruptionBudget', message }];
  return new ApiError({ ...status, details: { ...status.details, causes } });
}

const stillProcessed = (name: string): ApiError =>
  violated(`The disruption budget ${name} is still being processed by the server.`, 10);

const manyBudgets = (): ApiError =>
  new ApiError({
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    message:
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    code: 500,
  });

/** Says on the Pod why it goes, and deletes it. */
async function deletePod({ context, pods }: EvictionDeps, asked: Asked, pod: Pod): Promise<void> {
  const { scope, name, options } = asked;
  const condition = scope.isDryRun ? undefined : targetOf(pod, timestamp(context.clock.now()));
  if (condition === undefined) return void (await pods.write.delete(scope, { name, options }));
  const { uid = '', resourceVersion = '' } = pod.metadata;
  const isPinned = options.preconditions?.resourceVersion !== undefined;
  const object = await pods.write.patch(systemScope(scope.namespace, scope.signal), {
    name,
    // Whatever else has changed meanwhile: a second look would take a second disruption off the budget.
    type: 'application/strategic-merge-patch+json',
    body: {
      metadata: { uid, ...(isPinned ? { resourceVersion } : {}) },
      status: { conditions: [condition] },
    },
    subresource: 'status',
  });
  // The precondition was about the Pod before this write.
  const next = isPinned ? withVersionOf(options, object) : options;
  await pods.write.delete(scope, { name, options: next });
}

const withVersionOf = (options: DeleteOptions, { metadata }: KubeObject): DeleteOptions => ({
  ...options,
  preconditions: { ...options.preconditions, resourceVersion: metadata.resourceVersion ?? '' },
});

function checkPreconditions(
  { kind }: Resource<KubeObject>,
  pod: Pod,
  { preconditions }: DeleteOptions,
): void {
  const { name, uid = '', resourceVersion = '' } = pod.metadata;
  const wanted = preconditions?.resourceVersion;
  if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
    const why = `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
    throw conflict(kind, name, why);
  }
  if (wanted !== undefined && wanted !== resourceVersion) {
    const why = `the ResourceVersion in the precondition (${wanted}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`;
    throw conflict(kind, name, why);
  }
}

/** Undefined when the Pod says so already. */
function targetOf({ status }: Pod, now: string): JsonObject | undefined {
  const type = 'DisruptionTarget';
  const standing = status?.conditions?.find((condition) => condition.type === type);
  const said = { status: 'True', reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' };
  if (standing?.status === said.status && standing.reason === said.reason) return undefined;
  const lastTransitionTime = standing?.status === 'True' ? standing.lastTransitionTime : now;
  return { type, ...said, lastTransitionTime };
}
