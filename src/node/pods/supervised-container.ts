import type { Container } from '../../api/core/v1/container.ts';
import { pods, type Pod } from '../../api/core/v1/pod.ts';
import type { Probe } from '../../api/core/v1/probe.ts';
import type { ProbeKind } from '../probes/model.ts';
import { runProbeWorker } from '../probes/probe-worker.ts';
import { createProber, type ProbeTarget } from '../probes/prober.ts';
import type { ContainerProcess } from '../runtime/model.ts';
import type { PodDependencies } from './dependencies.ts';
import { runHook, stopSignalOf } from './hooks.ts';
import type { ContainerRecord, ContainerRun } from './model.ts';

export interface SupervisedInput {
  readonly deps: PodDependencies;
  readonly pod: Pod;
  readonly container: Container;
  readonly podIP: string;
  readonly run: ContainerRun;
  readonly process: ContainerProcess;
  /** What was known when it started or was adopted. */
  readonly known: ContainerRecord;
  /** Changes the container's record and has the Pod looked at again. */
  readonly change: (change: (record: ContainerRecord) => ContainerRecord) => void;
}

/** A running container with its probes. */
export interface SupervisedContainer {
  readonly process: ContainerProcess;
  /** Asks it to end, and ends it after the grace period; resolves when it is gone. A second call only shortens the time. */
  stop(graceMs: number): Promise<void>;
  /** Ends the probes; the container goes on. */
  release(): void;
}

/** As upstream: a hook that ate the grace period leaves this much for the signal. */
const minSignalGraceMs = 2000;
const probeNames: Readonly<Record<ProbeKind, string>> = {
  readiness: 'Readiness',
  liveness: 'Liveness',
  startup: 'Startup',
};

export function superviseContainer(input: SupervisedInput): SupervisedContainer {
  const { deps, process, container, podIP } = input;
  const probing = new AbortController();
  const liveness = new AbortController();
  const target: ProbeTarget = {
    podIP,
    container,
    exec: (argv, timeoutMs) => deps.runtime.exec(process.record, argv, timeoutMs),
  };
  void process.exited.then(() => {
    probing.abort();
    liveness.abort();
  });
  startProbes(input, target, {
    all: probing.signal,
    liveness: AbortSignal.any([probing.signal, liveness.signal]),
  });
  const stopper = createStopper(input, target);
  return {
    process,
    stop: (graceMs) => {
      // A container that is asked to end may well fail its liveness probe; its readiness is still of interest.
      liveness.abort();
      return stopper(graceMs);
    },
    release: () => {
      probing.abort();
      liveness.abort();
    },
  };
}

interface ProbeSignals {
  readonly all: AbortSignal;
  readonly liveness: AbortSignal;
}

function startProbes(input: SupervisedInput, target: ProbeTarget, signals: ProbeSignals): void {
  const { deps, pod, container, run, known, change } = input;
  const prober = createProber(target);
  const record = (note: {
    readonly reason: string;
    readonly message: string;
    readonly type: 'Normal' | 'Warning';
  }): void => deps.events.record(pods, pod, note);
  const giveUp = (kind: ProbeKind): void => {
    const message = `Container ${container.name} failed ${kind} probe, will be restarted`;
    record({ type: 'Normal', reason: 'Killing', message });
    change((former) => ({ ...former, isUnhealthy: true }));
  };
  const work = (kind: ProbeKind, probe: Probe, onChange: (isPassing: boolean) => void): void => {
    const isAdopted = kind === 'readiness' && known.run !== undefined;
    void runProbeWorker(
      {
        kind,
        probe,
        clock: deps.clock,
        startedAt: run.startedAt,
        ...(isAdopted && { isPassing: known.isReady }),
        isEager: known.run === undefined && kind !== 'liveness',
        attempt: () =>
          prober(probe).catch((error: unknown) => ({ isSuccess: false, message: String(error) })),
        onFailure: ({ message }) =>
          record({
            type: 'Warning',
            reason: 'Unhealthy',
            message: `${probeNames[kind]} probe failed: ${message}`,
          }),
        onChange: ({ isPassing }) => onChange(isPassing),
      },
      kind === 'readiness' ? signals.all : signals.liveness,
    );
  };
  const startOthers = (): void => {
    const { readinessProbe, livenessProbe } = container;
    if (readinessProbe !== undefined) {
      work('readiness', readinessProbe, (isReady) => change((former) => ({ ...former, isReady })));
    }
    if (livenessProbe !== undefined) {
      work('liveness', livenessProbe, (isAlive) => (isAlive ? undefined : giveUp('liveness')));
    }
  };
  if (container.startupProbe === undefined || known.hasStarted) return startOthers();
  work('startup', container.startupProbe, (hasStarted) => {
    if (!hasStarted) return giveUp('startup');
    change((former) => ({ ...former, hasStarted, isReady: container.readinessProbe === undefined }));
    startOthers();
  });
}

function createStopper(input: SupervisedInput, target: ProbeTarget): SupervisedContainer['stop'] {
  const { deps, pod, container, process } = input;
  const { clock } = deps;
  let deadline = Infinity;
  let cancel: () => void = () => undefined;
  let stopping: Promise<void> | undefined;

  const killBy = (at: number): void => {
    if (at >= deadline) return;
    cancel();
    deadline = at;
    cancel = clock.after(Math.max(0, at - clock.now()), () => process.kill());
  };
  const ask = async (graceMs: number): Promise<void> => {
    const preStop = container.lifecycle?.preStop;
    if (preStop === undefined || graceMs === 0) killBy(clock.now() + graceMs);
    else {
      // The hook's time counts; if it takes all of it, the container still gets a moment for its signal.
      const beganAt = clock.now();
      const failure = await runHook(preStop, { target, clock, timeoutMs: graceMs });
      if (failure !== undefined) {
        const message = `PreStopHook failed: ${failure}`;
        deps.events.record(pods, pod, { type: 'Warning', reason: 'FailedPreStopHook', message });
      }
      killBy(Math.max(clock.now() + minSignalGraceMs, beganAt + graceMs));
    }
    process.signal(stopSignalOf(container));
  };
  let grace = Infinity;
  return (graceMs) => {
    // Asked again with as much time, nothing changes: a hook that runs may still leave the container its moment.
    if (stopping !== undefined && graceMs < grace) killBy(clock.now() + graceMs);
    grace = Math.min(grace, graceMs);
    if (stopping === undefined) {
      const message = `Stopping container ${container.name}`;
      deps.events.record(pods, pod, { type: 'Normal', reason: 'Killing', message });
      void ask(graceMs).catch(() => process.kill());
      stopping = process.exited.then(() => cancel());
    }
    return stopping;
  };
}
