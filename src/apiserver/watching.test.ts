import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { after, before, test } from 'node:test';
import { fakeClock } from '../base/clock.ts';
import { inProcessTransport } from './in-process-transport.ts';
import { configMap, createTestPki, postJson, startServer } from './fixtures/running-server.ts';
import type { Running, TestPki } from './fixtures/running-server.ts';
import type { HttpMethod, Transport, TransportResponse } from '../client/transport.ts';

let mine: TestPki;
let running: Running;
let transport: Transport;
before(async () => {
  mine = await createTestPki();
  running = await startServer(mine.pki);
  transport = inProcessTransport(running.server, { name: 'tester', groups: ['system:masters'] });
});
after(async () => {
  transport.close();
  await running.stop();
  await mine.remove();
});

const maps = '/api/v1/namespaces/default/configmaps';

interface Frame {
  readonly type: string;
  readonly object: {
    readonly kind: string;
    readonly metadata: {
      readonly name: string;
      readonly resourceVersion: string;
      readonly annotations?: object;
    };
    readonly columnDefinitions?: readonly object[];
    readonly rows?: readonly { readonly cells: readonly unknown[] }[];
    readonly code?: number;
  };
}

/** The frames of a watch, one by one. */
async function* framesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let text = '';
  for await (const chunk of body) {
    text += Buffer.from(chunk).toString();
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line) as Frame;
  }
  assert.equal(text, '', 'the last frame is whole');
}

async function ask(
  method: HttpMethod,
  path: string,
  { body, accept = 'application/json' }: { readonly body?: object; readonly accept?: string } = {},
): Promise<TransportResponse> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  return transport.request({
    method,
    path,
    ...sent,
    headers: { 'content-type': 'application/json', accept },
  });
}

async function textOf({ body }: TransportResponse): Promise<string> {
  let text = '';
  for await (const chunk of body) text += Buffer.from(chunk).toString();
  return text;
}

const jsonFrom = async <T>(response: TransportResponse): Promise<T> =>
  JSON.parse(await textOf(response)) as T;

async function version(): Promise<string> {
  const { metadata } = await jsonFrom<{ metadata: { resourceVersion: string } }>(await ask('GET', maps));
  return metadata.resourceVersion;
}

async function next(frames: AsyncGenerator<Frame>): Promise<Frame> {
  const result = await frames.next();
  assert.equal(result.done, false, 'the watch goes on');
  return result.value;
}

test('a watch tells what happens, in order, until its time is over', async () => {
  const from = await version();
  const response = await ask('GET', `${maps}?watch=1&resourceVersion=${from}&timeoutSeconds=1`);
  assert.deepEqual([response.status, response.headers['content-type']], [200, 'application/json']);
  const frames = framesOf(response.body);
  await ask('POST', maps, { body: configMap('w', { a: '1' }) });
  await ask('PUT', `${maps}/w`, { body: configMap('w', { a: '2' }) });
  await ask('DELETE', `${maps}/w`);
  const seen = [];
  for await (const { type, object } of frames) seen.push([type, object.kind, object.metadata.name]);
  assert.deepEqual(seen, [
    ['ADDED', 'ConfigMap', 'w'],
    ['MODIFIED', 'ConfigMap', 'w'],
    ['DELETED', 'ConfigMap', 'w'],
  ]);
});

test('a watch of a table names its columns once', async () => {
  const from = await version();
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const response = await ask('GET', `${maps}?watch=1&resourceVersion=${from}&timeoutSeconds=5`, { accept });
  const frames = framesOf(response.body);
  await ask('POST', maps, { body: configMap('t1') });
  await ask('POST', maps, { body: configMap('t2') });
  const [first, second] = [await next(frames), await next(frames)];
  await frames.return(undefined);
  assert.deepEqual(
    [first.type, first.object.kind, first.object.rows?.[0]?.cells[0]],
    ['ADDED', 'Table', 't1'],
  );
  assert.ok((first.object.columnDefinitions ?? []).length > 0);
  assert.deepEqual([second.object.columnDefinitions, second.object.rows?.[0]?.cells[0]], [[], 't2']);
});

test('a watch of metadata alone carries nothing else', async () => {
  const from = await version();
  const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
  const response = await ask('GET', `${maps}?watch=1&resourceVersion=${from}&timeoutSeconds=5`, { accept });
  const frames = framesOf(response.body);
  await ask('POST', maps, { body: configMap('meta', { a: 'b' }) });
  const { object } = await next(frames);
  await frames.return(undefined);
  assert.deepEqual(Object.keys(object), ['kind', 'apiVersion', 'metadata']);
});

for (const shape of ['', 'Table', 'PartialObjectMetadataList']) {
  test(`initial events end with a bookmark${shape === '' ? '' : `, as ${shape}`}`, async () => {
    const query =
      'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=5';
    const accept = shape === '' ? 'application/json' : `application/json;as=${shape};v=v1;g=meta.k8s.io`;
    const frames = framesOf((await ask('GET', `/api/v1/namespaces?${query}`, { accept })).body);
    const seen: Frame[] = [];
    do seen.push(await next(frames));
    while (seen.at(-1)?.type === 'ADDED');
    await frames.return(undefined);
    const last = seen.at(-1);
    assert.equal(last?.type, 'BOOKMARK');
    assert.deepEqual(last?.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
    assert.match(last?.object.metadata.resourceVersion ?? '', /^\d+$/);
    assert.ok(seen.length >= 5);
  });
}

test('a large beginning comes in pieces, whole', async () => {
  const names = Array.from({ length: 30 }, (_, i) => `big-${i}`);
  await Promise.all(
    names.map((name) => ask('POST', maps, { body: configMap(name, { a: 'x'.repeat(10_000) }) })),
  );
  const response = await ask('GET', `${maps}?watch=1&timeoutSeconds=1`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  assert.ok(chunks.length > 3 && chunks.every(({ length }) => length < 100_000));
  const seen = new Set(
    Buffer.concat(chunks)
      .toString()
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as Frame).object.metadata.name),
  );
  for (const name of names) assert.ok(seen.has(name), name);
});

test('a version from the future is told in the stream or refused, and never hangs', async () => {
  const response = await ask('GET', `${maps}?watch=1&resourceVersion=999999999&timeoutSeconds=1`);
  for await (const { type } of framesOf(response.body)) assert.equal(type, 'ERROR');
});

test('many watchers all see the same change', async () => {
  const from = await version();
  const watches = await Promise.all(
    Array.from({ length: 50 }, () => ask('GET', `${maps}?watch=1&resourceVersion=${from}&timeoutSeconds=10`)),
  );
  const frames = watches.map(({ body }) => framesOf(body));
  const firsts = Promise.all(frames.map(next));
  await ask('POST', maps, { body: configMap('shared') });
  for (const { object } of await firsts) assert.equal(object.metadata.name, 'shared');
  await Promise.all(frames.map((each) => each.return(undefined)));
});

test('a caller of the same process can stop asking, before and while it is answered', async () => {
  const stopped = AbortSignal.abort(new Error('enough'));
  await assert.rejects(transport.request({ method: 'GET', path: '/version', signal: stopped }), /enough/);
  const stopping = new AbortController();
  const { body } = await transport.request({
    method: 'GET',
    path: `${maps}?watch=1`,
    signal: stopping.signal,
  });
  const frames = framesOf(body);
  await next(frames);
  stopping.abort(new Error('enough'));
  for await (const frame of frames) assert.ok(frame.type === 'ADDED');
});

test('a closed transport answers no more and ends what it runs', async () => {
  const other = inProcessTransport(running.server, { name: 'tester', groups: [] });
  const { body } = await other.request({
    method: 'GET',
    path: `${maps}?watch=1&resourceVersion=${await version()}`,
  });
  const ended = framesOf(body).next();
  other.close();
  assert.equal((await ended).done, true);
  await assert.rejects(other.request({ method: 'GET', path: '/version' }), /closed/);
});

test('a caller of the same process is who it says, and authenticated by that', async () => {
  const { status, headers } = await ask('GET', '/api');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json');
  const warned = await ask('POST', `${maps}?dryRun=All`, { body: { ...configMap('q'), extra: 1 } });
  assert.match(warned.headers.warning ?? '', /unknown field/);
});

test('a stopping server ends the watches of all connections by itself, and finishes what it answers', async () => {
  // On a clock that stands still, nothing is cut off: whatever ends does so because it was told to.
  const other = await startServer(mine.pki, { clock: fakeClock() });
  const session = connect(other.url, { ca: mine.pki.caCert, ...mine.pki.admin });
  const stream = session.request({ ':path': `${maps}?watch=1` });
  const headers = new Promise((resolve) => stream.on('response', resolve));
  const ended = new Promise((resolve) => stream.resume().on('end', resolve));
  await headers;
  await other.stop();
  await ended;
  await assert.rejects(
    transport.request({
      ...postJson({}),
      method: 'POST',
      path: '/nowhere',
      signal: AbortSignal.abort(new Error('late')),
    }),
    /late/,
  );
});
