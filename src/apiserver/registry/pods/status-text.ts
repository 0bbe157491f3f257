import type { ContainerState, ContainerStatus } from '../../../api/core/v1/container-status.ts';
import type { Pod } from '../../../api/core/v1/pod.ts';

export interface PodSummary {
  readonly nReady: number;
  readonly nContainers: number;
  readonly restarts: number;
  /** Of any container; undefined when nothing ended yet. */
  readonly lastRestart: string | undefined;
  /** What kubectl shows under STATUS. */
  readonly reason: string;
}

const isSidecar = (pod: Pod, name: string): boolean =>
  pod.spec.initContainers?.find((container) => container.name === name)?.restartPolicy === 'Always';

const hasCondition = (pod: Pod, type: string): boolean =>
  pod.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ===
  true;

const exitText = ({ reason = '', signal = 0, exitCode }: NonNullable<ContainerState['terminated']>): string =>
  reason || (signal === 0 ? `ExitCode:${exitCode}` : `Signal:${signal}`);

const latest = (statuses: readonly ContainerStatus[]): string | undefined =>
  statuses
    .flatMap(({ lastState }) => lastState?.terminated?.finishedAt ?? [])
    .sort()
    .at(-1);

const totalRestarts = (statuses: readonly ContainerStatus[]): number =>
  statuses.reduce((sum, { restartCount }) => sum + restartCount, 0);

/** The state of a Pod in a word, as upstream's printPod finds it. */
export function podSummary(pod: Pod): PodSummary {
  const { status = {} } = pod;
  const init = status.initContainerStatuses ?? [];
  const main = status.containerStatuses ?? [];
  const sidecars = init.filter(({ name }) => isSidecar(pod, name));
  const nSidecars = (pod.spec.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  ).length;
  const initReason = initializingReason(pod, init);
  const isInitialized = initReason === undefined || hasCondition(pod, 'Initialized');
  const counted = isInitialized ? [...sidecars, ...main] : init;
  const isReady = (container: ContainerStatus): boolean =>
    container.ready && container.state?.running !== undefined;
  const nReadySidecars = sidecars.filter(({ started, ready }) => started === true && ready).length;
  return {
    nReady: nReadySidecars + (isInitialized ? main.filter(isReady).length : 0),
    nContainers: pod.spec.containers.length + nSidecars,
    restarts: totalRestarts(counted),
    lastRestart: latest(counted),
    reason:
      deletionReason(pod) ?? (isInitialized ? runningReason(pod, main) : initReason) ?? phaseReason(pod),
  };
}

const phaseReason = ({ status }: Pod): string => {
  const gated = status?.conditions?.find(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated',
  );
  return gated?.reason ?? (status?.reason || (status?.phase ?? ''));
};

function deletionReason({ metadata, status }: Pod): string | undefined {
  if (metadata.deletionTimestamp === undefined) return undefined;
  if (status?.reason === 'NodeLost') return 'Unknown';
  return status?.phase === 'Succeeded' || status?.phase === 'Failed' ? undefined : 'Terminating';
}

/** Undefined when every init container has done its work. */
function initializingReason(pod: Pod, statuses: readonly ContainerStatus[]): string | undefined {
  for (const [i, { name, state, started }] of statuses.entries()) {
    if (state?.terminated?.exitCode === 0 || (isSidecar(pod, name) && started === true)) continue;
    if (state?.terminated !== undefined) return `Init:${exitText(state.terminated)}`;
    const { reason = '' } = state?.waiting ?? {};
    if (reason !== '' && reason !== 'PodInitializing') return `Init:${reason}`;
    return `Init:${i}/${pod.spec.initContainers?.length ?? 0}`;
  }
  return undefined;
}

/** The first container that has something to say; undefined when all simply run. */
function runningReason(pod: Pod, statuses: readonly ContainerStatus[]): string | undefined {
  const reasons = statuses.flatMap(({ state }) => {
    if (state?.waiting?.reason) return state.waiting.reason;
    return state?.terminated === undefined ? [] : exitText(state.terminated);
  });
  const [first] = reasons;
  const hasRunning = statuses.some(({ ready, state }) => ready && state?.running !== undefined);
  if (first !== 'Completed' || !hasRunning) return first;
  return hasCondition(pod, 'Ready') ? 'Running' : 'NotReady';
}
