import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/thrown.ts';
import type { Store, Write } from '../../storage/store.ts';
import type { ServerMetrics } from './server-metrics.ts';

/** A store whose operations are timed, and that knows whether it works. */
export interface MeasuredStore {
  readonly store: Store;
  /** Why the store is not healthy; undefined when it is. Asks it for a key. */
  readonly failure: () => Promise<string | undefined>;
}

/** A store that does not answer for so long is of no use to a client. */
const PATIENCE_MS = 2000;
const PROBE_KEY = '/health';

export function measuredStore(
  inner: Store,
  { clock, stored }: { readonly clock: Clock; readonly stored: ServerMetrics['stored'] },
): MeasuredStore {
  let writeFailure: string | undefined;
  const timed = async <T>(operation: string, key: string, work: Promise<T>): Promise<T> => {
    const startedAt = clock.now();
    let isFailed = true;
    try {
      const result = await work;
      isFailed = false;
      return result;
    } finally {
      stored(operation, key, { seconds: (clock.now() - startedAt) / 1000, isFailed });
    }
  };
  const store: Store = {
    ...inner,
    get: (key) => timed('get', key, inner.get(key)),
    list: (prefix, options) => timed('list', prefix, inner.list(prefix, options)),
    async commit(writes) {
      try {
        const result = await timed(operationOf(writes), writes[0]?.key ?? '', inner.commit(writes));
        writeFailure = undefined;
        return result;
      } catch (error) {
        // What a caller did wrong says nothing about the store.
        if (!(error instanceof TypeError)) writeFailure = messageOf(error);
        throw error;
      }
    },
  };
  return {
    store,
    failure: async () => {
      if (writeFailure !== undefined) return writeFailure;
      const answered = inner.get(PROBE_KEY).then(() => undefined, messageOf);
      const patience = new AbortController();
      const late = clock
        .sleep(PATIENCE_MS, patience.signal)
        .then(() => `the store does not answer within ${PATIENCE_MS / 1000} s`);
      const failure = await Promise.race([answered, late]);
      patience.abort();
      return failure;
    },
  };
}

/** What upstream calls the write of one object. */
function operationOf(writes: readonly Write[]): string {
  const [first] = writes;
  if (first === undefined) return 'txn';
  if (first.value === null) return 'delete';
  return first.expect === 'absent' ? 'create' : 'update';
}
