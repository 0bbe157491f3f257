import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../api/errors/api-error.ts';
import { configMaps } from '../../api/core/v1/config-map.ts';
import { BODY_LIMIT, decodeBody, mediaTypeOf, readBody } from './body.ts';

const signal = new AbortController().signal;
const request = (body: AsyncIterable<Uint8Array> | Uint8Array | string | undefined, headers = {}) => ({
  method: 'POST',
  path: '/',
  headers,
  ...(body === undefined ? {} : { body }),
  signal,
});
const decode = (text: string, type?: string) =>
  decodeBody(request(text, { 'content-type': type }), configMaps.schema);
const coded = (code: number) => (error: unknown) => error instanceof ApiError && error.code === code;

async function* chunks(size: number, count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(size).fill(0x20);
}

async function* broken(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('{');
  throw new Error('reset');
}

test('a body is read in any form', async () => {
  assert.equal(await readBody(request(undefined)), '');
  assert.equal(await readBody(request('é')), 'é');
  assert.equal(await readBody(request(Buffer.from('é'))), 'é');
  assert.equal((await readBody(request(chunks(1024, 3)))).length, 3072);
});

test('a body beyond the limit is refused, announced or not', async () => {
  const fits = await readBody(request(chunks(BODY_LIMIT, 1)));
  assert.equal(fits.length, BODY_LIMIT);
  await assert.rejects(readBody(request(chunks(BODY_LIMIT / 3, 4))), coded(413));
  await assert.rejects(
    readBody(request(chunks(1, 1), { 'content-length': String(BODY_LIMIT + 1) })),
    coded(413),
  );
  await assert.rejects(readBody(request('x'.repeat(BODY_LIMIT + 1))), coded(413));
});

test("a body that breaks off or is no text is the client's fault", async () => {
  await assert.rejects(readBody(request(broken())), coded(400));
  await assert.rejects(readBody(request(Buffer.from([0xff, 0xfe]))), coded(400));
});

test('media types lose parameters and default to JSON', () => {
  assert.equal(mediaTypeOf('Application/JSON; charset=utf-8'), 'application/json');
  assert.equal(mediaTypeOf(undefined), 'application/json');
});

test('JSON and YAML say the same, and what they say twice is known', async () => {
  const value = { a: [1, 'x', null], b: { c: true } };
  assert.deepEqual(await decode(JSON.stringify(value)), { value, duplicates: [] });
  const yaml = 'a: [1, x, null]\nb: {c: true}\n';
  assert.deepEqual(await decode(yaml, 'application/yaml'), { value, duplicates: [] });
  const twice = await decode('{"a":1,"a":2}', 'application/json');
  assert.deepEqual(twice?.duplicates, ['duplicate field "a"']);
});

const deep = '['.repeat(100_000);
const bomb = Array.from(
  { length: 12 },
  (_, i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(i === 0 ? 0 : 9)}1]`,
).join('\n');
const malformed: readonly [title: string, text: string, type: string, code: number][] = [
  ['broken JSON', '{"a":', 'application/json', 400],
  ['JSON nested without end', deep, 'application/json', 400],
  ['YAML nested without end', deep, 'application/yaml', 400],
  ['YAML lists in lists without end', '- '.repeat(50_000), 'application/yaml', 400],
  ['broken YAML', 'a: [', 'application/yaml', 400],
  ['YAML that multiplies itself', bomb, 'application/yaml', 400],
  ['a form', 'a=b', 'application/x-www-form-urlencoded', 415],
];
for (const [title, text, type, code] of malformed) {
  test(`body: ${title} is ${code}`, () => assert.rejects(decode(text, type), coded(code)));
}

test('large YAML is read aside, while others are served', async () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `k${i}: "v"`);
  let nTurns = 0;
  const timer = setInterval(() => nTurns++, 5);
  const body = await decode(lines.join('\n'), 'application/yaml');
  clearInterval(timer);
  assert.equal(Object.keys(body?.value as object).length, lines.length);
  assert.ok(nTurns > 10, `${nTurns} turns`);
});

test('an empty body is none', async () => {
  assert.equal(await decode(' \n'), undefined);
  assert.equal(await decode('', 'application/vnd.kubernetes.protobuf'), undefined);
});

test('JSON may call itself YAML, and is read as fast as JSON', async () => {
  const value = { a: Array.from({ length: 50_000 }, (_, i) => ({ b: i, c: 'd' })) };
  const text = JSON.stringify(value);
  assert.ok(text.length > 512 * 1024);
  assert.deepEqual((await decode(text, 'application/yaml'))?.value, value);
});

test('brackets inside strings are not nesting', async () => {
  const text = JSON.stringify({ a: '[{"'.repeat(2000) });
  assert.deepEqual((await decode(text))?.value, JSON.parse(text));
});
