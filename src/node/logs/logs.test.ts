import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { realClock } from '../../base/clock.ts';
import { createLineFormatter, maxLineBytes, openLogFile } from './cri-log.ts';
import { readLog, type LogOptions } from './read-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'portico-logs-'));
after(() => rmSync(folder, { recursive: true }));
const at = Date.parse('2030-01-02T03:04:05.678Z');
const stamp = '2030-01-02T03:04:05.678Z stdout';

describe('log entries', () => {
  it('are made of whole lines, wherever the chunks end', () => {
    const formatter = createLineFormatter('stdout');
    assert.equal(formatter.push(Buffer.from('a\nb'), at).toString(), `${stamp} F a\n`);
    assert.equal(formatter.push(Buffer.from('c\n\n'), at).toString(), `${stamp} F bc\n${stamp} F \n`);
    assert.equal(formatter.end(at).toString(), '');
    formatter.push(Buffer.from('rest'), at);
    assert.equal(formatter.end(at).toString(), `${stamp} F rest\n`);
  });
  it('are partial when a line is too long', () => {
    const formatter = createLineFormatter('stderr');
    const text = formatter.push(Buffer.from(`${'x'.repeat(maxLineBytes + 5)}\n`), at).toString();
    assert.deepEqual(
      text.split('\n').map((line) => [line.split(' ')[2], line.split(' ')[3]?.length]),
      [
        ['P', maxLineBytes],
        ['F', 5],
        [undefined, undefined],
      ],
    );
  });
  it('keep the bytes they were given, also when a character is cut in two', () => {
    const formatter = createLineFormatter('stdout');
    const bytes = Buffer.from([0x61, 0xc3, 0xbc, 0x00, 0xff, 0x0a]);
    const entries = [formatter.push(bytes.subarray(0, 2), at), formatter.push(bytes.subarray(2), at)];
    assert.deepEqual(Buffer.concat(entries), Buffer.concat([Buffer.from(`${stamp} F `), bytes]));
  });
  it('end a line that is just too long with an empty rest', () => {
    const formatter = createLineFormatter('stdout');
    const line = 'x'.repeat(maxLineBytes);
    assert.equal(formatter.push(Buffer.from(line), at).toString(), `${stamp} P ${line}\n`);
    assert.equal(formatter.push(Buffer.from('\n'), at).toString(), `${stamp} F \n`);
  });
  it('go to a new file when one is full, keeping the former', () => {
    const path = join(folder, 'deep', '0.log');
    const log = openLogFile(path, 10);
    for (const text of ['12345678\n', 'abc\n', 'def\n']) log.write(Buffer.from(text));
    log.write(Buffer.alloc(0));
    log.close();
    assert.deepEqual(
      [readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')],
      ['12345678\n', 'abc\ndef\n'],
    );
  });
});

async function read(path: string, options: LogOptions = {}, isOver = (): boolean => true): Promise<string> {
  const signal = new AbortController().signal;
  let text = '';
  for await (const part of readLog(path, { ...options, clock: realClock, isOver, signal }))
    text += Buffer.from(part).toString();
  return text;
}

describe('reading a log', () => {
  const path = join(folder, 'read.log');
  const entry = (second: number, text: string, tag = 'F'): string =>
    `2030-01-01T00:00:0${second}Z stdout ${tag} ${text}\n`;
  writeFileSync(`${path}.1`, entry(1, 'old ü'));
  writeFileSync(path, entry(2, 'two') + entry(3, 'half ', 'P') + entry(3, 'whole') + entry(4, 'four'));
  const cases: Readonly<Record<string, readonly [LogOptions, string]>> = {
    'all of it': [{}, 'old ü\ntwo\nhalf whole\nfour\n'],
    'the last lines': [{ tailLines: 1 }, 'four\n'],
    'no line': [{ tailLines: 0 }, ''],
    'since a time': [{ sinceMs: Date.parse('2030-01-01T00:00:03Z') }, 'half whole\nfour\n'],
    'with times': [{ hasTimestamps: true, tailLines: 1 }, '2030-01-01T00:00:04Z four\n'],
    'the first bytes': [{ limitBytes: 3 }, 'old'],
  };
  for (const [name, [options, expected]] of Object.entries(cases)) {
    it(name, async () => assert.equal(await read(path, options), expected));
  }
  it('comes in pieces, and ends where it ended when it was asked for', async () => {
    const big = join(folder, 'big.log');
    const text = entry(1, 'x'.repeat(1000)).repeat(1000);
    writeFileSync(`${big}.1`, text);
    writeFileSync(big, text);
    let nBytes = 0;
    let longest = 0;
    for await (const part of readLog(big, {
      clock: realClock,
      isOver: () => true,
      signal: new AbortController().signal,
    })) {
      nBytes += part.length;
      longest = Math.max(longest, part.length);
      if (nBytes < 3_000_000) appendFileSync(big, text.slice(0, 64 * 1024));
    }
    // What was appended meanwhile may come as far as the last piece reaches.
    assert.ok(nBytes >= 2_002_000 && nBytes < 2_002_000 + 64 * 1024, `${nBytes} bytes`);
    assert.ok(longest <= 64 * 1024, `a piece of ${longest} bytes`);
  });
  it('that is not there is empty', async () => assert.equal(await read(join(folder, 'none')), ''));
  it('goes on while it is followed, also into a new file', async () => {
    const followed = join(folder, 'followed.log');
    writeFileSync(followed, entry(1, 'one'));
    let isOver = false;
    const text = read(followed, { isFollowing: true }, () => isOver);
    await realClock.sleep(80);
    appendFileSync(followed, entry(2, 'two'));
    await realClock.sleep(120);
    rmSync(followed);
    writeFileSync(followed, entry(3, 'three'));
    await realClock.sleep(120);
    isOver = true;
    assert.equal(await text, 'one\ntwo\nthree\n');
  });
});
