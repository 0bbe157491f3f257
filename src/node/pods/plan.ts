import type { Container } from '../../api/core/v1/container.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Exit } from '../runtime/model.ts';
import type { ContainerRecord, ContainerRun, PodRecord, Termination } from './model.ts';

/** What is to be done for a Pod now. All empty: wait for the next change, or until `wakeAt`. */
export interface PodPlan {
  readonly start: readonly Container[];
  readonly stop: readonly {
    readonly container: Container;
    readonly why: 'deleted' | 'unhealthy' | 'done' | 'deadline';
  }[];
  /** When to plan again without a change; ms since the epoch. */
  readonly wakeAt?: number;
  /** The Pod has ended for good. */
  readonly finished?: NonNullable<PodRecord['finished']>;
}

export interface PlanInput {
  readonly pod: Pod;
  readonly record: PodRecord;
  readonly nowMs: number;
}

const minBackoffMs = 10_000;
const maxBackoffMs = 300_000;
/** A container that ran as long as this has its next restart at once (twice the longest pause, as upstream's flowcontrol.Backoff). */
const forgetAfterMs = 2 * maxBackoffMs;

export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

/** All containers of a Pod, init containers first. */
export const containersOf = ({ spec }: Pod): readonly Container[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
];

/** What to do next for a Pod, as upstream's computePodActions: init containers one after the other, then all others; restarts by policy and pause. Pure. */
export function planPod({ pod, record, nowMs }: PlanInput): PodPlan {
  const all = containersOf(pod);
  const of = (container: Container): ContainerRecord | undefined =>
    record.containers.find(({ name }) => name === container.name);
  const running = all.filter((container) => of(container)?.run !== undefined);
  const stopAll = (why: 'deleted' | 'done' | 'deadline'): PodPlan['stop'] =>
    running.map((container) => ({ container, why }));
  if (pod.metadata.deletionTimestamp !== undefined) return { start: [], stop: stopAll('deleted') };
  if (record.finished !== undefined) return { start: [], stop: stopAll('done') };
  const deadline = deadlineOf(pod, record);
  if (deadline <= nowMs) {
    const message = 'Pod was active on the node longer than the specified deadline';
    return {
      start: [],
      stop: stopAll('deadline'),
      finished: { phase: 'Failed', reason: 'DeadlineExceeded', message },
    };
  }
  const plan = planLiving({ pod, nowMs, of });
  const stop = [
    ...running
      .filter((c) => of(c)?.isUnhealthy === true)
      .map((container) => ({ container, why: 'unhealthy' as const })),
    ...(plan.finished === undefined ? [] : stopAll('done')),
  ];
  const wakeAt = Math.min(plan.wakeAt ?? Infinity, deadline);
  return { ...plan, stop, ...(wakeAt < Infinity && { wakeAt }) };
}

function deadlineOf({ spec }: Pod, { startedAt }: PodRecord): number {
  return spec.activeDeadlineSeconds === undefined ? Infinity : startedAt + spec.activeDeadlineSeconds * 1000;
}

interface Living {
  readonly pod: Pod;
  readonly nowMs: number;
  readonly of: (container: Container) => ContainerRecord | undefined;
}

type Starts = Omit<PodPlan, 'stop'>;

/** To start now, or when to try. */
function attempt(container: Container, record: ContainerRecord | undefined, nowMs: number): Starts {
  const notBefore = record?.notBefore ?? 0;
  return notBefore <= nowMs ? { start: [container] } : { start: [], wakeAt: notBefore };
}

function planLiving({ pod, nowMs, of }: Living): Starts {
  const sidecars: Starts[] = [];
  for (const container of pod.spec.initContainers ?? []) {
    const known = of(container);
    const restarted = pod.spec.containers.some((main) => of(main)?.run ?? of(main)?.terminated);
    if (isSidecar(container)) {
      if (known?.run === undefined) sidecars.push(attempt(container, known, nowMs));
      if (known?.hasStarted !== true && !restarted) return merge(sidecars);
      continue;
    }
    if (known?.run !== undefined) return merge(sidecars);
    if (known?.terminated?.exitCode === 0 || restarted) continue;
    if (known?.terminated !== undefined && pod.spec.restartPolicy === 'Never') {
      return { start: [], finished: { phase: 'Failed' } };
    }
    return merge([...sidecars, attempt(container, known, nowMs)]);
  }
  const mains = pod.spec.containers.map((container) => ({ container, known: of(container) }));
  const ended = mains.filter(({ known }) => known?.run === undefined && known?.terminated !== undefined);
  const isOver = ({ known }: (typeof mains)[number]): boolean => !mayRestart(pod, known?.terminated);
  if (ended.length === mains.length && ended.every(isOver)) {
    const hasFailed = ended.some(({ known }) => known?.terminated?.exitCode !== 0);
    return { start: [], finished: { phase: hasFailed ? 'Failed' : 'Succeeded' } };
  }
  return merge([
    ...sidecars,
    ...mains
      .filter(
        ({ known }) =>
          known?.run === undefined && (known?.terminated === undefined || mayRestart(pod, known.terminated)),
      )
      .map(({ container, known }) => attempt(container, known, nowMs)),
  ]);
}

function merge(parts: readonly Starts[]): Starts {
  const wakeAt = Math.min(...parts.map((part) => part.wakeAt ?? Infinity));
  return { start: parts.flatMap((part) => part.start), ...(wakeAt < Infinity && { wakeAt }) };
}

function mayRestart({ spec }: Pod, termination: Termination | undefined): boolean {
  switch (spec.restartPolicy) {
    case 'Never':
      return false;
    case 'OnFailure':
      return termination?.exitCode !== 0;
    default:
      return true;
  }
}

/** The record of a container whose run has ended: the first restart is at once, the next ones after 10 s doubling to 5 min. Pure. */
export function afterExit(record: ContainerRecord, termination: Termination): ContainerRecord {
  const { run: _, waiting: __, isUnhealthy: ___, ...rest } = record;
  const lived = termination.finishedAt - termination.startedAt;
  const pause = lived >= forgetAfterMs ? 0 : record.backoffMs;
  return {
    ...rest,
    terminated: termination,
    isReady: false,
    hasStarted: false,
    notBefore: termination.finishedAt + pause,
    backoffMs: pause === 0 ? minBackoffMs : Math.min(maxBackoffMs, pause * 2),
  };
}

/** The record of a container that was just started. Pure. */
export function afterStart(
  record: ContainerRecord,
  container: Container,
  run: ContainerRun,
): ContainerRecord {
  const { terminated, waiting: _, isUnhealthy: __, ...rest } = record;
  return {
    ...rest,
    run,
    ...(terminated !== undefined && { previous: terminated }),
    restartCount: terminated === undefined ? record.restartCount : record.restartCount + 1,
    hasStarted: container.startupProbe === undefined,
    isReady: container.startupProbe === undefined && container.readinessProbe === undefined,
  };
}

/** A start that failed counts as a run. Pure. */
export function countRestart(record: ContainerRecord): ContainerRecord {
  const { terminated } = record;
  return terminated === undefined
    ? record
    : { ...record, previous: terminated, restartCount: record.restartCount + 1 };
}

/** How a run ended, in the API's words. Pure. */
export function terminationOf(run: ContainerRun, exit: Exit, finishedAt: number): Termination {
  const base = { startedAt: run.startedAt, finishedAt, containerID: run.containerID };
  if (exit.isUnknown === true) {
    const message = 'The container could not be located when the pod was terminated';
    return { ...base, exitCode: 137, reason: 'ContainerStatusUnknown', message };
  }
  return { ...base, exitCode: exit.exitCode, reason: exit.exitCode === 0 ? 'Completed' : 'Error' };
}
