import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import type { KubeObject } from '../../../api/kind.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { ListOutcome, Resource, WatchEvent } from '../../rest/rest.ts';
import {
  follow,
  json,
  queryOf,
  refusalOf,
  scopeOf,
  settle,
  startRegistry,
  type TestRegistry,
} from '../../fixtures/test-registry.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

let registry: TestRegistry;
let maps: Resource<KubeObject>;
let stopping: AbortController;
beforeEach(async () => {
  registry = await startRegistry();
  maps = registry.resource('configmaps');
  stopping = new AbortController();
});
afterEach(async () => {
  stopping.abort();
  await registry.stop();
});

/** What every cluster has in kube-system. */
const AUTHENTICATION = 'extension-apiserver-authentication';

const create = (name: string, labels: JsonObject = {}, namespace = 'default'): Promise<KubeObject> =>
  maps.write.create(scopeOf(namespace), { metadata: { name, labels } });
const label = (name: string, labels: JsonObject): Promise<KubeObject> =>
  maps.write.patch(scopeOf(), { name, type: 'application/merge-patch+json', body: { metadata: { labels } } });
const remove = (name: string): Promise<unknown> => maps.write.delete(scopeOf(), { name, options: {} });
const namesOf = ({ items }: ListOutcome<KubeObject>): string[] => items.map(({ metadata }) => metadata.name);
const revision = (object: KubeObject): string => object.metadata.resourceVersion ?? '';
const watch = (query: Parameters<typeof queryOf>[0] = {}, namespace = 'default') =>
  follow(maps.read.watch(scopeOf(namespace, { signal: stopping.signal }), queryOf(query)));

describe('list', () => {
  it('is in the order of the keys, by namespace or over all', async () => {
    await create('b');
    await create('a');
    await create('c', {}, 'kube-system');
    assert.deepEqual(namesOf(await maps.read.list(scopeOf(), queryOf())), ['a', 'b']);
    const everywhere = namesOf(await maps.read.list(scopeOf(''), queryOf()));
    assert.deepEqual(everywhere, ['a', 'b', 'c', AUTHENTICATION]);
    assert.deepEqual(namesOf(await maps.read.list(scopeOf('other'), queryOf())), []);
  });

  it('selects by labels and fields', async () => {
    await create('a', { app: 'x' });
    await create('b', { app: 'y' });
    assert.deepEqual(namesOf(await maps.read.list(scopeOf(), queryOf({ labels: 'app in (y,z)' }))), ['b']);
    assert.deepEqual(namesOf(await maps.read.list(scopeOf(), queryOf({ fields: 'metadata.name=a' }))), ['a']);
    assert.deepEqual(namesOf(await maps.read.list(scopeOf(''), queryOf({ fields: 'metadata.name!=a' }))), [
      'b',
      AUTHENTICATION,
    ]);
    assert.equal(
      await refusalOf(maps.read.list(scopeOf(), queryOf({ fields: 'data.a=b' }))),
      '400 BadRequest: field label not supported: data.a',
    );
  });

  it('reads what this server has acknowledged', async () => {
    for (let i = 0; i < 20; i++) {
      await create(`m${i}`);
      assert.equal((await maps.read.list(scopeOf(), queryOf())).items.length, i + 1);
    }
  });

  it('comes in pages that are all of one moment', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await create(name);
    const first = await maps.read.list(scopeOf(), queryOf({ limit: 2 }));
    assert.deepEqual([namesOf(first), first.remainingItemCount], [['a', 'b'], 3]);
    await remove('c');
    await create('cc');
    const second = await maps.read.list(scopeOf(), queryOf({ limit: 2, continue: first.continue ?? '' }));
    assert.deepEqual([namesOf(second), second.remainingItemCount], [['c', 'd'], 1]);
    assert.equal(second.resourceVersion, first.resourceVersion);
    const third = await maps.read.list(scopeOf(), queryOf({ limit: 2, continue: second.continue ?? '' }));
    assert.deepEqual([namesOf(third), third.continue], [['e'], undefined]);
  });

  it('does not guess how many are left of a selection', async () => {
    for (const name of ['a', 'b', 'c']) await create(name, { x: 'y' });
    const page = await maps.read.list(scopeOf(), queryOf({ limit: 1, labels: 'x=y' }));
    assert.ok(page.continue);
    assert.equal(page.remainingItemCount, undefined);
  });

  it('says when the moment of its pages is lost, and can go on in the present', async () => {
    for (const name of ['a', 'b', 'c']) await create(name);
    const first = await maps.read.list(scopeOf(), queryOf({ limit: 1 }));
    await remove('b');
    await registry.store.compact(Number(revision(await create('d'))));
    const next = maps.read.list(scopeOf(), queryOf({ limit: 1, continue: first.continue ?? '' }));
    const error = (await next.catch((e: unknown) => e)) as { status: JsonObject };
    assert.deepEqual([error.status.code, error.status.reason], [410, 'Expired']);
    const token = (error.status.metadata as { continue: string }).continue;
    assert.deepEqual(namesOf(await maps.read.list(scopeOf(), queryOf({ continue: token }))), ['c', 'd']);
  });

  it('refuses a token that is none', async () => {
    const encoded = (token: object): string => Buffer.from(JSON.stringify(token)).toString('base64url');
    const v = 'meta.k8s.io/v1';
    const tokens: Record<string, string> = {
      nonsense: 'it does not decode',
      [encoded([])]: 'it is no object',
      [encoded({ v: 'x' })]: 'server does not recognize this encoded version "x"',
      [encoded({ v, rv: 0, start: 'a' })]: `incorrect encoded start resourceVersion (version ${v})`,
      [encoded({ v, rv: 1, start: '' })]: `encoded start key empty (version ${v})`,
      [encoded({ v, rv: 1, start: '../a' })]: '../a',
    };
    for (const [token, why] of Object.entries(tokens)) {
      assert.equal(
        await refusalOf(maps.read.list(scopeOf(), queryOf({ continue: token }))),
        `400 BadRequest: invalid continue token: continue key is not valid: ${why}`,
      );
    }
  });

  it('of an exact revision is of the past', async () => {
    const past = revision(await create('a'));
    await create('b');
    const exact = { resourceVersion: past, resourceVersionMatch: 'Exact' } as const;
    const then = await maps.read.list(scopeOf(), queryOf(exact));
    assert.deepEqual([namesOf(then), then.resourceVersion], [['a'], past]);
    const newer = { resourceVersion: past, resourceVersionMatch: 'NotOlderThan' } as const;
    assert.deepEqual(namesOf(await maps.read.list(scopeOf(), queryOf(newer))), ['a', 'b']);
    await registry.store.compact(Number(revision(await create('c'))));
    assert.equal(
      await refusalOf(maps.read.list(scopeOf(), queryOf(exact))),
      '410 Expired: The resourceVersion for the provided list is too old.',
    );
  });

  it('of the future waits for it, for a while', async () => {
    const { resourceVersion } = await maps.read.list(scopeOf(), queryOf());
    const future = queryOf({ resourceVersion: String(Number(resourceVersion) + 1) });
    const early = maps.read.list(scopeOf(), future);
    await create('a');
    assert.deepEqual(namesOf(await early), ['a']);
    const never = refusalOf(maps.read.list(scopeOf(), queryOf({ resourceVersion: '999999' })));
    await registry.clock.advance(3000);
    assert.match(await never, /^504 Timeout: Timeout: Too large resource version: 999999, current: \d+$/);
  });

  it('refuses a revision that is no number', async () => {
    const query = queryOf({ resourceVersion: 'abc' });
    assert.match(
      await refusalOf(maps.read.list(scopeOf(), query)),
      /^400 BadRequest: invalid resource version "abc"/,
    );
  });
});

describe('get', () => {
  it('is of the present, or of a revision that is new enough', async () => {
    const object = await create('a');
    assert.deepEqual(await maps.read.get(scopeOf(), 'a'), object);
    assert.deepEqual(await maps.read.get(scopeOf(), 'a', '0'), object);
    assert.deepEqual(await maps.read.get(scopeOf(), 'a', revision(object)), object);
    assert.equal(await refusalOf(maps.read.get(scopeOf(), 'b')), '404 NotFound: configmaps "b" not found');
  });

  it('answers JSON that is made once', async () => {
    const object = await create('a');
    const text = maps.toJson(object);
    assert.deepEqual(JSON.parse(text), object);
    assert.equal(maps.toJson(object), text);
  });
});

describe('watch', () => {
  it('begins with all there is', async () => {
    await create('a');
    const { texts } = watch();
    await settle();
    await create('b');
    await create('elsewhere', {}, 'kube-system');
    await settle();
    assert.deepEqual(texts(), ['ADDED a', 'ADDED b']);
  });

  it('goes on from a revision', async () => {
    const first = await create('a');
    await label('a', { x: 'y' });
    await remove('a');
    const { texts, seen } = watch({ resourceVersion: revision(first) });
    await settle();
    assert.deepEqual(texts(), ['MODIFIED a', 'DELETED a']);
    const last = seen.at(-1);
    assert.ok(last !== undefined && 'object' in last);
    // A deleted object carries the revision of its deletion, so that the client can resume from there.
    assert.ok(Number(revision(last.object)) > Number(revision(first)) + 1);
  });

  it('keeps what comes while nobody asks, right after its beginning', async () => {
    const first = await create('a');
    await create('b');
    const query = queryOf({ resourceVersion: revision(first) });
    const events = maps.read.watch(scopeOf('default', { signal: stopping.signal }), query);
    const batches = events[Symbol.asyncIterator]();
    const names = async (): Promise<readonly string[]> => {
      const batch = ((await batches.next()) as { value: readonly { object: KubeObject }[] }).value;
      return batch.map(({ object }) => object.metadata.name);
    };
    assert.deepEqual(await names(), ['b']);
    await create('c');
    await settle();
    await create('d');
    await settle();
    assert.deepEqual(await names(), ['c', 'd']);
  });

  it('shows what comes into and goes out of a selection', async () => {
    const { texts, seen } = watch({ labels: 'app=x' });
    await create('a', { app: 'x' });
    await create('b', { app: 'y' });
    await label('b', { app: 'x' });
    await label('a', { app: 'y' });
    await label('b', { other: '1' });
    await label('a', { other: '1' });
    await remove('b');
    await remove('a');
    await settle();
    assert.deepEqual(texts(), ['ADDED a', 'ADDED b', 'DELETED a', 'MODIFIED b', 'DELETED b']);
    const gone = seen[2];
    assert.ok(gone !== undefined && 'object' in gone);
    assert.deepEqual(gone.object.metadata.labels, { app: 'x' });
  });

  it('selects by the fields of a kind', async () => {
    const pods = registry.resource('pods');
    const seen = follow(
      pods.read.watch(scopeOf('', { signal: stopping.signal }), queryOf({ fields: 'spec.nodeName=node-1' })),
    );
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    const pod = json(await pods.write.create(scopeOf(), { metadata: { name: 'web' }, spec }));
    await settle();
    assert.deepEqual(seen.texts(), []);
    const bound = { ...pod, spec: { ...(pod.spec as JsonObject), nodeName: 'node-1' } };
    await pods.write.update(scopeOf(), { name: 'web', body: bound, subresource: 'binding' });
    await settle();
    assert.deepEqual(seen.texts(), ['ADDED web']);
  });

  it('says where the initial events end, for those who ask', async () => {
    await create('a');
    const { seen } = watch({
      sendInitialEvents: true,
      allowWatchBookmarks: true,
      resourceVersionMatch: 'NotOlderThan',
    });
    await settle();
    const [added, bookmark] = seen;
    assert.equal(added?.type, 'ADDED');
    assert.deepEqual(bookmark, {
      type: 'BOOKMARK',
      resourceVersion: (await maps.read.list(scopeOf(), queryOf())).resourceVersion,
      annotations: { 'k8s.io/initial-events-end': 'true' },
    });
  });

  it('tells an idle client how far the world has moved', async () => {
    const { seen } = watch({ allowWatchBookmarks: true });
    await settle();
    const services = registry.resource('services');
    const other = await services.write.create(scopeOf(), {
      metadata: { name: 'web' },
      spec: { ports: [{ port: 80 }] },
    });
    await registry.clock.advance(61_000);
    await settle();
    const bookmark = seen.at(-1);
    assert.ok(bookmark?.type === 'BOOKMARK');
    assert.ok(Number(bookmark.resourceVersion) >= Number(revision(other)));
    const { seen: silent } = watch({ resourceVersion: bookmark.resourceVersion });
    await registry.clock.advance(61_000);
    assert.deepEqual(silent, []);
  });

  it('reads from the store what memory no longer has', async () => {
    const first = await create('a');
    for (let i = 0; i < 1100; i++) await label('a', { n: String(i) });
    const { seen } = watch({ resourceVersion: revision(first) });
    await settle(50);
    const numbers = seen.map((event) => ('object' in event ? Number(event.object.metadata.labels?.n) : -1));
    assert.deepEqual(
      numbers,
      Array.from({ length: 1100 }, (_, i) => i),
    );
    await label('a', { n: 'last' });
    await settle();
    assert.equal(seen.length, 1101);
  });

  it('ends with 410 when the past is gone', async () => {
    const first = await create('a');
    for (let i = 0; i < 1100; i++) await label('a', { n: String(i) });
    const last = await label('a', { n: 'last' });
    await registry.store.compact(Number(revision(last)));
    const { seen, ended } = watch({ resourceVersion: revision(first) });
    await ended;
    const [error] = seen;
    assert.ok(error?.type === 'ERROR' && seen.length === 1);
    assert.deepEqual([error.status.code, error.status.reason], [410, 'Expired']);
    assert.match(error.status.message ?? '', /^too old resource version: \d+ \(\d+\)$/);
  });

  it('ends quietly when the client goes', async () => {
    const { ended, texts } = watch();
    await settle();
    stopping.abort();
    await ended;
    assert.deepEqual(texts(), []);
  });

  it('refuses at once what cannot be watched', () => {
    assert.throws(
      () => maps.read.watch(scopeOf(), queryOf({ fields: 'a.b=c' })),
      /field label not supported: a\.b/,
    );
    assert.throws(
      () => maps.read.watch(scopeOf(), queryOf({ resourceVersion: 'x' })),
      /invalid resource version/,
    );
  });

  it('replayed from any moment equals the list in the end', async () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      app: fc.constantFrom('x', 'y', undefined),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(), async (steps, where) => {
        const world = new Map<string, string>();
        const start = await maps.read.list(scopeOf(), queryOf({ labels: 'app=x' }));
        const starts = [{ at: start.resourceVersion, names: namesOf(start) }];
        for (const { name, app } of steps) {
          if (app === undefined) {
            if (!world.delete(name)) continue;
            await remove(name);
          } else if (world.has(name)) await label(name, { app });
          else await create(name, { app });
          if (app !== undefined) world.set(name, app);
          const now = await maps.read.list(scopeOf(), queryOf({ labels: 'app=x' }));
          starts.push({ at: now.resourceVersion, names: namesOf(now) });
        }
        const from = starts[where % starts.length] ?? { at: '0', names: [] };
        const own = new AbortController();
        const { seen } = follow(
          maps.read.watch(
            scopeOf('default', { signal: own.signal }),
            queryOf({ labels: 'app=x', resourceVersion: from.at }),
          ),
        );
        await settle();
        own.abort();
        assert.deepEqual(replay(from.names, seen), starts.at(-1)?.names ?? []);
        for (const name of world.keys()) await remove(name);
      }),
      { numRuns: 40 },
    );
  });
});

/** Applies events as an informer does; each must make sense where it comes. */
function replay(names: readonly string[], events: readonly WatchEvent<KubeObject>[]): string[] {
  const known = new Set(names);
  for (const event of events) {
    assert.ok('object' in event, `unexpected ${event.type}`);
    const { name } = event.object.metadata;
    assert.equal(known.has(name), event.type !== 'ADDED', `${event.type} ${name}`);
    if (event.type === 'DELETED') known.delete(name);
    else known.add(name);
  }
  return [...known].sort();
}
