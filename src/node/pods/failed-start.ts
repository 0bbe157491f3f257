import { messageOf } from '../../base/thrown.ts';
import { ConfigError } from '../environment/container-environment.ts';
import { ImageError, StartError } from './container-start.ts';
import type { ContainerRecord } from './model.ts';
import { afterExit, countRestart } from './plan.ts';

/** What a container waits for may come at any time; it is looked for so often. */
const configRetryMs = 2000;
const imageRetryMs = 10_000;

/**
 * The record of a container that could not be started. One whose image, ConfigMap or Secret is missing waits and is tried again; any other failure
 * counts as a run that ended with code 128, with the pauses of a crash loop.
 */
export function afterFailedStart(
  record: ContainerRecord,
  error: unknown,
  attempt: { readonly startedAt: number; readonly containerID: string; readonly nowMs: number },
): ContainerRecord {
  const { nowMs, ...run } = attempt;
  const message = messageOf(error);
  if (error instanceof ImageError) {
    const reason = record.waiting === undefined ? 'ErrImagePull' : 'ImagePullBackOff';
    return { ...record, notBefore: nowMs + imageRetryMs, waiting: { reason, message } };
  }
  if (error instanceof ConfigError) {
    const waiting = { reason: 'CreateContainerConfigError', message };
    return { ...record, notBefore: nowMs + configRetryMs, waiting };
  }
  const reason = error instanceof StartError ? 'StartError' : 'ContainerCannotRun';
  return afterExit(countRestart(record), { exitCode: 128, reason, message, finishedAt: nowMs, ...run });
}
