import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deployments } from '../api/apps/v1/deployment.ts';
import type { Deployment } from '../api/apps/v1/deployment.ts';
import { configMaps } from '../api/core/v1/config-map.ts';
import { pods } from '../api/core/v1/pod.ts';
import type { Pod } from '../api/core/v1/pod.ts';
import { nodes } from '../api/core/v1/node.ts';
import { ApiError, isNotFound } from '../api/errors/api-error.ts';
import { fakeClock, realClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { createClient } from './client.ts';
import { createEventRecorder } from './event-recorder.ts';
import type { Transport, TransportRequest } from './transport.ts';

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text?: string;
}

/** A transport that keeps what it is asked and answers from a list; at its end it answers `{}`. */
function recording(answers: Answer[] = []): Transport & { readonly requests: TransportRequest[] } {
  const requests: TransportRequest[] = [];
  return {
    requests,
    request: async (request) => {
      requests.push(request);
      const { status = 200, headers = {}, text = '{}' } = answers.shift() ?? {};
      return {
        status,
        headers,
        body: (async function* () {
          yield Buffer.from(text);
        })(),
      };
    },
    close: () => undefined,
  };
}

const pod: Pod = { metadata: { name: 'p', namespace: 'ns' }, spec: { containers: [] } };

describe('the client asks for', () => {
  const calls: [
    sentence: string,
    send: (transport: Transport) => Promise<unknown>,
    method: string,
    path: string,
  ][] = [
    [
      'a namespaced object',
      (t) => createClient(t).get(pods, { namespace: 'a', name: 'b' }),
      'GET',
      '/api/v1/namespaces/a/pods/b',
    ],
    [
      'a cluster-wide object, whatever namespace is given',
      (t) => createClient(t).get(nodes, { namespace: 'a', name: 'b' }),
      'GET',
      '/api/v1/nodes/b',
    ],
    [
      'an object of a group',
      (t) => createClient(t).get(deployments, { namespace: 'a', name: 'b' }),
      'GET',
      '/apis/apps/v1/namespaces/a/deployments/b',
    ],
    ['a list over all namespaces', (t) => createClient(t).list(pods).catch(String), 'GET', '/api/v1/pods'],
    [
      'a page of a selection',
      (t) => createClient(t).list(pods, { namespace: 'a', labelSelector: 'x=y', limit: 5 }).catch(String),
      'GET',
      '/api/v1/namespaces/a/pods?labelSelector=x%3Dy&limit=5',
    ],
    ['a creation', (t) => createClient(t).create(pods, pod), 'POST', '/api/v1/namespaces/ns/pods'],
    [
      'a subresource created below an object',
      (t) => createClient(t).create(pods, pod, { subresource: 'binding' }),
      'POST',
      '/api/v1/namespaces/ns/pods/p/binding',
    ],
    [
      'a status update',
      (t) => createClient(t).update(pods, pod, { subresource: 'status' }),
      'PUT',
      '/api/v1/namespaces/ns/pods/p/status',
    ],
    [
      'a patch',
      (t) => createClient(t).patch(pods, { namespace: 'a', name: 'b' }, { type: 'merge', body: {} }),
      'PATCH',
      '/api/v1/namespaces/a/pods/b',
    ],
    [
      'a deletion',
      (t) => createClient(t).delete(pods, { namespace: 'a', name: 'b' }),
      'DELETE',
      '/api/v1/namespaces/a/pods/b',
    ],
    [
      'a name that needs escaping',
      (t) => createClient(t).get(pods, { namespace: 'a', name: 'b/c?d' }),
      'GET',
      '/api/v1/namespaces/a/pods/b%2Fc%3Fd',
    ],
  ];
  for (const [sentence, send, method, path] of calls) {
    it(sentence, async () => {
      const transport = recording();
      await send(transport);
      const [request] = transport.requests;
      assert.deepEqual([request?.method, request?.path], [method, path]);
    });
  }
});

const bodyOf = (request: TransportRequest | undefined): unknown => JSON.parse(String(request?.body));

it('bodies carry apiVersion and kind, and leave out a name the server is to make', async () => {
  const transport = recording();
  const deployment: Deployment = {
    metadata: { name: '', generateName: 'web-', namespace: 'a' },
    spec: { selector: {}, template: { spec: { containers: [] } } },
  };
  await createClient(transport).create(deployments, deployment);
  assert.deepEqual(bodyOf(transport.requests[0]), {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { generateName: 'web-', namespace: 'a' },
    spec: { selector: {}, template: { spec: { containers: [] } } },
  });
});

it('each kind of patch has its media type, and deletions carry their options', async () => {
  const transport = recording();
  const client = createClient(transport);
  for (const type of ['json', 'merge', 'strategic'] as const) {
    await client.patch(pods, { namespace: 'a', name: 'b' }, { type, body: {} });
  }
  await client.delete(
    pods,
    { namespace: 'a', name: 'b' },
    { preconditions: { uid: 'u' }, propagationPolicy: 'Orphan' },
  );
  assert.deepEqual(
    transport.requests.slice(0, 3).map(({ headers }) => headers?.['content-type']),
    ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json'],
  );
  assert.partialDeepStrictEqual(bodyOf(transport.requests[3]), {
    kind: 'DeleteOptions',
    preconditions: { uid: 'u' },
    propagationPolicy: 'Orphan',
  });
});

describe('an HTTP error becomes an ApiError', () => {
  const get = async (answer: Answer): Promise<ApiError> => {
    try {
      await createClient(recording([answer])).get(configMaps, { namespace: 'a', name: 'b' });
    } catch (error) {
      assert.ok(error instanceof ApiError, String(error));
      return error;
    }
    throw new assert.AssertionError({ message: 'no error' });
  };
  const cases: [sentence: string, answer: Answer, code: number, message: RegExp][] = [
    [
      'with the Status of the body',
      {
        status: 404,
        text: JSON.stringify({
          kind: 'Status',
          reason: 'NotFound',
          code: 404,
          message: 'configmaps "b" not found',
        }),
      },
      404,
      /^configmaps "b" not found$/,
    ],
    ['with the text of a proxy in between', { status: 502, text: 'bad gateway' }, 502, /bad gateway/],
    ['with its code alone when the body is empty', { status: 403, text: '' }, 403, /Forbidden/],
  ];
  for (const [sentence, answer, code, message] of cases) {
    it(sentence, async () => {
      const error = await get(answer);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.equal(isNotFound(error), code === 404);
    });
  }
  it('that says when to come back', async () => {
    const error = await get({ status: 429, headers: { 'retry-after': '3' } });
    assert.equal(error.status.details?.retryAfterSeconds, 3);
  });
});

it('an answer that is no JSON, or no list, is an error', async () => {
  await assert.rejects(createClient(recording([{ text: '<html>' }])).get(nodes, { name: 'a' }), /not JSON/);
  await assert.rejects(createClient(recording()).list(nodes), /not a list/);
  const items = [{ text: '{"metadata":{},"items":3}' }];
  await assert.rejects(createClient(recording(items)).list(nodes), /no items/);
  assert.deepEqual((await createClient(recording([{ text: '{"metadata":{}}' }])).list(nodes)).items, []);
});

it('a call that takes too long is given up', async () => {
  const clock = fakeClock();
  const silent: Transport = {
    request: ({ signal }) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted')))),
    close: () => undefined,
  };
  const call = assert.rejects(
    createClient(silent, { clock, timeoutMs: 1000 }).get(nodes, { name: 'a' }),
    /aborted/,
  );
  await clock.advance(1000);
  await call;
});

describe('the event recorder', () => {
  const podWithUid: Pod = { ...pod, metadata: { ...pod.metadata, uid: 'u', resourceVersion: '7' } };
  const start = (answers: Answer[] = []) => {
    const transport = recording(answers);
    const clock = fakeClock(Date.parse('2026-01-02T03:04:05Z'));
    const recorder = createEventRecorder({
      client: createClient(transport),
      component: 'tester',
      clock,
      logger: silentLogger,
    });
    const stop = new AbortController();
    const running = recorder.run(stop.signal);
    const note = (reason: string) =>
      recorder.record(pods, podWithUid, { type: 'Normal', reason, message: 'm' });
    const settle = () => realClock.sleep(20);
    const end = async () => {
      stop.abort();
      await running;
    };
    return { transport, clock, note, settle, end };
  };

  it('gives Events of one moment names in the order in which they were told', async () => {
    const { transport, note, settle, end } = start();
    const reasons = Array.from({ length: 20 }, (_, i) => `R${i}`);
    reasons.forEach(note);
    await settle();
    const made = transport.requests.map((request) => {
      const { metadata, reason } = bodyOf(request) as { metadata: { name: string }; reason: string };
      return { name: metadata.name, reason };
    });
    made.sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(
      made.map(({ reason }) => reason),
      reasons,
    );
    await end();
  });

  it('writes a new Event first and raises its count when the same is told again', async () => {
    const { transport, note, settle, end } = start();
    note('Started');
    await settle();
    note('Started');
    note('Started');
    await settle();
    const [create, patch] = transport.requests;
    assert.equal(create?.path, '/api/v1/namespaces/ns/events');
    assert.partialDeepStrictEqual(bodyOf(create), {
      kind: 'Event',
      involvedObject: { kind: 'Pod', apiVersion: 'v1', name: 'p', namespace: 'ns', uid: 'u' },
      reason: 'Started',
      count: 1,
      source: { component: 'tester' },
      firstTimestamp: '2026-01-02T03:04:05Z',
    });
    assert.deepEqual(bodyOf(patch), { count: 3, lastTimestamp: '2026-01-02T03:04:05Z' });
    assert.equal(transport.requests.length, 2);
    await end();
  });

  it('writes the Event anew when the counted one has expired, and after ten minutes', async () => {
    const { transport, clock, note, settle, end } = start([
      {},
      { status: 404, text: '{"kind":"Status","reason":"NotFound","code":404}' },
    ]);
    note('A');
    await settle();
    note('A');
    await settle();
    await clock.advance(10 * 60_000);
    note('A');
    await settle();
    assert.deepEqual(
      transport.requests.map(({ method }) => method),
      ['POST', 'PATCH', 'POST', 'POST'],
    );
    await end();
  });

  it('does not let one object flood the server', async () => {
    const { transport, note, settle, end } = start();
    for (let i = 0; i < 100; i++) note(`Reason${i}`);
    await settle();
    assert.equal(transport.requests.length, 25);
    await end();
  });
});
