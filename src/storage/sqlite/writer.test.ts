import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { temporaryPath } from './fixture.ts';
import { packRows } from './row-codec.ts';
import { startWriter } from './writer.ts';

const rows = (): ReturnType<typeof packRows> =>
  packRows([{ revision: 1, createRevision: 1, key: Buffer.from('a'), value: Buffer.from('1') }]);

describe('writer', () => {
  it('rejects every request with the reason why it could not open the file', async () => {
    const path = temporaryPath();
    const other = new DatabaseSync(path);
    other.exec('CREATE TABLE t (x); BEGIN EXCLUSIVE');
    const writer = startWriter();
    writer.open({ path });
    await assert.rejects(writer.append(rows()), /store\.db is in use by another process/);
    await assert.rejects(writer.compact(1, rows()), /store\.db is in use by another process/);
    await writer.close();
    other.close();
  });

  it('refuses requests when it was never told what to open, and when its thread has ended', async () => {
    const unopened = startWriter();
    await assert.rejects(unopened.append(rows()), /not told what to open/);
    await unopened.close();
    const writer = startWriter();
    writer.open({ path: temporaryPath() });
    await writer.append(rows());
    await writer.close();
    await assert.rejects(writer.append(rows()), /writer of the store has ended; open the store again/);
  });

  it('takes the buffer of the rows over instead of copying it', async () => {
    const writer = startWriter();
    writer.open({ path: temporaryPath() });
    const packed = rows();
    await writer.append(packed);
    assert.equal(packed.length, 0);
    await writer.close();
  });
});
