import assert from 'node:assert/strict';
import { it } from 'node:test';
import { configMaps } from '../api/core/v1/config-map.ts';
import { ApiError, conflict, forbidden } from '../api/errors/api-error.ts';
import { fakeClock } from '../base/clock.ts';
import { memoryLogger } from '../base/logger.ts';
import { createWorkQueue } from '../base/work-queue.ts';
import { runController } from './controller.ts';
import { retryOnConflict } from './retry-on-conflict.ts';

function setup(reconcile: (key: string) => Promise<number | void>, workers = 2) {
  const clock = fakeClock();
  const logger = memoryLogger();
  const stop = new AbortController();
  const queue = createWorkQueue<string>({ clock, signal: stop.signal });
  const done = runController({ name: 'test', reconcile, queue, workers, clock, logger }, stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await done;
  };
  return { clock, logger, queue, end };
}

it('keys are worked on side by side, one key never twice at once', async () => {
  const running: string[] = [];
  const most: Record<string, number> = {};
  const gates: (() => void)[] = [];
  const { clock, queue, end } = setup(async (key) => {
    running.push(key);
    most[key] = Math.max(most[key] ?? 0, running.filter((k) => k === key).length);
    await new Promise<void>((resolve) => gates.push(resolve));
    running.splice(running.indexOf(key), 1);
  });
  queue.add('a');
  queue.add('b');
  await clock.advance(0);
  assert.deepEqual(running, ['a', 'b']);
  queue.add('a');
  await clock.advance(0);
  assert.deepEqual(running, ['a', 'b']);
  gates[0]?.();
  await clock.advance(0);
  assert.deepEqual(running, ['b', 'a']);
  for (const open of gates) open();
  await end();
  assert.deepEqual(most, { a: 1, b: 1 });
});

it('a failure is tried again with growing delay and one log line each; success ends that', async () => {
  const at: number[] = [];
  const { clock, queue, logger, end } = setup(async () => {
    at.push(clock.now());
    if (at.length <= 3) throw new Error('boom');
  });
  queue.add('a');
  await clock.advance(100_000);
  assert.deepEqual(at, [0, 5, 15, 35]);
  const lines = logger.lines.filter(({ level }) => level === 'warn');
  assert.deepEqual(
    lines.map(({ fields }) => fields.attempt),
    [1, 2, 3],
  );
  assert.partialDeepStrictEqual(lines[0]?.fields, { controller: 'test', key: 'a' });
  await end();
});

it('a number asks to be called again after so many milliseconds', async () => {
  const at: number[] = [];
  const { clock, queue, end } = setup(async () => {
    at.push(clock.now());
    return at.length === 1 ? 250 : undefined;
  });
  queue.add('a');
  await clock.advance(1000);
  assert.deepEqual(at, [0, 250]);
  await end();
});

it('losing against another writer is tried again without a warning', async () => {
  let n = 0;
  const { clock, queue, logger, end } = setup(async () => {
    if (n++ === 0) throw conflict(configMaps, 'a');
  });
  queue.add('a');
  await clock.advance(100);
  assert.equal(n, 2);
  assert.deepEqual(
    logger.lines.filter(({ level }) => level === 'warn'),
    [],
  );
  await end();
});

it('what cannot be made since the namespace is going is given up without a warning', async () => {
  let n = 0;
  const { clock, queue, logger, end } = setup(async () => {
    n++;
    const causes = [{ reason: 'NamespaceTerminating', message: 'namespace a is being terminated' }];
    const { status } = forbidden(configMaps, 'a', 'unable to create new content in namespace a');
    throw new ApiError({ ...status, details: { ...status.details, causes } });
  });
  queue.add('a');
  await clock.advance(100_000);
  assert.equal(n, 1);
  assert.deepEqual(
    logger.lines.filter(({ level }) => level === 'warn'),
    [],
  );
  await end();
});

it('a write that loses is repeated until it wins, a few times; other errors are not', async () => {
  const clock = fakeClock();
  const run = async (failures: number, error: Error): Promise<string> => {
    let n = 0;
    const result = retryOnConflict(
      async () => {
        if (n++ < failures) throw error;
        return `won after ${n}`;
      },
      { clock },
    ).catch((e: unknown) => `${(e as Error).message.slice(0, 20)} after ${n}`);
    await clock.advance(1000);
    return result;
  };
  assert.equal(await run(2, conflict(configMaps, 'a')), 'won after 3');
  assert.match(await run(9, conflict(configMaps, 'a')), /^Operation cannot be .*after 5$/);
  assert.equal(await run(1, new Error('boom')), 'boom after 1');
});
