import { daemonSets } from '../../api/apps/v1/revisioned-workloads.ts';
import type { DaemonSet, DaemonSetStatus } from '../../api/apps/v1/revisioned-workloads.ts';
import type { Toleration } from '../../api/core/v1/affinity.ts';
import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { revisionLabel } from '../history/plan.ts';
import { controllerRef } from '../ownership.ts';
import { availableInMs, isPodFinished, isPodReady, isPodTerminating } from '../pod-state.ts';
import { matchesAffinity, untolerated } from '../scheduler/fit.ts';

const templateGenerationAnnotation = 'deprecated.daemonset.template.generation';
const templateGenerationLabel = 'pod-template-generation';

/** A daemon stays on a node in trouble: it may be what mends it (upstream: AddOrUpdateDaemonPodTolerations). */
const always: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const inNodeNetwork: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

const isSameToleration = (a: Toleration, b: Toleration): boolean =>
  a.key === b.key &&
  a.operator === b.operator &&
  a.effect === b.effect &&
  (a.value ?? '') === (b.value ?? '');

/** The Pod for a node, without a name yet; its affinity names the node, so that the scheduler has no choice. */
export function daemonPod(daemonSet: DaemonSet, nodeName: string, hash: string): Pod {
  const { template } = daemonSet.spec;
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const { name, namespace } = daemonSet.metadata;
  const generation = daemonSet.metadata.annotations?.[templateGenerationAnnotation];
  const written = template.spec.tolerations ?? [];
  const added = [...always, ...(template.spec.hostNetwork === true ? [inNodeNetwork] : [])];
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [nodeName] }];
  return {
    metadata: {
      name: '',
      generateName: `${name}-`,
      namespace,
      labels: {
        ...labels,
        [revisionLabel]: hash,
        ...(generation === undefined ? {} : { [templateGenerationLabel]: generation }),
      },
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerRef(daemonSets, daemonSet)],
    },
    spec: {
      ...template.spec,
      affinity: {
        ...template.spec.affinity,
        nodeAffinity: {
          ...template.spec.affinity?.nodeAffinity,
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
        },
      },
      tolerations: [
        ...written.filter((one) => !added.some((other) => isSameToleration(one, other))),
        ...added,
      ],
    },
  };
}

/** The node a daemon's Pod is on, or will be. */
export function nodeOf({ spec }: Pod): string | undefined {
  if (spec.nodeName !== undefined && spec.nodeName !== '') return spec.nodeName;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? []) {
    const field = matchFields.find(({ key, operator }) => key === 'metadata.name' && operator === 'In');
    if (field?.values?.length === 1) return field.values[0];
  }
  return undefined;
}

/** Whether the node should get the Pod, and whether one that is there may stay. */
export function fitOf(daemonSet: DaemonSet, node: Node): { readonly should: boolean; readonly may: boolean } {
  const { template } = daemonSet.spec;
  const { nodeName = '' } = template.spec;
  const tolerant = daemonPod(daemonSet, node.metadata.name, '');
  const asWritten: Pod = { ...tolerant, spec: { ...tolerant.spec, affinity: template.spec.affinity } };
  const isWanted = (nodeName === '' || nodeName === node.metadata.name) && matchesAffinity(asWritten, node);
  const taints = node.spec.taints ?? [];
  const evicting = taints.filter(({ effect }) => effect === 'NoExecute');
  return {
    should: isWanted && untolerated(tolerant, taints) === undefined,
    may: isWanted && untolerated(tolerant, evicting) === undefined,
  };
}

export interface DaemonPlanInput {
  readonly daemonSet: DaemonSet;
  /** All Pods that belong to it. */
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  /** Short name of the present template's revision. */
  readonly hash: string;
  readonly nCollisions: number;
  readonly now: number;
}

export interface DaemonPlan {
  /** Names of nodes that get a Pod. */
  readonly creates: readonly string[];
  readonly deletes: readonly Pod[];
  /** Those of `deletes` that failed by themselves. */
  readonly failed: readonly Pod[];
  readonly status: DaemonSetStatus;
  /** Milliseconds until a ready Pod becomes available without another event. */
  readonly againMs: number | undefined;
}

interface Place {
  readonly name: string;
  readonly should: boolean;
  readonly may: boolean;
  /** Every Pod there, those that stop among them. */
  readonly pods: readonly Pod[];
}

interface View {
  readonly input: DaemonPlanInput;
  readonly places: readonly Place[];
  readonly isAvailable: (pod: Pod) => boolean;
  readonly isNew: (pod: Pod) => boolean;
}

/** One step of upstream's DaemonSet controller: a Pod for each node that lacks one, then the rolling update. */
export function planDaemonSet(input: DaemonPlanInput): DaemonPlan {
  const { daemonSet, pods, nodes, hash, now } = input;
  const { minReadySeconds = 0 } = daemonSet.spec;
  const waits = pods.map((pod) => availableInMs(pod, minReadySeconds, now));
  const pending = waits.filter((ms): ms is number => ms !== undefined && ms > 0);
  const byNode = Map.groupBy(pods, (pod) => nodeOf(pod) ?? '');
  const places = nodes.map((node): Place => {
    const { name } = node.metadata;
    return { name, ...fitOf(daemonSet, node), pods: byNode.get(name) ?? [] };
  });
  const view: View = {
    input,
    places,
    isAvailable: (pod) => availableInMs(pod, minReadySeconds, now) === 0,
    isNew: (pod) => pod.metadata.labels?.[revisionLabel] === hash,
  };
  const status = statusOf(view);
  const againMs = pending.length === 0 ? undefined : Math.min(...pending);
  if (daemonSet.metadata.deletionTimestamp !== undefined) {
    return { creates: [], deletes: [], failed: [], status, againMs };
  }
  const base = placeActions(view);
  const rolling =
    daemonSet.spec.updateStrategy?.type === 'RollingUpdate' ? rollingActions(view, base) : noActions;
  return {
    creates: [...base.creates, ...rolling.creates],
    deletes: [...base.deletes, ...rolling.deletes.filter((pod) => !base.deletes.includes(pod))],
    failed: base.deletes.filter(({ status: { phase } = {} }) => phase === 'Failed'),
    status,
    againMs,
  };
}

interface Actions {
  readonly creates: readonly string[];
  readonly deletes: readonly Pod[];
}
const noActions: Actions = { creates: [], deletes: [] };

const byAge = (a: Pod, b: Pod): number =>
  (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '') ||
  a.metadata.name.localeCompare(b.metadata.name);

function placeActions({ input, places, isNew, isAvailable }: View): Actions {
  const creates: string[] = [];
  const deletes: Pod[] = [];
  const hasSurge = surgeOf(input.daemonSet, places) > 0;
  for (const { name, should, may, pods } of places) {
    if (!may) deletes.push(...pods.filter((pod) => !isPodTerminating(pod)));
    else if (pods.length === 0) {
      if (should) creates.push(name);
    } else {
      const living = pods.filter((pod) => !isPodTerminating(pod));
      deletes.push(...living.filter(isPodFinished));
      const running = living.filter((pod) => !isPodFinished(pod)).sort(byAge);
      // With surge a new Pod may run beside an old one; otherwise the oldest stays.
      const kept = hasSurge ? [running.find((pod) => !isNew(pod)), running.find(isNew)] : [running[0]];
      deletes.push(...running.filter((pod) => !kept.includes(pod)));
      const [old, young] = kept;
      if (hasSurge && old !== undefined && young !== undefined && isAvailable(young)) deletes.push(old);
    }
  }
  const known = new Set(places.map(({ name }) => name));
  deletes.push(...input.pods.filter((pod) => !known.has(nodeOf(pod) ?? '') && !isPodTerminating(pod)));
  return { creates, deletes };
}

/** A percentage is of the nodes that should have the Pod, rounded up. */
function scaled(amount: number | string, places: readonly Place[]): number {
  if (typeof amount === 'number') return amount;
  return Math.ceil((parseInt(amount, 10) * places.filter(({ should }) => should).length) / 100);
}

const surgeOf = ({ spec }: DaemonSet, places: readonly Place[]): number =>
  spec.updateStrategy?.type === 'RollingUpdate'
    ? scaled(spec.updateStrategy.rollingUpdate?.maxSurge ?? 0, places)
    : 0;

function rollingActions(view: View, base: Actions): Actions {
  const { input, places, isNew, isAvailable } = view;
  const surge = surgeOf(input.daemonSet, places);
  if (surge > 0) return surgeActions(view, surge);
  const { rollingUpdate } = input.daemonSet.spec.updateStrategy ?? {};
  const idle: Pod[] = [];
  const candidates: Pod[] = [];
  let nUnavailable = 0;
  for (const { should, pods } of places) {
    if (!should) continue;
    const living = pods.filter((pod) => !isPodTerminating(pod) && !base.deletes.includes(pod));
    const old = living.find((pod) => !isNew(pod));
    if (living.length !== 1) nUnavailable++;
    else if (old === undefined) nUnavailable += living.every(isAvailable) ? 0 : 1;
    else if (isAvailable(old)) candidates.push(old);
    else {
      // It serves nobody, so that replacing it costs nothing.
      nUnavailable++;
      idle.push(old);
    }
  }
  // One at least: a percentage of few nodes must not stop the update.
  const most = Math.max(1, scaled(rollingUpdate?.maxUnavailable ?? 1, places));
  return { creates: [], deletes: [...idle, ...candidates.slice(0, Math.max(0, most - nUnavailable))] };
}

/** The new Pod comes first, and the old one goes when the new one is available. */
function surgeActions({ places, isNew, isAvailable }: View, surge: number): Actions {
  const idle: string[] = [];
  const candidates: string[] = [];
  let nSurging = 0;
  for (const { name, should, pods } of places) {
    const living = pods.filter((pod) => !isPodTerminating(pod) && !isPodFinished(pod));
    const old = living.find((pod) => !isNew(pod));
    const young = living.find(isNew);
    if (!should || old === undefined) continue;
    if (young !== undefined) nSurging += isAvailable(young) ? 0 : 1;
    else if (isAvailable(old)) candidates.push(name);
    else idle.push(name);
  }
  return { creates: [...idle, ...candidates.slice(0, Math.max(0, surge - nSurging))], deletes: [] };
}

function statusOf({ input, places, isAvailable, isNew }: View): DaemonSetStatus {
  const { daemonSet, nCollisions } = input;
  const wanted = places.filter(({ should }) => should);
  const withPod = wanted.flatMap(({ pods }) => {
    const [first] = [...pods].sort((a, b) => byReady(a, b) || byAge(a, b));
    return first === undefined ? [] : [first];
  });
  const numberAvailable = withPod.filter((pod) => isPodReady(pod) && isAvailable(pod)).length;
  return {
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: withPod.length,
    numberMisscheduled: places.filter(({ should, pods }) => !should && pods.length > 0).length,
    numberReady: withPod.filter(isPodReady).length,
    updatedNumberScheduled: withPod.filter(isNew).length,
    numberAvailable,
    numberUnavailable: wanted.length - numberAvailable,
    observedGeneration: daemonSet.metadata.generation,
    collisionCount: nCollisions,
    conditions: daemonSet.status?.conditions,
  };
}

const byReady = (a: Pod, b: Pod): number => Number(isPodReady(b)) - Number(isPodReady(a));
