import type { Container } from '../../api/core/v1/container.ts';
import type { ContainerState, ContainerStatus } from '../../api/core/v1/container-status.ts';
import type { Pod, PodCondition, PodStatus } from '../../api/core/v1/pod.ts';
import { formatTime } from '../../api/schema/time.ts';
import type { ContainerRecord, PodRecord, Termination } from './model.ts';
import { isSidecar } from './plan.ts';

export interface StatusInput {
  readonly pod: Pod;
  readonly record: PodRecord;
  readonly nowMs: number;
  readonly hostIP: string;
}

const terminatedState = (t: Termination): NonNullable<ContainerState['terminated']> => ({
  exitCode: t.exitCode,
  reason: t.reason,
  ...(t.message !== undefined && { message: t.message }),
  startedAt: formatTime(t.startedAt),
  finishedAt: formatTime(t.finishedAt),
  containerID: t.containerID,
});

/** The pause before the restart that is due, if the container waits for one. */
const isPausing = (record: ContainerRecord, nowMs: number): boolean =>
  record.terminated !== undefined && record.waiting === undefined && record.notBefore > nowMs;

export const crashLoopMessage = (pod: Pod, record: ContainerRecord): string => {
  const seconds = Math.round((record.notBefore - (record.terminated?.finishedAt ?? 0)) / 1000);
  const { name, namespace, uid } = pod.metadata;
  return `back-off ${durationText(seconds)} restarting failed container=${record.name} pod=${name}_${namespace}(${uid})`;
};

/** As Go prints durations: `10s`, `1m20s`, `5m0s`. */
const durationText = (seconds: number): string =>
  seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;

interface ContainerInput extends StatusInput {
  readonly container: Container;
  readonly known: ContainerRecord;
  /** Whether its turn has come: init containers before it are done. */
  readonly isBlocked: boolean;
}

function stateOf({ pod, record, known, nowMs, isBlocked }: ContainerInput): ContainerState {
  if (known.run !== undefined) return { running: { startedAt: formatTime(known.run.startedAt) } };
  if (known.waiting !== undefined) return { waiting: known.waiting };
  if (known.terminated === undefined) {
    return { waiting: { reason: isBlocked ? 'PodInitializing' : 'ContainerCreating' } };
  }
  const isOver = record.finished !== undefined || pod.metadata.deletionTimestamp !== undefined;
  const willRestart = isPausing(known, nowMs) && pod.spec.restartPolicy !== 'Never';
  const hasSucceeded = known.terminated.exitCode === 0 && pod.spec.restartPolicy !== 'Always';
  if (isOver || !willRestart || hasSucceeded) return { terminated: terminatedState(known.terminated) };
  return { waiting: { reason: 'CrashLoopBackOff', message: crashLoopMessage(pod, known) } };
}

function containerStatus(input: ContainerInput): ContainerStatus {
  const { container, known } = input;
  const state = stateOf(input);
  const last = state.waiting === undefined ? known.previous : (known.terminated ?? known.previous);
  const containerID = known.run?.containerID ?? known.terminated?.containerID;
  return {
    name: container.name,
    state,
    ...(last === undefined ? { lastState: {} } : { lastState: { terminated: terminatedState(last) } }),
    ready: isContainerReady(input),
    restartCount: known.restartCount,
    image: container.image ?? '',
    imageID: container.image ?? '',
    ...(containerID !== undefined && { containerID }),
    started: known.run !== undefined && known.hasStarted,
  };
}

function isContainerReady({ container, known, pod }: ContainerInput): boolean {
  const isInit = (pod.spec.initContainers ?? []).includes(container);
  if (isInit && !isSidecar(container)) return known.terminated?.exitCode === 0;
  return known.run !== undefined && known.isReady;
}

/** The whole status of a Pod from what is known, as upstream's generateAPIPodStatus; the times of conditions that did not change are kept. Pure. */
export function podStatus(input: StatusInput): PodStatus {
  const { pod, record, hostIP } = input;
  const inits = pod.spec.initContainers ?? [];
  const recordOf = ({ name }: Container): ContainerRecord | undefined =>
    record.containers.find((known) => known.name === name);
  const isDone = (container: Container): boolean =>
    isSidecar(container)
      ? recordOf(container)?.run !== undefined && recordOf(container)?.hasStarted === true
      : recordOf(container)?.terminated?.exitCode === 0;
  const incomplete = inits.filter((container) => !isDone(container)).map(({ name }) => name);
  const hasBegun = pod.spec.containers.some((c) => recordOf(c)?.run ?? recordOf(c)?.terminated);
  const isBlocked = incomplete.length > 0 && !hasBegun;
  const statuses = (containers: readonly Container[]): ContainerStatus[] =>
    containers.flatMap((container) => {
      const known = recordOf(container);
      return known === undefined ? [] : [containerStatus({ ...input, container, known, isBlocked })];
    });
  const containerStatuses = statuses(pod.spec.containers);
  const phase = phaseOf(input, containerStatuses, isBlocked);
  const conditions = conditionsOf(input, {
    phase,
    incomplete: isBlocked ? incomplete : [],
    containerStatuses,
  });
  return {
    phase,
    conditions,
    ...(record.finished?.reason !== undefined && { reason: record.finished.reason }),
    ...(record.finished?.message !== undefined && { message: record.finished.message }),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    ...(record.ip !== '' && { podIP: record.ip, podIPs: [{ ip: record.ip }] }),
    startTime: formatTime(record.startedAt),
    ...(inits.length > 0 && { initContainerStatuses: statuses(inits) }),
    containerStatuses,
  };
}

function phaseOf(
  { record }: StatusInput,
  statuses: readonly ContainerStatus[],
  isBlocked: boolean,
): PodStatus['phase'] {
  if (record.finished !== undefined) return record.finished.phase;
  if (isBlocked) return 'Pending';
  const hasNeverRun = statuses.some(
    ({ state, lastState }) => state?.waiting !== undefined && lastState?.terminated === undefined,
  );
  return hasNeverRun || statuses.length === 0 ? 'Pending' : 'Running';
}

interface Facts {
  readonly phase: PodStatus['phase'];
  readonly incomplete: readonly string[];
  readonly containerStatuses: readonly ContainerStatus[];
}

type Condition = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;

function conditionsOf({ pod, record, nowMs }: StatusInput, facts: Facts): PodCondition[] {
  const former = pod.status?.conditions ?? [];
  const containers = readyCondition(facts);
  const wanted: Condition[] = [
    facts.incomplete.length === 0
      ? { type: 'Initialized', status: 'True' }
      : {
          type: 'Initialized',
          status: 'False',
          reason: 'ContainersNotInitialized',
          message: `containers with incomplete status: [${facts.incomplete.join(' ')}]`,
        },
    gated(pod, containers),
    { type: 'ContainersReady', ...containers },
    { type: 'PodScheduled', status: 'True' },
  ];
  return wanted.map((condition) => {
    const before = former.find(({ type }) => type === condition.type);
    const isSame = before?.status === condition.status && before.lastTransitionTime !== undefined;
    const since = condition.type === 'PodScheduled' ? record.startedAt : nowMs;
    return { ...condition, lastTransitionTime: isSame ? before.lastTransitionTime : formatTime(since) };
  });
}

function readyCondition({ phase, containerStatuses }: Facts): Omit<Condition, 'type'> {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const unready = containerStatuses.filter(({ ready }) => !ready).map(({ name }) => name);
  if (unready.length === 0 && containerStatuses.length > 0) return { status: 'True' };
  const message = `containers with unready status: [${unready.join(' ')}]`;
  return { status: 'False', reason: 'ContainersNotReady', message };
}

/** Ready also waits for the conditions others set (`spec.readinessGates`). */
function gated({ spec, status }: Pod, containers: Omit<Condition, 'type'>): Condition {
  const missing = (spec.readinessGates ?? []).filter(
    ({ conditionType }) => status?.conditions?.find(({ type }) => type === conditionType)?.status !== 'True',
  );
  if (containers.status !== 'True' || missing.length === 0) return { type: 'Ready', ...containers };
  const first = missing[0]?.conditionType ?? '';
  const message = `corresponding condition of pod readiness gate "${first}" does not exist or is not "True".`;
  return { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message };
}

/** The Pod as the API has it, with the conditions of the status that was last told it, so that their times stay while the echo is on its way. */
export function withConditions(pod: Pod, told: PodStatus | undefined): Pod {
  const own = told?.conditions ?? [];
  const others = (pod.status?.conditions ?? []).filter(
    ({ type }) => !own.some((condition) => condition.type === type),
  );
  return { ...pod, status: { ...pod.status, conditions: [...own, ...others] } };
}
