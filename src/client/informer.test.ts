import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { configMaps } from '../api/core/v1/config-map.ts';
import type { ConfigMap } from '../api/core/v1/config-map.ts';
import { realClock } from '../base/clock.ts';
import { memoryLogger, silentLogger } from '../base/logger.ts';
import { startCuttingProxy } from '../testing/cutting-proxy.ts';
import type { CuttingProxy } from '../testing/cutting-proxy.ts';
import { createToyApiServer } from '../testing/toy-api-server.ts';
import type { ToyApiServer } from '../testing/toy-api-server.ts';
import { createClient } from './client.ts';
import { createHttpTransport } from './http-transport.ts';
import { createInformer, hasSynced } from './informer.ts';
import type { Change, Informer } from './informer.ts';
import { readText } from './json-frames.ts';
import type { Transport } from './transport.ts';

type Told = [key: string, prev: string | undefined, next: string | undefined];
const told = ({ key, prev, next }: Change<ConfigMap>): Told => [key, prev?.data?.value, next?.data?.value];

/** Waits until `isTrue`, at most `ms`. */
async function eventually(isTrue: () => boolean, what: string, ms = 60_000): Promise<void> {
  const end = Date.now() + ms;
  while (!isTrue()) {
    assert.ok(Date.now() < end, `not within ${ms} ms: ${what}`);
    await realClock.sleep(5);
  }
}

const copyOf = (informer: Informer<ConfigMap>): Record<string, string> =>
  Object.fromEntries(informer.list().map(({ metadata, data }) => [metadata.name, data?.value ?? '']));
const sorted = (state: Record<string, string>): string => JSON.stringify(Object.entries(state).sort());

interface World {
  readonly toy: ToyApiServer;
  readonly proxy: CuttingProxy;
  readonly transport: Transport;
  readonly informer: Informer<ConfigMap>;
  readonly changes: Told[];
  /** The copy equals the server, and the changes told so far lead from nothing to it. */
  readonly truth: () => Promise<void>;
  readonly end: () => Promise<void>;
}

async function world(
  options: { readonly http1Only?: boolean; readonly pageSize?: number; readonly pingEveryMs?: number } = {},
): Promise<World> {
  const toy = await createToyApiServer(options);
  await toy.control.start();
  toy.write({ a: '1', b: '1', c: '1' });
  const proxy = await startCuttingProxy(Number(new URL(toy.url()).port));
  const transport = createHttpTransport(
    { server: `https://127.0.0.1:${proxy.port}`, ca: toy.ca },
    { clock: realClock, pingEveryMs: options.pingEveryMs ?? 150 },
  );
  const informer = createInformer({
    client: createClient(transport),
    kind: configMaps,
    indexers: { value: ({ data }) => Object.values(data ?? {}) },
    clock: realClock,
    logger: silentLogger,
    pageSize: options.pageSize,
  });
  const changes: Told[] = [];
  informer.onChange((change) => changes.push(told(change)));
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  await hasSynced(informer, stop.signal);
  return {
    toy,
    proxy,
    transport,
    informer,
    changes,
    truth: async () => {
      await eventually(
        () => sorted(copyOf(informer)) === sorted(toy.state()),
        `the copy ${sorted(copyOf(informer))} equals ${sorted(toy.state())}`,
      );
      const replayed = new Map<string, string>();
      for (const [key, prev, next] of changes) {
        assert.equal(replayed.get(key), prev, `change of ${key} begins where the one before ended`);
        if (next === undefined) replayed.delete(key);
        else replayed.set(key, next);
      }
      const replay = Object.fromEntries(
        [...replayed].map(([key, value]) => [key.slice('toy/'.length), value]),
      );
      assert.equal(sorted(replay), sorted(toy.state()));
    },
    end: async () => {
      stop.abort();
      await running;
      transport.close();
      await proxy.close();
      await toy.control.stop();
    },
  };
}

const openWatches = ({ toy }: World): number => toy.requests.filter((r) => r.startsWith('watch')).length;

/** What happens to an informer that follows a server holding a, b and c. Its copy must equal the server afterwards. */
const troubles: readonly [sentence: string, trouble: (world: World) => Promise<void> | void][] = [
  [
    'nothing: it sees creations, changes and deletions',
    ({ toy }) => toy.write({ d: '1', a: '2', b: undefined }),
  ],
  [
    'its connection is reset, and the world changes meanwhile',
    ({ toy, proxy }) => {
      proxy.kill();
      toy.write({ d: '1', a: undefined });
    },
  ],
  [
    'its connection falls silent without being closed',
    ({ toy, proxy }) => {
      proxy.cutSilently();
      toy.write({ d: '1', a: undefined });
    },
  ],
  [
    'the server restarts with its data',
    async ({ toy }) => {
      await toy.control.stop();
      toy.write({ d: '1', b: '2', c: undefined });
      await realClock.sleep(200);
      await toy.control.start();
    },
  ],
  [
    'the server restarts from nothing and its versions begin anew',
    async ({ toy }) => {
      toy.write({ a: '2' });
      await toy.control.stop();
      toy.control.forgetEverything();
      toy.write({ b: '7', z: '1' });
      await toy.control.start();
    },
  ],
  [
    'history is compacted while it is away (410 as HTTP status): what was deleted meanwhile is told',
    async ({ toy }) => {
      await toy.control.stop();
      toy.write({ a: undefined });
      toy.write({ d: '1' });
      toy.control.compact();
      await toy.control.start();
    },
  ],
  [
    'the watch tells 410 as an event',
    ({ toy, proxy }) => {
      const status = { kind: 'Status', status: 'Failure', code: 410, reason: 'Expired', message: 'too old' };
      toy.faults.push({ when: 'watch', frames: `${JSON.stringify({ type: 'ERROR', object: status })}\n` });
      proxy.kill();
      toy.write({ a: undefined, d: '1' });
    },
  ],
  [
    'the server answers 500, 503 and 429 for a while',
    ({ toy, proxy }) => {
      for (const status of [500, 503, 429]) toy.faults.push({ when: 'any', status });
      proxy.kill();
      toy.write({ a: undefined, d: '1' });
    },
  ],
  [
    'the watch sends a frame that is not JSON',
    ({ toy, proxy }) => {
      toy.faults.push({ when: 'watch', frames: '{"type":"ADDED","object":{"metad\n' });
      proxy.kill();
      toy.write({ a: undefined, d: '1' });
    },
  ],
  [
    'the watch ends in the middle of a frame',
    ({ toy, proxy }) => {
      toy.faults.push({ when: 'watch', frames: '{"type":"ADDED","object":{"metad' });
      proxy.kill();
      toy.write({ a: undefined, d: '1' });
    },
  ],
  [
    'the watch sends an event of an unknown type',
    ({ toy, proxy }) => {
      toy.faults.push({ when: 'watch', frames: '{"type":"WHAT","object":{"metadata":{"name":"a"}}}\n' });
      proxy.kill();
      toy.write({ a: '5' });
    },
  ],
  [
    'the watch repeats old events',
    async (world) => {
      const { toy, proxy } = world;
      toy.write({ a: '2' });
      await world.truth();
      const old = { namespace: 'toy', uid: 'a-11', resourceVersion: '11', name: 'a' };
      const object = { metadata: old, data: { value: '1' } };
      const frames = ['ADDED', 'MODIFIED', 'DELETED'].map((type) => `${JSON.stringify({ type, object })}\n`);
      toy.faults.push({ when: 'watch', frames: frames.join('') });
      proxy.kill();
      await eventually(() => toy.faults.length === 0, 'the old events were sent');
      toy.write({ d: '1' });
    },
  ],
  [
    'an object is deleted and made again while it is away',
    ({ toy, proxy }) => {
      proxy.kill();
      toy.write({ a: undefined });
      toy.write({ a: '9' });
      toy.control.compact();
    },
  ],
];

describe('an informer over HTTP/2 ends with the truth, told once, when', () => {
  for (const [sentence, trouble] of troubles) {
    it(sentence, async () => {
      const here = await world();
      try {
        await here.truth();
        await eventually(() => openWatches(here) > 0, 'the first watch is open');
        await trouble(here);
        await here.truth();
        // It still follows: a change after the trouble arrives as well.
        here.toy.write({ last: 'x', c: undefined });
        await here.truth();
      } finally {
        await here.end();
      }
    });
  }
});

describe('an informer', () => {
  let here: World;
  before(async () => {
    here = await world({ http1Only: true, pageSize: 2 });
  });
  after(() => here.end());

  it('follows a server that speaks HTTP/1.1 only, and resumes after a reset', async () => {
    here.toy.write({ d: '1' });
    await here.truth();
    here.proxy.kill();
    here.toy.write({ e: '1', a: undefined });
    await here.truth();
  });

  it('lists in pages', () => {
    assert.equal(here.toy.requests.slice(0, 2).join(), 'list,list');
  });

  it('finds objects by key, by namespace and by its own indexes', () => {
    here.toy.write({ f: 'green' });
    return eventually(() => here.informer.get('toy/f') !== undefined, 'f is there').then(() => {
      assert.deepEqual(
        here.informer.by('value', 'green').map((o) => o.metadata.name),
        ['f'],
      );
      assert.equal(here.informer.by('namespace', 'toy').length, Object.keys(here.toy.state()).length);
      assert.deepEqual(here.informer.by('namespace', 'other'), []);
      assert.throws(() => here.informer.by('colour', 'green'), /no index "colour"/);
      assert.ok(here.informer.synced());
    });
  });

  it('hands what it knows to a handler that comes later, and nothing after that handler has gone', async () => {
    const seen: Told[] = [];
    const leave = here.informer.onChange((change) => seen.push(told(change)));
    assert.equal(seen.length, Object.keys(here.toy.state()).length);
    assert.ok(seen.every(([, prev, next]) => prev === undefined && next !== undefined));
    leave();
    const before = seen.length;
    here.toy.write({ g: '1' });
    await here.truth();
    assert.equal(seen.length, before);
  });
});

it('a bookmark moves the place to resume from, so that a compaction up to it costs no second list', async () => {
  // A PING that a busy machine answers late would cost a watch, and they are counted here.
  const here = await world({ pingEveryMs: 5_000 });
  try {
    await eventually(() => openWatches(here) === 1, 'the first watch is open');
    here.toy.write({ d: '1' });
    await here.truth();
    here.toy.control.bookmark();
    here.toy.control.compact();
    // An answer on the same connection comes after the bookmark.
    await readText((await here.transport.request({ method: 'GET', path: '/barrier' })).body);
    here.proxy.kill();
    await eventually(() => openWatches(here) === 2, 'the watch is resumed');
    here.toy.write({ e: '1' });
    await here.truth();
    assert.equal(here.toy.requests.at(-1), 'watch from 12');
    // One full list at the start, the request above, one page of one object to see that the server has not gone back.
    assert.equal(here.toy.requests.filter((r) => r === 'list').length, 3);
  } finally {
    await here.end();
  }
});

it('two objects of one version are both seen when the connection breaks between them', async () => {
  const here = await world();
  try {
    await eventually(() => openWatches(here) === 1, 'the first watch is open');
    const half = { namespace: 'toy', uid: 'x-12', resourceVersion: '12', name: 'x' };
    const object = { metadata: half, data: { value: '1' } };
    here.toy.faults.push({ when: 'watch', frames: `${JSON.stringify({ type: 'ADDED', object })}\n` });
    here.proxy.kill();
    here.toy.write({ x: '1', y: '1' });
    await here.truth();
  } finally {
    await here.end();
  }
});

it('a handler that throws is logged and keeps nobody else from the change', async () => {
  const toy = await createToyApiServer();
  await toy.control.start();
  toy.write({ a: '1' });
  const logger = memoryLogger();
  const transport = createHttpTransport({ server: toy.url(), ca: toy.ca }, { clock: realClock });
  const informer = createInformer({
    client: createClient(transport),
    kind: configMaps,
    clock: realClock,
    logger,
  });
  const seen: string[] = [];
  informer.onChange(() => {
    throw new Error('boom');
  });
  informer.onChange(({ key }) => seen.push(key));
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  await hasSynced(informer, stop.signal);
  assert.deepEqual(seen, ['toy/a']);
  assert.ok(logger.lines.some(({ level, fields }) => level === 'error' && fields.key === 'toy/a'));
  stop.abort();
  await running;
  transport.close();
  await toy.control.stop();
});

it('waiting for an informer that never synchronises ends with the signal', async () => {
  const stop = new AbortController();
  const waiting = hasSynced({ firstSync: new Promise(() => undefined) }, stop.signal);
  stop.abort();
  await waiting;
  await hasSynced({ firstSync: new Promise(() => undefined) }, stop.signal);
});
