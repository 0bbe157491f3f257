import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allKinds } from '../../api/kinds.ts';
import { ApiError } from '../../api/errors/api-error.ts';
import { services } from '../../api/core/v1/service.ts';
import { openApiV3Path } from '../../api/openapi/v3.ts';
import { kindVersions } from '../../api/versions.ts';
import { fakeClock } from '../../base/clock.ts';
import { createOpenApiDocuments } from './openapi-documents.ts';

const never = () => Promise.reject(new Error('not called'));
const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const review = { ...services, kind: 'Review', plural: 'reviews', singular: 'review', isNamespaced: false };
const kinds = [...allKinds, ...kindVersions.map(({ kind }) => kind)];
const documents = createOpenApiDocuments(
  [
    { resource: { kind: review, verbs: ['create'] }, subresources: [] },
    ...kinds.map((kind) => ({
      resource: { kind, verbs },
      subresources:
        kind.kind === 'Pod'
          ? [
              {
                name: 'binding',
                responseKind: { group: '', version: 'v1', kind: 'Binding' },
                verbs: { create: never },
              },
              { name: 'log', responseKind: kind, verbs: { get: never } },
              { name: 'status', responseKind: kind, verbs: { get: never, update: never, patch: never } },
            ]
          : [],
    })),
  ],
  fakeClock(Date.UTC(2026, 0, 1)),
);

async function read(url: string, headers = {}) {
  const { pathname, searchParams } = new URL(url, 'https://x');
  const response = await documents({ path: pathname, query: searchParams, headers });
  assert.ok(response !== undefined, url);
  return {
    ...response,
    value: response.status === 304 ? {} : (JSON.parse(response.body as string) as object),
  };
}

const V3_PROTOBUF = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf';

test('the index leads to a document per group version, by a name that never changes', async () => {
  const { value: index, headers: own } = await read('/openapi/v3', { accept: 'text/html' });
  const { paths } = index as { paths: Record<string, { serverRelativeURL: string }> };
  assert.deepEqual(Object.keys(paths), [...new Set(kinds.map(openApiV3Path))].sort());
  assert.ok('apis/discovery.k8s.io/v1beta1' in paths);
  assert.equal((await read('/openapi/v3', { 'if-none-match': own.etag })).status, 304);
  for (const { serverRelativeURL } of Object.values(paths)) {
    const { value, headers } = await read(serverRelativeURL);
    assert.equal((value as { openapi: string }).openapi, '3.0.0');
    assert.equal(headers['cache-control'], 'public, immutable');
    assert.equal(headers.expires, 'Fri, 01 Jan 2027 00:00:00 GMT');
    assert.equal(headers.vary, 'Accept');
  }
});

test('a document without its name may change, and is not sent twice', async () => {
  const { headers } = await read('/openapi/v3/api/v1');
  assert.equal(headers['cache-control'], undefined);
  assert.equal(headers.expires, undefined);
  assert.match(String(headers.etag), /^"[0-9A-F]{128}"$/);
  assert.equal((await read('/openapi/v3/api/v1', { 'if-none-match': headers.etag })).status, 304);
});

test('who asks for a document by an old name is sent to the new one', async () => {
  const { headers } = await read('/openapi/v3/apis/apps/v1');
  const moved = await documents({
    path: '/openapi/v3/apis/apps/v1',
    query: new URLSearchParams('hash=OLD'),
    headers: {},
  });
  assert.equal(moved?.status, 301);
  assert.equal(
    moved.headers.location,
    `/openapi/v3/apis/apps/v1?hash=${String(headers.etag).replaceAll('"', '')}`,
  );
  assert.equal((await read(String(moved.headers.location))).status, 200);
});

for (const accept of [V3_PROTOBUF, 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf']) {
  test(`a document comes as protobuf to who asks for ${accept}`, async () => {
    const json = await read('/openapi/v3/apis/apps/v1');
    const query = new URLSearchParams({ hash: String(json.headers.etag).replaceAll('"', '') });
    const headers = { accept: `text/html, ${accept}` };
    const answer = await documents({ path: '/openapi/v3/apis/apps/v1', query, headers });
    assert.ok(answer?.body instanceof Uint8Array);
    assert.equal(answer.headers['content-type'], V3_PROTOBUF);
    // The name is that of the content, whichever form it has.
    assert.equal(answer.headers.etag, json.headers.etag);
    assert.equal(answer.headers['cache-control'], 'public, immutable');
  });
}

test('the older document holds every kind', async () => {
  const { value } = await read('/openapi/v2', { accept: 'application/json' });
  const { swagger, definitions } = value as { swagger: string; definitions: Record<string, unknown> };
  assert.equal(swagger, '2.0');
  for (const kind of allKinds) assert.ok(kind.schema.name in definitions, kind.kind);
});

test('the older document comes as protobuf to a client that asks for it, as kubectl does', async () => {
  const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
  const answer = await documents({ path: '/openapi/v2', query: new URLSearchParams(), headers: { accept } });
  assert.ok(answer?.body instanceof Uint8Array);
  assert.match(String(answer.headers['content-type']), /proto-openapi\.spec\.v2\.v1\.0\+protobuf$/);
  const again = { accept, 'if-none-match': String(answer.headers.etag) };
  const known = await documents({ path: '/openapi/v2', query: new URLSearchParams(), headers: again });
  assert.equal(known?.status, 304);
});

test('a client that takes neither is told so', async () => {
  for (const url of ['/openapi/v2', '/openapi/v3/api/v1']) {
    await assert.rejects(
      read(url, { accept: 'text/html' }),
      (error) => error instanceof ApiError && error.code === 406,
    );
  }
});

test('other paths are none of it', async () => {
  for (const path of ['/openapi', '/openapi/v3/apis/nobody/v1', '/openapi/v4']) {
    assert.equal(await documents({ path, query: new URLSearchParams(), headers: {} }), undefined);
  }
});

test('operations are those that are served, also of subresources', async () => {
  interface Operation {
    readonly responses: {
      readonly '200': { readonly content: Readonly<Record<string, { schema: object }>> };
    };
  }
  const { paths } = (await read('/openapi/v3/api/v1')).value as {
    paths: Record<string, Record<string, Operation>>;
  };
  const pod = '/api/v1/namespaces/{namespace}/pods/{name}';
  assert.deepEqual(Object.keys(paths['/api/v1/reviews'] ?? {}), ['post']);
  assert.equal(paths['/api/v1/reviews/{name}'], undefined);
  assert.deepEqual(Object.keys(paths[`${pod}/status`] ?? {}).sort(), ['get', 'patch', 'put']);
  assert.deepEqual(Object.keys(paths[`${pod}/binding`] ?? {}), ['post']);
  const log = paths[`${pod}/log`]?.get?.responses['200'].content;
  assert.deepEqual(log, { '*/*': { schema: { type: 'string' } } });
  const list = paths['/api/v1/pods']?.get?.responses['200'].content ?? {};
  assert.deepEqual(Object.keys(list), [
    'application/json',
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    'application/json;stream=watch',
    'application/vnd.kubernetes.protobuf;stream=watch',
  ]);
});

test('others have their turn between the steps of many documents that are asked for at once', async () => {
  const fresh = createOpenApiDocuments(
    kinds.map((kind) => ({ resource: { kind, verbs }, subresources: [] })),
    fakeClock(0),
  );
  const places = [...new Set(kinds.map(openApiV3Path))];
  let turns = 0;
  let isMaking = true;
  const turn = (): void => {
    turns++;
    if (isMaking) setImmediate(turn);
  };
  setImmediate(turn);
  const asked = places.map((place) =>
    fresh({
      path: `/openapi/v3/${place}`,
      query: new URLSearchParams(),
      headers: { accept: V3_PROTOBUF },
    }),
  );
  const answers = await Promise.all(asked);
  isMaking = false;
  assert.deepEqual(
    answers.map((answer) => answer?.status),
    places.map(() => 200),
  );
  assert.ok(turns >= 3 * places.length, `${turns} turns for ${places.length} documents`);
});
