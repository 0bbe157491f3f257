import assert from 'node:assert/strict';
import { it } from 'node:test';
import { jsonFrames, readText } from './json-frames.ts';

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const collect = async (text: string, size: number): Promise<unknown[]> =>
  Array.fromAsync(jsonFrames(chunksOf(Buffer.from(text), size)));

it('frames come whole wherever the chunks end, even inside a character', async () => {
  const values = [{ name: 'grün' }, { name: '日本 🚀' }, [1, 2], { text: 'a\nb' }];
  const text = values.map((value) => `${JSON.stringify(value)}\n`).join('');
  for (let size = 1; size <= 40; size++)
    assert.deepEqual(await collect(text, size), values, `chunks of ${size}`);
});

it('empty lines are skipped, and a last line needs no end', async () => {
  assert.deepEqual(await collect('\n{"a":1}\n\r\n\n{"b":2}', 7), [{ a: 1 }, { b: 2 }]);
  assert.deepEqual(await collect('', 7), []);
});

for (const [name, text] of [
  ['a line that is not JSON', '{"a":1}\noops\n'],
  ['a last line cut short', '{"a":1}\n{"b":'],
] as const) {
  it(`${name} throws after the good frames`, async () => {
    const frames = jsonFrames(chunksOf(Buffer.from(text), 5));
    assert.deepEqual((await frames.next()).value, { a: 1 });
    await assert.rejects(frames.next(), /not JSON in a stream of JSON lines/);
  });
}

it('a whole body is read as text', async () => {
  assert.equal(await readText(chunksOf(Buffer.from('grün'), 1)), 'grün');
  assert.equal(await readText(chunksOf(Buffer.from(''), 1)), '');
});
