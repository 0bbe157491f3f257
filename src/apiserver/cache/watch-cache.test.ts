import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shareFields } from '../../api/apply/shared-fields.ts';
import { configMaps } from '../../api/core/v1/config-map.ts';
import type { KubeObject } from '../../api/kind.ts';
import { fakeClock } from '../../base/clock.ts';
import { memoryLogger } from '../../base/logger.ts';
import { createMemoryStore } from '../../storage/memory/memory-store.ts';
import { CompactedError, type Store, type WatchBatch } from '../../storage/store.ts';
import { changeOf, createEventLog } from './event-log.ts';
import { createJsonTexts } from './json-text.ts';
import { createDecoded, createObjectTable } from './object-table.ts';
import { decodeStored, encodeObject, objectPrefix, outgoing, prefixOf } from './stored-object.ts';
import { createWakeUp } from './wake-up.ts';
import { createWatchCache, type KeyListener } from './watch-cache.ts';

const prefix = objectPrefix(configMaps);
const object = (name: string, labels: Record<string, string> = {}) => ({ metadata: { name, labels } });
const settle = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

function listen(): KeyListener & { readonly keys: Set<string> } {
  const keys = new Set<string>();
  return {
    prefix: '/claims/',
    keys,
    reset: () => keys.clear(),
    set: (key) => void keys.add(key),
    delete: (key) => void keys.delete(key),
  };
}

/** A store whose watch can be broken from outside. */
function fragile(store: Store): Store & { break(error: Error): void } {
  let fail: ((error: Error) => void) | undefined;
  return {
    ...store,
    break: (error) => fail?.(error),
    async *watch(from, revision, signal): AsyncIterable<WatchBatch> {
      const broken = new Promise<never>((_, reject) => (fail = reject));
      broken.catch(() => undefined);
      const inner = store.watch(from, revision, signal)[Symbol.asyncIterator]();
      for (;;) {
        const next = await Promise.race([inner.next(), broken]);
        if (next.done === true) return;
        yield next.value;
      }
    },
  };
}

function start(store: Store) {
  const listener = listen();
  const clock = fakeClock();
  const logger = memoryLogger();
  const cache = createWatchCache({ store, prefixes: [prefix], listeners: [listener], clock, logger });
  const stopping = new AbortController();
  const running = cache.run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await running;
  };
  return { cache, clock, logger, listener, running, stop };
}

const put = (store: Store, name: string, labels?: Record<string, string>) =>
  store.commit([{ key: prefix + name, value: encodeObject(object(name, labels)) }]);

describe('the watch cache', () => {
  it('has what the store had and hears what it gets, claims included', async () => {
    const store = createMemoryStore();
    await put(store, 'ns/a');
    await store.commit([{ key: '/claims/x', value: new Uint8Array() }]);
    const { cache, listener, stop } = start(store);
    await cache.atLeast(2);
    assert.equal(cache.resource(prefix).objects.get('ns/a')?.metadata.resourceVersion, '1');
    assert.deepEqual([...listener.keys], ['/claims/x']);
    await store.commit([
      { key: prefix + 'ns/a', value: null },
      { key: '/claims/x', value: null },
      { key: '/claims/y', value: new Uint8Array() },
      { key: '/elsewhere', value: new Uint8Array() },
    ]);
    await cache.atLeast(3);
    assert.equal(cache.resource(prefix).objects.size, 0);
    assert.deepEqual([...listener.keys], ['/claims/y']);
    await stop();
  });

  it('loads everything anew when its watch breaks, and says why', async () => {
    const inner = createMemoryStore();
    const store = fragile(inner);
    await put(store, 'a');
    const { cache, clock, logger, stop } = start(store);
    await cache.atLeast(1);
    let nWakes = 0;
    cache.subscribe(prefix, () => nWakes++);
    store.break(new Error('disk on fire'));
    await settle();
    await put(store, 'b');
    await clock.advance(1000);
    await cache.atLeast(2);
    assert.equal(cache.resource(prefix).objects.size, 2);
    assert.ok(nWakes > 0);
    assert.deepEqual(
      logger.lines.map(({ message }) => message),
      ['the watch of the store broke off'],
    );
    // Losing the place in the history is nothing to report: it happens to slow readers.
    store.break(new CompactedError(1, 2));
    await settle();
    await clock.advance(1000);
    assert.equal(logger.lines.length, 1);
    await stop();
  });

  it('fails when it cannot load anything, and waits for a slow store as long as it takes', async () => {
    const broken: Store = { ...createMemoryStore(), list: () => Promise.reject(new Error('no such medium')) };
    await assert.rejects(start(broken).running, /no such medium/);
    const inner = createMemoryStore();
    const opening = Promise.withResolvers<undefined>();
    const slow: Store = { ...inner, list: (...args) => opening.promise.then(() => inner.list(...args)) };
    const { cache, clock, stop } = start(slow);
    const loading = cache.loaded(new AbortController().signal);
    await clock.advance(60_000);
    assert.equal(cache.revision, -1);
    opening.resolve(undefined);
    await loading;
    assert.equal(cache.revision, 0);
    await stop();
  });

  it('knows only the resources it was made with', async () => {
    const { cache, stop } = start(createMemoryStore());
    await cache.atLeast(0);
    assert.throws(() => cache.resource('/registry/other/'), /nothing is cached under/);
    await stop();
  });
});

describe('the event log', () => {
  const change = (revision: number) =>
    changeOf({ revision, key: 'a', next: object('a'), prev: revision === 1 ? undefined : object('a') });

  it('keeps the latest changes and knows where they begin', () => {
    const log = createEventLog(0, { changes: 10, bytes: Infinity });
    for (let revision = 1; revision <= 25; revision++) log.append(change(revision), 1);
    assert.equal(log.floor, 10);
    assert.equal(log.after(9), undefined);
    assert.deepEqual(
      log.after(10)?.map(({ revision }) => revision),
      Array.from({ length: 15 }, (_, i) => i + 11),
    );
    assert.deepEqual(log.after(25), []);
  });

  it('never drops a part of one revision', () => {
    const log = createEventLog(0, { changes: 2, bytes: Infinity });
    for (const revision of [1, 2, 2, 2]) log.append(change(revision), 1);
    assert.equal(log.floor, 2);
    assert.deepEqual(log.after(2), []);
  });

  it('keeps fewer of large changes', () => {
    const log = createEventLog(0, { changes: 10, bytes: 100 });
    for (let revision = 1; revision <= 8; revision++) log.append(change(revision), 25);
    assert.equal(log.floor, 0, 'up to twice the limit');
    log.append(change(9), 25);
    assert.equal(log.floor, 5);
    log.append(change(10), 0);
    assert.deepEqual(
      log.after(5)?.map(({ revision }) => revision),
      [6, 7, 8, 9, 10],
    );
  });

  it('tells what is gone as it was, with the revision of its end', () => {
    const gone = changeOf({ revision: 7, key: 'a', next: undefined, prev: object('a', { x: 'y' }) });
    assert.deepEqual(gone.gone().metadata, { name: 'a', labels: { x: 'y' }, resourceVersion: '7' });
    assert.equal(gone.gone(), gone.gone());
    assert.throws(() => change(1).gone(), /did not exist/);
  });
});

describe('the table of objects', () => {
  const stored = (name: string, revision = 1) => ({ value: encodeObject(object(name)), revision });

  it('is in the order of its keys', () => {
    const table = createObjectTable();
    for (const key of ['b/2', 'a/1', 'b/1', 'a-b/1']) table.set(key, stored(key));
    const names = (from: string, after: string): string[] =>
      table.range(from, after).map(({ metadata }) => metadata.name);
    assert.deepEqual(names('', ''), ['a-b/1', 'a/1', 'b/1', 'b/2']);
    assert.deepEqual(names('b/', ''), ['b/1', 'b/2']);
    assert.deepEqual(names('b/', 'b/1'), ['b/2']);
    table.delete('b/1');
    table.delete('b/1');
    assert.deepEqual([names('', 'a/1'), table.size], [['b/2'], 3]);
  });

  it('keeps what was asked for decoded, for a while', () => {
    const size = stored('a').value.length;
    const table = createObjectTable(createDecoded(size * 2));
    const given = object('x');
    table.set('x', stored('x', 7), given);
    assert.equal(table.get('x'), given);
    const others = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of others) table.set(name, stored(name));
    const first = table.get('a');
    assert.equal(table.get('a'), first);
    for (const name of others) table.get(name);
    assert.notEqual(table.get('x'), given);
    assert.equal(table.get('x')?.metadata.resourceVersion, '7');
  });
});

describe('waking many', () => {
  it('lets the world go on between two rounds, and tells of everything that came meanwhile at once', async () => {
    const clock = fakeClock();
    const wakeUp = createWakeUp(clock);
    let nHeard = 0;
    // Each of them takes its time.
    let spent = 0;
    const slow = { ...clock, now: () => clock.now() + spent };
    const slowWakeUp = createWakeUp(slow);
    for (let i = 0; i < 100; i++) slowWakeUp.add(() => void (spent += 0.1));
    const stop = slowWakeUp.add(() => nHeard++);
    slowWakeUp.ring();
    assert.equal(nHeard, 1);
    slowWakeUp.ring();
    slowWakeUp.ring();
    assert.equal(nHeard, 1, 'the second round has to wait');
    await clock.advance(1);
    await clock.advance(20);
    assert.equal(nHeard, 2, 'and is one for both');
    await clock.advance(100);
    assert.equal(nHeard, 2);
    stop();
    slowWakeUp.ring();
    assert.equal(nHeard, 2);
    const few = wakeUp.add(() => nHeard++);
    wakeUp.ring();
    wakeUp.ring();
    assert.equal(nHeard, 4, 'few hear of each change at once');
    few();
  });
});

describe('an object in the store', () => {
  it('is found under its group and carries its revision only when read', () => {
    assert.equal(objectPrefix({ group: 'apps', plural: 'deployments' }), '/registry/deployments.apps/');
    assert.equal(prefixOf('/registry/deployments.apps/default/web'), '/registry/deployments.apps/');
    assert.equal(prefixOf('/claims/ips/10.96.0.1'), '/claims/ips/10.96.0.1');
    const bytes = encodeObject({ metadata: { name: 'a', resourceVersion: '5' } });
    assert.equal(Buffer.from(bytes).toString(), '{"metadata":{"name":"a"}}');
    assert.equal(decodeStored(bytes, 9).metadata.resourceVersion, '9');
  });

  it('shares its sets of fields with others that have the same, however many there are', () => {
    const stored = (name: string, field: string): Uint8Array => {
      const fieldsV1 = { 'f:data': { [`f:${field}`]: {} } };
      return encodeObject({
        metadata: { name, managedFields: [{ manager: 'm', fieldsV1 }, { manager: 'n' }] },
      });
    };
    const fieldsOf = (name: string, field: string): unknown =>
      decodeStored(stored(name, field), 1).metadata.managedFields?.[0]?.fieldsV1;
    const first = fieldsOf('a', 'x');
    assert.deepEqual(first, { 'f:data': { 'f:x': {} } });
    assert.equal(fieldsOf('b', 'x'), first);
    for (let i = 0; i < 2001; i++) fieldsOf('c', `k${i}`);
    assert.deepEqual(fieldsOf('b', 'x'), first);
  });

  it('is on its way the very object that was written, and what its bytes and its text say', () => {
    const fieldsV1 = shareFields({ 'f:data': { 'f:x': {} } });
    const metadata = { name: 'ä', resourceVersion: '3', managedFields: [{ manager: 'm', fieldsV1 }, {}] };
    const object = { apiVersion: 'v1', kind: 'K', metadata, data: { x: '1', __proto__: '2' } };
    const { value, written, text } = outgoing(object);
    const copied = decodeStored(Uint8Array.from(value), 7);
    assert.deepEqual(written(7), copied);
    assert.equal(text(7), JSON.stringify(copied));
    assert.equal(decodeStored(value, 7), written(7));
    assert.deepEqual(decodeStored(value, 7), copied);
    const bare = outgoing({ metadata: {} } as KubeObject);
    assert.deepEqual(JSON.parse(bare.text(7)), { metadata: { resourceVersion: '7' } });
  });

  it('is read from its bytes where those say less than it', () => {
    const object = { metadata: { name: 'a' }, data: undefined } as KubeObject;
    const { value } = outgoing(object);
    assert.deepEqual(Object.keys(decodeStored(value, 7)), ['metadata']);
  });

  it('is serialised once, until there is too much of it', () => {
    let n = 0;
    const counted = { toJSON: () => ++n };
    const { of: text } = createJsonTexts(10);
    assert.deepEqual([text(counted), text(counted)], ['1', '1']);
    text({ long: 'x'.repeat(20) });
    assert.equal(text(counted), '2');
  });

  it('is taken from who has made it, by who asks first', () => {
    const texts = createJsonTexts();
    const made = Array.from({ length: 300 }, (_, i) => ({ i }));
    for (const each of made) texts.keep(each, 'made');
    const [first = {}] = made;
    const last = made.at(-1) ?? {};
    assert.deepEqual([texts.of(first), texts.of(last), texts.of(last)], ['{"i":0}', 'made', '{"i":299}']);
    texts.keep(first, 'x'.repeat(20_000));
    assert.equal(texts.of(first).length, 20_000);
  });
});
