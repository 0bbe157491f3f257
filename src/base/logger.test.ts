import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger, memoryLogger, silentLogger } from './logger.ts';

test('lines are JSON with the message, the fields of the line and those of its parents', () => {
  const dir = mkdtempSync(join(tmpdir(), 'portico-logger-'));
  const file = join(dir, 'log');
  const fd = openSync(file, 'w');
  try {
    const logger = createLogger({ level: 'info', fd }).child({ component: 'test' });
    logger.debug('not shown');
    logger.info('started', { port: 6443 });
    logger.warn('slow');
    logger.error('failed', { err: new Error('boom') });
    const lines = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    assert.equal(lines.length, 3);
    assert.partialDeepStrictEqual(lines, [
      { component: 'test', msg: 'started', port: 6443 },
      { component: 'test', msg: 'slow' },
      { component: 'test', msg: 'failed', err: { message: 'boom' } },
    ]);
  } finally {
    closeSync(fd);
    rmSync(dir, { recursive: true });
  }
});

test('the memory logger keeps its lines and those of its children in order', () => {
  const logger = memoryLogger();
  logger.debug('a');
  logger.child({ n: 1 }).warn('b', { m: 2 });
  assert.deepEqual(logger.lines, [
    { level: 'debug', message: 'a', fields: {} },
    { level: 'warn', message: 'b', fields: { n: 1, m: 2 } },
  ]);
});

test('the silent logger takes every line and every child', () => {
  const child = silentLogger.child({ a: 1 });
  for (const level of ['debug', 'info', 'warn', 'error'] as const) assert.equal(child[level]('x'), undefined);
});
