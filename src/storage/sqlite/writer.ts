import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { StoreError } from '../store.ts';
import type { DatabaseOptions } from './database.ts';
import type { PackedRows } from './row-codec.ts';
import type { WriterReply, WriterRequest } from './writer-messages.ts';

/** The thread that writes, seen from outside. One request at a time; each takes its rows' buffer over. */
export interface Writer {
  /** Opens the file in the thread; those below wait for it, and reject with its error when it fails. */
  open(options: DatabaseOptions): void;
  /** Resolves once the rows are on the disk, or rejects and none of them is. */
  append(rows: PackedRows): Promise<void>;
  /** Removes the rows and remembers the revision, both or neither. */
  compact(revision: number, rows: PackedRows): Promise<void>;
  /** Releases the file and ends the thread. */
  close(): Promise<void>;
}

/** Starts the thread without waiting for it. */
export function startWriter(): Writer {
  const cacheDir = getCompileCacheDir();
  const worker = new Worker(new URL('./writer-worker.ts', import.meta.url), {
    // Options of the main program (a test runner's, a loader) are not for this thread. Its compile cache is: without it
    // the thread loads Node's own type stripper, which takes longer and more memory than all it has to do.
    execArgv: [],
    ...(cacheDir === undefined ? {} : { env: { NODE_COMPILE_CACHE: cacheDir } }),
    // It only hands rows on: a large young generation would cost resident memory for nothing.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const request = createRequests(worker);
  let opened: Promise<void> = Promise.reject(new Error('the writer was not told what to open'));
  opened.catch(() => undefined);
  return {
    open(options) {
      opened = request({ type: 'open', options });
      opened.catch(() => undefined);
    },
    append: (rows) => opened.then(() => request({ type: 'append', rows })),
    compact: (revision, rows) => opened.then(() => request({ type: 'compact', revision, rows })),
    async close() {
      await opened.then(
        () => request({ type: 'close' }),
        () => worker.terminate(),
      );
      worker.ref();
      await exited;
    },
  };
}

const errorOf = ({ message, trouble }: NonNullable<WriterReply>): Error =>
  trouble === undefined ? new Error(message) : new StoreError(trouble, message);

/** Sends a request and settles with its answer. An idle writer does not keep the process alive. */
function createRequests(worker: Worker): (request: WriterRequest) => Promise<void> {
  let waiting: PromiseWithResolvers<void> | undefined;
  let failure: Error | undefined;
  const settle = (error: Error | undefined): void => {
    worker.unref();
    if (error) waiting?.reject(error);
    else waiting?.resolve();
    waiting = undefined;
  };
  const fail = (cause: unknown): void => {
    failure ??= new Error('the writer of the store has ended; open the store again', { cause });
    settle(failure);
  };
  worker.on('error', fail);
  worker.on('exit', (code) => fail(new Error(`exit code ${code}`)));
  worker.on('message', (reply: WriterReply) => settle(reply && errorOf(reply)));
  worker.unref();
  return (request) => {
    if (failure) return Promise.reject(failure);
    waiting = Promise.withResolvers();
    worker.ref();
    worker.postMessage(request, 'rows' in request ? [request.rows.buffer] : []);
    return waiting.promise;
  };
}
