import type { Probe } from '../../api/core/v1/probe.ts';

export type ProbeKind = 'readiness' | 'liveness' | 'startup';

/** One try of a probe; `message` is told to people when it failed. */
export interface ProbeResult {
  readonly isSuccess: boolean;
  readonly message: string;
}

/** Makes one try; resolves within the probe's timeout. */
export type Prober = (probe: Probe) => Promise<ProbeResult>;

/** A probe's counters between two tries. */
export interface ProbeState {
  /** What the thresholds have settled on; readiness and startup begin as failed, liveness as passed. */
  readonly isPassing: boolean;
  /** How many of the latest tries had the same result. */
  readonly run: number;
  readonly lastSuccess: boolean | undefined;
}

export const initialProbeState = (kind: ProbeKind): ProbeState => ({
  isPassing: kind === 'liveness',
  run: 0,
  lastSuccess: undefined,
});

/** How many equal results settle it. */
export const thresholdOf = (probe: Probe, isSuccess: boolean): number =>
  isSuccess ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);

/** The counters after one more try, as upstream's pkg/kubelet/prober/worker.go: a change needs its threshold of equal results. Pure. */
export function nextProbeState(state: ProbeState, isSuccess: boolean, probe: Probe): ProbeState {
  const run = state.lastSuccess === isSuccess ? state.run + 1 : 1;
  const threshold = thresholdOf(probe, isSuccess);
  return { isPassing: run >= threshold ? isSuccess : state.isPassing, run, lastSuccess: isSuccess };
}
