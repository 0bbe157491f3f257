import { Worker } from 'node:worker_threads';
import { badRequest, requestEntityTooLarge } from '../../api/errors/api-error.ts';

/** A text of 3 MiB takes about this long on a slow core. */
const TIMEOUT_MS = 20_000;
const HEAP_MB = 768;

export interface YamlAsJson {
  readonly json: string;
  readonly duplicates: readonly string[];
}

/** What the thread answers. */
export type YamlAnswer = YamlAsJson | { readonly error: string };

let last: Promise<unknown> = Promise.resolve();

/**
 * Reads YAML in a thread, so that nobody else waits for it; one text at a time, with an end in sight. Throws 400 for a
 * text that is no YAML, and 413 for one that takes too long or too much memory.
 */
export function parseYamlAside(text: string): Promise<YamlAsJson> {
  const turn = last.then(() => parseInThread(text));
  last = turn.catch(() => undefined);
  return turn;
}

async function parseInThread(text: string): Promise<YamlAsJson> {
  const worker = new Worker(new URL('./yaml-thread.ts', import.meta.url), {
    workerData: text,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  });
  const timer = setTimeout(() => void worker.terminate(), TIMEOUT_MS);
  try {
    const answer = await new Promise<YamlAnswer | undefined>((resolve) => {
      worker.once('message', resolve);
      worker.once('error', () => resolve(undefined));
      worker.once('exit', () => resolve(undefined));
    });
    if (answer === undefined) throw requestEntityTooLarge(text.length);
    if ('error' in answer) throw badRequest(answer.error);
    return answer;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
