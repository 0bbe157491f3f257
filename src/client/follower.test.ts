import assert from 'node:assert/strict';
import { it } from 'node:test';
import { configMaps } from '../api/core/v1/config-map.ts';
import { fakeClock } from '../base/clock.ts';
import { memoryLogger } from '../base/logger.ts';
import { createClient } from './client.ts';
import { createInformer } from './informer.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

type Answer = string | undefined | { readonly status: number; readonly text: string };

/** A transport that answers by `answer`; undefined leaves the request, or after `open:` the body, hanging. */
function scripted(
  answer: (request: TransportRequest, n: number) => Answer,
): Transport & { readonly paths: string[] } {
  const paths: string[] = [];
  const aborted = (signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
  async function* bodyOf(text: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text.replace(/^open:/, ''));
    if (text.startsWith('open:')) await aborted(signal);
  }
  return {
    paths,
    request: async (request): Promise<TransportResponse> => {
      const { path, signal } = request;
      paths.push(path);
      const given = answer(request, paths.length);
      if (given === undefined) {
        await aborted(signal);
        throw new Error('aborted');
      }
      const { status, text } = typeof given === 'string' ? { status: 200, text: given } : given;
      return { status, headers: {}, body: bodyOf(text, signal) };
    },
    close: () => undefined,
  };
}

const list = (names: string[], more: object = {}): string =>
  JSON.stringify({
    metadata: { resourceVersion: '5', ...more },
    items: names.map((name) => ({
      metadata: { name, namespace: 'n', uid: name, resourceVersion: '3', managedFields: [{ manager: 'x' }] },
    })),
  });
const isWatch = (path: string): boolean => path.includes('watch=true');

function start(transport: Transport, clock = fakeClock()) {
  const logger = memoryLogger();
  const client = createClient(transport, { clock });
  const informer = createInformer({ client, kind: configMaps, clock, logger, pageSize: 2 });
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await clock.advance(1);
    await running;
  };
  return { clock, logger, informer, end };
}

it('a watch that is never accepted is given up after 30 seconds and asked for again', async () => {
  const transport = scripted(({ path }) => (isWatch(path) ? undefined : list(['a'])));
  const { clock, logger, end } = start(transport);
  await clock.advance(29_000);
  assert.equal(transport.paths.filter(isWatch).length, 1);
  await clock.advance(2_000);
  assert.equal(transport.paths.filter(isWatch).length, 2);
  assert.ok(logger.lines.some(({ level }) => level === 'warn'));
  await end();
});

it('a watch that says nothing for three minutes is asked for again', async () => {
  const silent = scripted(({ path }) => (isWatch(path) ? 'open:\n' : list(['a'])));
  const first = start(silent);
  await first.clock.advance(170_000);
  assert.equal(silent.paths.filter(isWatch).length, 1);
  await first.clock.advance(45_000);
  assert.equal(silent.paths.filter(isWatch).length, 2);
  await first.end();
});

it('a list that is never answered is given up and asked for again', async () => {
  const transport = scripted((_, n) => (n === 1 ? undefined : list(['a'])));
  const { clock, informer, end } = start(transport);
  await clock.advance(31_000);
  assert.equal(informer.get('n/a')?.metadata.name, 'a');
  await end();
});

it('managedFields are not kept', async () => {
  const { clock, informer, end } = start(scripted(({ path }) => (isWatch(path) ? undefined : list(['a']))));
  await clock.advance(1);
  assert.equal(informer.get('n/a')?.metadata.managedFields, undefined);
  await end();
});

it('when a page has expired, everything is read again in one piece', async () => {
  const transport = scripted(({ path }) => {
    if (isWatch(path)) return undefined;
    if (path.includes('continue=')) {
      return {
        status: 410,
        text: JSON.stringify({ kind: 'Status', code: 410, reason: 'Expired', message: 'old' }),
      };
    }
    return path.includes('limit=') ? list(['a', 'b'], { continue: 'token' }) : list(['b', 'c', 'd']);
  });
  const { clock, informer, end } = start(transport);
  await clock.advance(1);
  assert.deepEqual(
    informer.list().map(({ metadata }) => metadata.name),
    ['b', 'c', 'd'],
  );
  await end();
});

it('a server that fails is asked with growing pauses of at most five seconds, and as it asks for', async () => {
  const at: number[] = [];
  const clock = fakeClock();
  const { logger, end } = start(
    scripted(() => {
      at.push(clock.now());
      const status = {
        kind: 'Status',
        code: 429,
        reason: 'TooManyRequests',
        details: { retryAfterSeconds: 3 },
      };
      return at.length === 12 ? { status: 429, text: JSON.stringify(status) } : { status: 503, text: '' };
    }),
    clock,
  );
  await clock.advance(120_000);
  const pauses = at.slice(1).map((time, i) => time - (at[i] ?? 0));
  assert.ok((pauses[0] ?? 0) >= 25 && (pauses[0] ?? 0) <= 50, String(pauses));
  assert.ok(Math.max(...pauses) <= 5_000, String(pauses));
  assert.ok((pauses[11] ?? 0) >= 3_000, String(pauses));
  assert.equal(
    logger.lines.filter(({ level }) => level === 'warn').length,
    1,
    'one line, not one per attempt',
  );
  await end();
});
