import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { Output } from './output.ts';

/** A socket that keeps the very bytes it was given until it is told to go on, as one does whose client is slow. */
function heldSocket() {
  const held: { readonly bytes: Uint8Array; readonly done: (error?: Error) => void }[] = [];
  let text = '';
  let nWrites = 0;
  const socket = new Writable({
    highWaterMark: 1024 * 1024,
    write: (bytes: Uint8Array, _, done) => {
      nWrites++;
      held.push({ bytes, done });
    },
  });
  const take = (): void => {
    for (let next = held.shift(); next !== undefined; next = held.shift()) {
      text += Buffer.from(next.bytes).toString('latin1');
      next.done();
    }
  };
  return { socket, take, text: () => text, nWrites: () => nWrites };
}

const fill = (output: Output, text: string): void => {
  const { page, at } = output.reserve(text.length);
  page.write(text, at, 'latin1');
};

test('what a thousand connections have to say is cut from a few pages, and none reads the words of another', () => {
  const connections = Array.from({ length: 1000 }, () => {
    const held = heldSocket();
    return { ...held, output: new Output(held.socket) };
  });
  const before = process.memoryUsage().arrayBuffers;
  for (const [i, { output }] of connections.entries()) {
    output.add(Buffer.from(`<${i}>`));
    fill(output, `${i} `.repeat(200));
    output.send();
  }
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 8_000_000, `${grown} bytes for less than one million`);
  for (const { take } of connections) take();
  for (const [i, { text }] of connections.entries()) assert.equal(text(), `<${i}>${`${i} `.repeat(200)}`);
});

test('bytes stay as they are while a slow socket holds them, whatever others send meanwhile', () => {
  const [slow, quick] = [heldSocket(), heldSocket()];
  const [slowly, quickly] = [new Output(slow.socket), new Output(quick.socket)];
  fill(slowly, 'a'.repeat(30_000));
  slowly.send();
  for (let i = 0; i < 50; i++) {
    fill(quickly, String(i % 10).repeat(40_000));
    quickly.send();
    quick.take();
  }
  slow.take();
  assert.equal(slow.text(), 'a'.repeat(30_000));
  assert.equal(quick.text().length, 50 * 40_000);
});

test('all goes out in the order in which it was said, in as few writes as pages', () => {
  const { socket, take, text, nWrites } = heldSocket();
  const output = new Output(socket);
  output.add(Buffer.from('head '));
  fill(output, 'data ');
  output.add(Buffer.from('reset '));
  fill(output, 'more ');
  output.send();
  take();
  assert.equal(nWrites(), 1);
  output.add(Buffer.alloc(100_000, 'x'));
  output.add(Buffer.from(' end'));
  output.send();
  take();
  assert.equal(nWrites(), 3);
  assert.equal(text(), `head data reset more ${'x'.repeat(100_000)} end`);
});

test('another connection that speaks in the middle of a turn only makes it two writes', () => {
  const [first, second] = [heldSocket(), heldSocket()];
  const [one, two] = [new Output(first.socket), new Output(second.socket)];
  fill(one, 'one, ');
  fill(two, 'two');
  fill(one, 'still one');
  two.send();
  one.send();
  first.take();
  second.take();
  assert.deepEqual([first.text(), second.text()], ['one, still one', 'two']);
});
