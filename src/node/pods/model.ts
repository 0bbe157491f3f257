import type { ProcessRecord } from '../runtime/model.ts';

/** A run of a container that has ended. Times are ms since the epoch. */
export interface Termination {
  readonly exitCode: number;
  /** `Completed`, `Error`, `StartError`, `ContainerStatusUnknown` … */
  readonly reason: string;
  readonly message?: string;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly containerID: string;
}

/** A run of a container that goes on. */
export interface ContainerRun {
  readonly process: ProcessRecord;
  readonly startedAt: number;
  readonly containerID: string;
  readonly directory: string;
  readonly logPath: string;
}

/** Everything known of one container, as it is written to the Pod's state file. */
export interface ContainerRecord {
  readonly name: string;
  readonly restartCount: number;
  /** Set while it runs. */
  readonly run?: ContainerRun;
  /** How the latest run ended, while no other goes on. */
  readonly terminated?: Termination;
  /** How the run before the present or latest one ended. */
  readonly previous?: Termination;
  /** Why it could not be started. */
  readonly waiting?: { readonly reason: string; readonly message: string };
  /** Settled result of the readiness probe; true without one as soon as it runs. */
  readonly isReady: boolean;
  /** Settled result of the startup probe; true without one as soon as it runs. */
  readonly hasStarted: boolean;
  /** The liveness or startup probe gave it up: it is stopped and then restarted. */
  readonly isUnhealthy?: boolean;
  /** The pause before the next restart; 0 when the next one is at once. */
  readonly backoffMs: number;
  /** Not to be started before; ms since the epoch. */
  readonly notBefore: number;
}

/** Everything known of one Pod that must survive the agent. */
export interface PodRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
  /** When the agent first saw it; ms since the epoch. */
  readonly startedAt: number;
  /** Init containers first, in the order of the spec. */
  readonly containers: readonly ContainerRecord[];
  /** Ended for good; nothing is started any more. */
  readonly finished?: {
    readonly phase: 'Succeeded' | 'Failed';
    readonly reason?: string;
    readonly message?: string;
  };
}

export const newContainerRecord = (name: string): ContainerRecord => ({
  name,
  restartCount: 0,
  isReady: false,
  hasStarted: false,
  backoffMs: 0,
  notBefore: 0,
});

/** Replaces the container's record by what `change` makes of it. */
export function withContainer(
  record: PodRecord,
  name: string,
  change: (container: ContainerRecord) => ContainerRecord,
): PodRecord {
  return { ...record, containers: record.containers.map((c) => (c.name === name ? change(c) : c)) };
}
