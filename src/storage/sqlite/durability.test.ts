import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import type { Store } from '../store.ts';
import { runProgram, temporaryPath } from './fixture.ts';
import { openSqliteStore } from './sqlite-store.ts';

/**
 * Eight writers, each commit over two keys: `<writer>/left` and `<writer>/right` get the same number. Each acknowledged
 * one is printed as `writer number revision`. Old history is compacted all the time.
 */
const WRITERS = `
  const store = await open();
  let revision = (await store.list('')).revision;
  await Promise.all(Array.from({ length: 8 }, async (_, writer) => {
    const entry = await store.get(writer + '/left');
    let n = entry === undefined ? 0 : Number(Buffer.from(entry.value).toString());
    for (;;) {
      const value = Buffer.from(String(++n));
      const result = await store.commit([{ key: writer + '/left', value }, { key: writer + '/right', value }]);
      revision = Math.max(revision, result.revision);
      process.stdout.write(writer + ' ' + n + ' ' + result.revision + '\\n');
      if (n % 50 === 0) await store.compact(revision - 100);
    }
  }));
`;

/** Lets the writers run until `nLines` acknowledgements are read, kills them, and returns all that were printed. */
async function runAndKill(path: string, nLines: number): Promise<number[][]> {
  const child = runProgram(path, WRITERS);
  assert.ok(child.stdout);
  const lines: number[][] = [];
  const exited = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    // The last line may have been cut by the kill.
    if (/^\d+ \d+ \d+$/.test(line)) lines.push(line.split(' ').map(Number));
    if (lines.length === nLines) child.kill('SIGKILL');
  }
  const [, signal] = (await exited) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL');
  return lines;
}

async function numberAt(store: Store, key: string): Promise<number> {
  const entry = await store.get(key);
  return entry === undefined ? 0 : Number(Buffer.from(entry.value).toString());
}

describe('sqlite store under kill -9', () => {
  it(
    'loses no acknowledged commit and keeps none by half, round after round',
    { timeout: 400_000 },
    async () => {
      const path = temporaryPath();
      let lastRevision = 0;
      for (const nLines of [1, 40, 333, 700, 1200, 90]) {
        const acknowledged = await runAndKill(path, nLines);
        assert.ok(acknowledged.length >= nLines);
        const store = await openSqliteStore({ path });
        const newest = new Map<number, number>();
        for (const [writer = -1, n = -1, revision = -1] of acknowledged) {
          newest.set(writer, Math.max(n, newest.get(writer) ?? 0));
          lastRevision = Math.max(lastRevision, revision);
        }
        for (const [writer, n] of newest) {
          assert.ok((await numberAt(store, `${writer}/left`)) >= n, `writer ${writer} lost ${n}`);
        }
        for (let writer = 0; writer < 8; writer++) {
          assert.equal(await numberAt(store, `${writer}/left`), await numberAt(store, `${writer}/right`));
        }
        const { revision } = await store.list('');
        assert.ok(revision >= lastRevision, `revision ${revision} after ${lastRevision} was acknowledged`);
        // At most one commit of each writer was on its way.
        assert.ok(revision <= lastRevision + 8);
        lastRevision = revision;
        await store.close();
      }
    },
  );
});
