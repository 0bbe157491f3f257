import type { Container } from '../../api/core/v1/container.ts';
import type { LifecycleHandler } from '../../api/core/v1/probe.ts';
import type { Clock } from '../../base/clock.ts';
import { createProber, type ProbeTarget } from '../probes/prober.ts';

export interface HookInput {
  readonly target: ProbeTarget;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** Runs a lifecycle hook; the reason why it failed, or undefined. Ends after `timeoutMs` whatever the hook does. */
export async function runHook(
  handler: LifecycleHandler,
  { target, clock, timeoutMs }: HookInput,
): Promise<string | undefined> {
  if (handler.sleep !== undefined) {
    await clock.sleep(Math.min(handler.sleep.seconds * 1000, timeoutMs));
    return undefined;
  }
  const { exec, httpGet, tcpSocket } = handler;
  const result = await createProber(target)({
    timeoutSeconds: timeoutMs / 1000,
    ...(exec !== undefined && { exec }),
    ...(httpGet !== undefined && { httpGet }),
    ...(tcpSocket !== undefined && { tcpSocket }),
  });
  return result.isSuccess ? undefined : result.message;
}

/** The signal that asks a container to stop. */
export function stopSignalOf(container: Container): NodeJS.Signals {
  const name = container.lifecycle?.stopSignal;
  return name === undefined ? 'SIGTERM' : (name as NodeJS.Signals);
}
