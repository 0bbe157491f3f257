import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allKinds } from '../../api/kinds.ts';
import { ApiError } from '../../api/errors/api-error.ts';
import { createOpenApiDocuments } from './openapi-documents.ts';

const documents = createOpenApiDocuments(allKinds);

async function read(url: string, headers = {}) {
  const { pathname, searchParams } = new URL(url, 'https://x');
  const response = await documents({ path: pathname, query: searchParams, headers });
  assert.ok(response !== undefined, url);
  return {
    ...response,
    value: response.status === 304 ? {} : (JSON.parse(response.body as string) as object),
  };
}

test('the index leads to a document per group version, by a name that never changes', async () => {
  const { paths } = (await read('/openapi/v3')).value as {
    paths: Record<string, { serverRelativeURL: string }>;
  };
  assert.deepEqual(Object.keys(paths).sort(), [
    'api/v1',
    'apis/apps/v1',
    'apis/coordination.k8s.io/v1',
    'apis/discovery.k8s.io/v1',
  ]);
  for (const { serverRelativeURL } of Object.values(paths)) {
    const { value, headers } = await read(serverRelativeURL);
    assert.equal((value as { openapi: string }).openapi, '3.0.0');
    assert.match(String(headers['cache-control']), /immutable/);
  }
});

test('a document without its name may change, and is not sent twice', async () => {
  const { headers } = await read('/openapi/v3/api/v1');
  assert.doesNotMatch(String(headers['cache-control']), /immutable/);
  assert.equal((await read('/openapi/v3/api/v1', { 'if-none-match': headers.etag })).status, 304);
});

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
  for (const url of ['/openapi/v2', '/openapi/v3']) {
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
