import type { Pod, PodStatus } from '../../api/core/v1/pod.ts';
import { pods } from '../../api/core/v1/pod.ts';
import { isConflict, isNotFound } from '../../api/errors/api-error.ts';
import { createBackoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import type { Logger } from '../../base/logger.ts';
import type { Client } from '../../client/client.ts';

/** Tells the API what Pods do: at once, only when something changed, one write per Pod at a time, the latest one counting. */
export interface StatusWriter {
  set(pod: Pod, status: PodStatus): void;
  /** Resolves when what was set for the Pod is written, or cannot be because it is gone. */
  settled(uid: string): Promise<void>;
  forget(uid: string): void;
}

interface Entry {
  readonly pod: Pod;
  wanted: PodStatus;
  written: PodStatus | undefined;
  writing: Promise<void> | undefined;
}

/** The reason that node lifecycle controllers give for taking the Pods of a silent node out of the traffic. */
const NODE_NOT_READY = 'NodeNotReady';

const isMarked = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ reason }) => reason === NODE_NOT_READY) ?? false;

/** A strategic merge keeps what a patch leaves out: the reason of yesterday's condition must be cleared by name. */
const wholeStatus = (status: PodStatus): object => ({
  reason: null,
  message: null,
  ...status,
  ...(status.conditions !== undefined && {
    conditions: status.conditions.map((condition) => ({ reason: null, message: null, ...condition })),
  }),
});

export function createStatusWriter(options: {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}): StatusWriter {
  const { client, clock, logger, signal } = options;
  const entries = new Map<string, Entry>();

  const write = async (entry: Entry): Promise<void> => {
    const backoff = createBackoff({ minMs: 50, maxMs: 5000 });
    const { name, namespace, uid } = entry.pod.metadata;
    while (!deepEqual(entry.wanted, entry.written) && !signal.aborted) {
      const status = entry.wanted;
      try {
        const body = { metadata: { uid }, status: wholeStatus(status) };
        await client.patch(
          pods,
          { name, namespace },
          { type: 'strategic', body, subresource: 'status', signal },
        );
        entry.written = status;
        backoff.reset();
      } catch (err) {
        // The Pod is gone, or another one has its name by now: nobody waits for this status.
        if (isNotFound(err) || isConflict(err)) entry.written = status;
        else if (!signal.aborted) {
          logger.warn('cannot write the status of a Pod, trying again', { pod: `${namespace}/${name}`, err });
          await clock.sleep(backoff.next(), signal);
        }
      }
    }
  };

  return {
    set: (pod, status) => {
      const uid = pod.metadata.uid ?? '';
      const entry = entries.get(uid) ?? { pod, wanted: status, written: undefined, writing: undefined };
      entries.set(uid, entry);
      entry.wanted = status;
      // A node that was thought dead: its Pods were marked, and nobody but this agent can say that they are well.
      if (isMarked(pod)) entry.written = undefined;
      entry.writing ??= write(entry).finally(() => {
        entry.writing = undefined;
      });
    },
    settled: async (uid) => {
      await entries.get(uid)?.writing;
    },
    forget: (uid) => void entries.delete(uid),
  };
}
