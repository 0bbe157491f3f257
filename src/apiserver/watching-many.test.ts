import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { after, before, test } from 'node:test';
import { askOn, configMap, createTestPki, jsonOf, postJson, startServer } from './fixtures/running-server.ts';
import type { Running, TestPki } from './fixtures/running-server.ts';

let mine: TestPki;
let running: Running;
before(async () => {
  mine = await createTestPki();
  running = await startServer(mine.pki);
});
after(async () => {
  await running.stop();
  await mine.remove();
});

interface Told {
  readonly type: string;
  readonly object: { metadata: { name?: string; resourceVersion: string } };
}

interface Watcher {
  readonly stream: ClientHttp2Stream;
  readonly text: () => string;
}

const MAPS = '/api/v1/namespaces/default/configmaps';
const open = (): ClientHttp2Session => connect(running.url, { ca: mine.pki.caCert, ...mine.pki.admin });

async function watch(
  session: ClientHttp2Session,
  query: string,
  accept = 'application/json',
): Promise<Watcher> {
  const stream = session.request({ ':path': `${MAPS}?watch=true&${query}`, accept });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'response');
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

/** The events that have come whole. */
const told = (text: string): Told[] =>
  text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Told);

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(holds(), 'it has not come in ten seconds');
}

test('many watchers with several selections all hear everything, in order, and each what it selects', async () => {
  const [writer, ...readers] = [open(), open(), open(), open()];
  assert.ok(writer);
  const { metadata } = jsonOf<{ metadata: { resourceVersion: string } }>(await askOn(writer, MAPS));
  const from = `resourceVersion=${metadata.resourceVersion}`;
  const kinds: readonly [query: string, accept?: string][] = [
    [from],
    [`${from}&labelSelector=team%3Dred`],
    [`${from}&labelSelector=team%3Dblue`],
    [`${from}&fieldSelector=metadata.name%3Dm-1`],
    [from, 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'],
  ];
  const groups = await Promise.all(
    kinds.map(async ([query, accept]) =>
      Promise.all(Array.from({ length: 20 }, (_, i) => watch(readers[i % 3] ?? writer, query, accept))),
    ),
  );
  const put = (name: string, team: string, round: number) => ({
    ...configMap(name, { round: String(round) }),
    metadata: { name, labels: { team } },
  });
  for (let i = 0; i < 10; i++) await askOn(writer, MAPS, postJson(put(`m-${i}`, 'red', 0)));
  for (let round = 1; round <= 4; round++) {
    const team = round % 2 === 0 ? 'red' : 'blue';
    await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const change = { ...postJson(put(`m-${i}`, team, round)), method: 'PUT' };
        assert.equal((await askOn(writer, `${MAPS}/m-${i}`, change)).status, 200);
      }),
    );
  }
  for (let i = 0; i < 10; i++) await askOn(writer, `${MAPS}/m-${i}`, { method: 'DELETE' });
  // Ten objects: made red; blue, red, blue, red; gone.
  const typesOf = ([type, times]: readonly [string, number]): string[] => Array<string>(times).fill(type);
  const flips = (first: string, second: string, n: number): string[] =>
    Array.from({ length: n }, () => [...typesOf([first, 10]), ...typesOf([second, 10])]).flat();
  const expected = [
    [...typesOf(['ADDED', 10]), ...typesOf(['MODIFIED', 40]), ...typesOf(['DELETED', 10])],
    flips('ADDED', 'DELETED', 3),
    flips('ADDED', 'DELETED', 2),
    ['ADDED', 'MODIFIED', 'MODIFIED', 'MODIFIED', 'MODIFIED', 'DELETED'],
    [...typesOf(['ADDED', 10]), ...typesOf(['MODIFIED', 40]), ...typesOf(['DELETED', 10])],
  ];
  for (const [i, group] of groups.entries()) {
    const wanted = expected[i] ?? [];
    await until(() => group.every(({ text }) => told(text()).length >= wanted.length));
    const [first] = group;
    assert.ok(first);
    const events = told(first.text());
    assert.deepEqual(
      events.map(({ type }) => type),
      wanted,
    );
    const versions = events.map(({ object }) => Number(object.metadata.resourceVersion));
    assert.deepEqual(
      versions,
      [...new Set(versions)].sort((a, b) => a - b),
      'each change once, in order',
    );
    for (const { text } of group) assert.equal(text(), first.text());
  }
  for (const session of [writer, ...readers]) session.destroy();
});

test('a watcher that reads nothing for a while hears all of it afterwards, and holds up nobody', async () => {
  const [slow, quick] = [open(), open()];
  const { metadata } = jsonOf<{ metadata: { resourceVersion: string } }>(await askOn(quick, MAPS));
  const from = `resourceVersion=${metadata.resourceVersion}`;
  const late = slow.request({ ':path': `${MAPS}?watch=true&${from}` });
  await once(late, 'response');
  const prompt = await watch(quick, from);
  const big = 'x'.repeat(20_000);
  const nWrites = 60;
  await askOn(quick, MAPS, postJson(configMap('large', { big })));
  for (let i = 1; i < nWrites; i++) {
    const change = { ...postJson(configMap('large', { big, round: String(i) })), method: 'PUT' };
    assert.equal((await askOn(quick, `${MAPS}/large`, change)).status, 200);
  }
  await until(() => told(prompt.text()).length === nWrites);
  let text = '';
  late.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await until(() => text.length >= prompt.text().length);
  assert.equal(text, prompt.text());
  slow.destroy();
  quick.destroy();
});
