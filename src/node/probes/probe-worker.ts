import type { Probe } from '../../api/core/v1/probe.ts';
import type { Clock } from '../../base/clock.ts';
import {
  initialProbeState,
  nextProbeState,
  thresholdOf,
  type ProbeKind,
  type ProbeResult,
  type ProbeState,
} from './model.ts';

export interface ProbeWorkerOptions {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly clock: Clock;
  /** When the container started, in ms: the initial delay counts from there, also for an agent that came later. */
  readonly startedAt: number;
  /** What is known from before (an adopted container was ready); default: as a new container. */
  readonly isPassing?: boolean;
  /** Makes one try. */
  readonly attempt: () => Promise<ProbeResult>;
  /** A failed try. */
  readonly onFailure: (result: ProbeResult) => void;
  /** The settled result changed, or settled for the first time. */
  readonly onChange: (state: ProbeState, result: ProbeResult) => void;
}

/**
 * Tries one probe of one container until `signal` aborts: at once after the initial delay, then each period. A startup probe ends with its first
 * settled result; a liveness probe with its first settled failure.
 */
export async function runProbeWorker(options: ProbeWorkerOptions, signal: AbortSignal): Promise<void> {
  const { kind, probe, clock, startedAt, attempt } = options;
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  const firstAt = startedAt + (probe.initialDelaySeconds ?? 0) * 1000;
  let state = initialProbeState(kind);
  if (options.isPassing !== undefined) state = { ...state, isPassing: options.isPassing };
  let isSettled = false;
  if (firstAt > clock.now()) await clock.sleep(firstAt - clock.now(), signal);
  while (!signal.aborted) {
    const beganAt = clock.now();
    const result = await attempt();
    if (signal.aborted) return;
    if (!result.isSuccess) options.onFailure(result);
    const next = nextProbeState(state, result.isSuccess, probe);
    const settledNow = next.run >= thresholdOf(probe, result.isSuccess);
    const isNews = next.isPassing !== state.isPassing || (settledNow && !isSettled);
    isSettled ||= settledNow;
    state = next;
    if (isNews) options.onChange(state, result);
    if (kind === 'startup' && settledNow) return;
    if (kind === 'liveness' && !state.isPassing) return;
    await clock.sleep(Math.max(0, beganAt + periodMs - clock.now()), signal);
  }
}
