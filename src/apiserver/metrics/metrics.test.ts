import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createCounter, createGauge, createHistogram } from '../../base/instruments.ts';
import { fakeClock, realClock } from '../../base/clock.ts';
import { createWorkQueue } from '../../base/work-queue.ts';
import { createMemoryStore } from '../../storage/memory/memory-store.ts';
import { configMap, createTestPki, overHttp1, postJson, startServer } from '../fixtures/running-server.ts';
import type { Ask, Running, TestPki } from '../fixtures/running-server.ts';
import { createExposition } from './exposition.ts';
import { measuredStore } from './measured-store.ts';

let certificates: TestPki;
let running: Running;
before(async () => {
  certificates = await createTestPki();
  running = await startServer(certificates.pki);
});
after(async () => {
  await running.stop();
  await certificates.remove();
});

const ask = (path: string, options: Ask = {}) =>
  overHttp1(running.url + path, { ...options, ca: certificates.pki.caCert, client: certificates.pki.admin });

/** The value of a series, whose labels are given in any order. */
async function valueOf(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  const lines = (await ask('/metrics')).bytes.toString().split('\n');
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  const found = lines.filter(
    (line) => line.replace(/[{ ].*/, '') === name && wanted.every((label) => line.includes(label)),
  );
  assert.equal(found.length, 1, `${name} ${wanted.join()} is one line of ${found.join('\n')}`);
  return Number(found[0]?.split(' ').at(-1));
}

const configMaps = { group: '', version: 'v1', resource: 'configmaps', component: 'apiserver' };

test('requests are counted by what they asked for and what they got', async () => {
  const path = '/api/v1/namespaces/default/configmaps';
  await ask(path, postJson(configMap('counted')));
  await ask(path, postJson(configMap('counted')));
  await ask(`${path}?dryRun=All`, postJson(configMap('tried')));
  await ask(`${path}/counted`);
  await ask(`${path}/nobody`);
  const posted = { ...configMaps, verb: 'POST', scope: 'namespace' };
  const total = 'apiserver_request_total';
  assert.equal(await valueOf(total, { ...posted, code: '201', dry_run: '' }), 1);
  assert.equal(await valueOf(total, { ...posted, code: '409' }), 1);
  assert.equal(await valueOf(total, { ...posted, code: '201', dry_run: 'All' }), 1);
  assert.equal(await valueOf(total, { ...configMaps, verb: 'GET', scope: 'resource', code: '404' }), 1);
  assert.equal(
    await valueOf('apiserver_request_duration_seconds_count', { ...posted, dry_run: '' }),
    2,
    'both that were not tried only',
  );
  assert.equal(
    await valueOf('apiserver_request_duration_seconds_bucket', { ...posted, dry_run: '', le: '+Inf' }),
    2,
  );
  // Beside the one that every cluster has.
  assert.equal(await valueOf('apiserver_storage_objects', { resource: 'configmaps' }), 2);
  assert.equal(
    await valueOf('etcd_requests_total', { operation: 'create', resource: 'configmaps' }),
    3,
    'the one that was there already is judged by the store',
  );
});

test('what is not served makes no labels', async () => {
  await ask('/api/v1/namespaces/default/no-such-thing');
  await ask('/some/where');
  const { signal } = new AbortController();
  const made = await running.server.handle({ method: 'MADE-UP', path: '/%zz', headers: {}, signal });
  assert.equal(made.status, 400);
  const text = (await ask('/metrics')).bytes.toString();
  assert.doesNotMatch(text, /no-such-thing|some\/where|MADE-UP/);
});

test('a watch counts while it runs, and so do its events', async () => {
  const controller = new AbortController();
  const watch = await running.server.handle({
    method: 'GET',
    path: '/api/v1/namespaces/default/configmaps?watch=true',
    headers: {},
    user: { name: 'me', groups: ['system:masters', 'system:authenticated'] },
    signal: controller.signal,
  });
  const events = (watch.body as AsyncIterable<string>)[Symbol.asyncIterator]();
  await events.next();
  const labels = { verb: 'WATCH', ...configMaps };
  assert.equal(await valueOf('apiserver_longrunning_requests', labels), 1);
  assert.equal(await valueOf('apiserver_watch_events_total', { kind: 'ConfigMap', version: 'v1' }), 1);
  controller.abort();
  await events.next();
  assert.equal(await valueOf('apiserver_longrunning_requests', labels), 0);
});

test('requests in flight are those that have no answer yet', async () => {
  assert.equal(await valueOf('apiserver_current_inflight_requests', { request_kind: 'readOnly' }), 1);
  assert.equal(await valueOf('apiserver_current_inflight_requests', { request_kind: 'mutating' }), 0);
});

test('the process and Node have their figures', async () => {
  assert.ok((await valueOf('process_resident_memory_bytes')) > 1e7);
  assert.ok((await valueOf('process_start_time_seconds')) > 1e9);
  assert.ok((await valueOf('nodejs_heap_size_used_bytes')) > 1e6);
});

test('only who may may read the figures', async () => {
  const answer = await overHttp1(`${running.url}/metrics`, { ca: certificates.pki.caCert });
  assert.ok(answer.status === 401 || answer.status === 403, String(answer.status));
});

test('a histogram cumulates, a gauge is read, labels are escaped', async () => {
  const histogram = createHistogram({ name: 'h', help: 'Some help.', labels: ['a'] }, [1, 2]);
  for (const value of [0.5, 1, 1.5, 9]) histogram.observe(['x"y\\z'], value);
  const gauge = createGauge({ name: 'g', help: 'More.' }, () => [[[], 7]]);
  const counter = createCounter({ name: 'c_total', help: 'Most.', labels: ['b'] });
  counter.add(['1']);
  counter.add(['1'], 2);
  const lines = (await createExposition().text([histogram, gauge, counter])).split('\n');
  for (const line of [
    '# TYPE h histogram',
    'h_bucket{le="1",a="x\\"y\\\\z"} 2',
    'h_bucket{le="2",a="x\\"y\\\\z"} 3',
    'h_bucket{le="+Inf",a="x\\"y\\\\z"} 4',
    'h_sum{a="x\\"y\\\\z"} 12',
    'h_count{a="x\\"y\\\\z"} 4',
    'g 7',
    'c_total{b="1"} 3',
  ])
    assert.ok(
      lines.includes(line),
      `${line} is among\n${lines.filter((l) => /^[hgc]_?/.test(l)).join('\n')}`,
    );
});

test('a named work queue is counted', async () => {
  const clock = fakeClock();
  const queue = createWorkQueue<string>({ clock, name: 'test-queue' });
  const { signal } = new AbortController();
  queue.add('a');
  queue.add('b');
  await clock.advance(2000);
  assert.equal(await queue.next(signal), 'a');
  await clock.advance(1000);
  queue.retry('a');
  queue.done('a');
  const name = 'test-queue';
  assert.equal(await valueOf('workqueue_depth', { name }), 1);
  assert.equal(await valueOf('workqueue_adds_total', { name }), 2);
  assert.equal(await valueOf('workqueue_queue_duration_seconds_sum', { name }), 2);
  assert.equal(await valueOf('workqueue_work_duration_seconds_sum', { name }), 1);
  assert.equal(await valueOf('workqueue_retries_total', { name }), 1);
});

test('a store is unwell from a write that failed to the next that did not, and when it does not answer', async () => {
  const inner = createMemoryStore();
  let isFull = true;
  const outcomes: unknown[] = [];
  const { store, failure } = measuredStore(
    {
      ...inner,
      commit: (writes) => (isFull ? Promise.reject(new Error('no space left')) : inner.commit(writes)),
    },
    { clock: realClock, stored: (operation, key, { isFailed }) => outcomes.push([operation, key, isFailed]) },
  );
  const key = '/registry/services/a/b';
  const write = () => store.commit([{ key, value: new Uint8Array(1) }]);
  assert.equal(await failure(), undefined);
  await assert.rejects(write(), /no space/);
  assert.equal(await failure(), 'no space left');
  isFull = false;
  await write();
  assert.equal(await failure(), undefined);
  await store.commit([{ key, value: null }]);
  assert.deepEqual(outcomes, [
    ['update', key, true],
    ['update', key, false],
    ['delete', key, false],
  ]);
  const clock = fakeClock();
  const silent = measuredStore(
    { ...inner, get: () => new Promise(() => undefined) },
    { clock, stored: () => undefined },
  );
  const asked = silent.failure();
  await clock.advance(2000);
  assert.match(String(await asked), /does not answer/);
});
