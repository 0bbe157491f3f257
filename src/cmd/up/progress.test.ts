import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { fakeClock } from '../../base/clock.ts';
import { createProgress } from './progress.ts';

/** What is written to a stream that is, or is not, a terminal. */
async function written(isTTY: boolean): Promise<string> {
  const out = Object.assign(new PassThrough(), { isTTY });
  const clock = fakeClock();
  const progress = createProgress(out as unknown as NodeJS.WriteStream, clock);
  await clock.advance(250);
  progress.step('API server');
  progress.warn('port 30007 is taken');
  return String(out.read());
}

describe('the progress of a start', () => {
  it('is one line a step, with the time since the start', async () => {
    assert.equal(await written(false), '✓ API server  (250 ms)\n! port 30007 is taken\n');
  });
  it('has the same text on a terminal', async () => {
    assert.equal((await written(true)).replace(/\x1b\[\d+m/g, ''), await written(false));
  });
});
