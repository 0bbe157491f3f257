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
  /** Just started: the first moments may be spent on finding out when it begins to answer; see `eagerMs`. */
  readonly isEager?: boolean;
  /** Makes one try. */
  readonly attempt: () => Promise<ProbeResult>;
  /** A failed try. */
  readonly onFailure: (result: ProbeResult) => void;
  /** The settled result changed, or settled for the first time. */
  readonly onChange: (state: ProbeState, result: ProbeResult) => void;
}

/** A new container is tried again after 25, 50, 100 … ms, and failures do not count, for so long (or its period, if that is shorter). */
const eagerMs = 2000;
const firstEagerPauseMs = 25;

/** Tries until the first success or the end of the first moments; a program needs time to listen, and a whole period is long for that. */
async function firstSuccess(options: ProbeWorkerOptions, signal: AbortSignal): Promise<void> {
  const { clock, probe, attempt, startedAt } = options;
  const end = startedAt + Math.min(eagerMs, (probe.periodSeconds ?? 10) * 1000);
  for (
    let pause = firstEagerPauseMs;
    clock.now() < end && !signal.aborted;
    pause = Math.min(pause * 2, 200)
  ) {
    if ((await attempt()).isSuccess) return;
    await clock.sleep(pause, signal);
  }
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
  else if (options.isEager === true) await firstSuccess(options, signal);
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
