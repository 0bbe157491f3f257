import assert from 'node:assert/strict';
import fc from 'fast-check';
import { apiVersionOf } from '../../src/api/kind.ts';
import { allKinds } from '../../src/api/kinds.ts';
import type { Status } from '../../src/api/meta/v1/status.ts';
import { isStream, type HttpRequest, type HttpResponse } from '../../src/apiserver/http/message.ts';
import { resourcePath } from '../../src/client/resource-path.ts';
import { arbitraryMessage } from '../../src/testing/arbitrary-object.ts';
import * as address from './addresses.ts';
import * as near from './bodies.ts';
import { seeds } from './seeds.ts';

type Handle = (request: HttpRequest) => Promise<HttpResponse>;

/** Longer than any request may take; generous, since other programs share the machine. */
const PATIENCE_MS = 5000;

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly accept: string;
  readonly body?: near.Body;
}

/** Asks, and judges the answer: in time, no 5xx, and every refusal a Status that says its code. */
async function judge(handle: Handle, { method, path, accept, body }: Asked): Promise<void> {
  const controller = new AbortController();
  const headers = { accept, ...(body === undefined ? {} : { 'content-type': body.contentType }) };
  const startedAt = performance.now();
  const response = await handle({
    method,
    path,
    headers,
    ...(body === undefined ? {} : { body: body.bytes }),
    user: { name: 'fuzz', groups: ['system:masters', 'system:authenticated'] },
    signal: controller.signal,
  });
  if (isStream(response.body)) {
    // What has begun well goes on until it is ended.
    const events = response.body[Symbol.asyncIterator]();
    controller.abort();
    await events.next().catch(() => undefined);
    await events.return?.();
  }
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < PATIENCE_MS, `the answer took ${tookMs} ms`);
  assert.ok(
    response.status < 500 || isMeant(response),
    `the answer is ${response.status}: ${textOf(response)}`,
  );
  if (response.status >= 400 && isJson(response)) {
    const status = JSON.parse(textOf(response)) as Status;
    assert.equal(status.kind, 'Status');
    assert.equal(status.code, response.status);
    assert.equal(status.status, 'Failure');
    assert.ok(status.message !== undefined && status.message !== '', 'a refusal says why');
    assert.ok(status.message.length < 1_000_000, 'a refusal repeats no megabytes');
  }
}

/** 501, 503 and 504 say what cannot be done here or now; a health check that fails is 500 and plain text. */
const isMeant = (response: HttpResponse): boolean =>
  [501, 503, 504].includes(response.status) ||
  String(response.headers['content-type']).startsWith('text/plain');

const isJson = ({ headers }: HttpResponse): boolean =>
  String(headers['content-type']).startsWith('application/json');

function textOf({ body }: HttpResponse): string {
  if (isStream(body)) return '';
  if (typeof body === 'string') return body;
  return body instanceof Uint8Array
    ? Buffer.from(body).toString()
    : body.map((piece) => piece.toString()).join('');
}

const seed = fc.constantFrom(...seeds);
/** An object made from its schema and spoiled a little, so that rules deep inside of it are met. */
const anyObject = fc.constantFrom(...allKinds).chain((kind) =>
  arbitraryMessage(kind.schema)
    .chain((object) =>
      near.spoiledObject({
        ...object,
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
        metadata: { name: 'x', labels: { a: 'b' } },
      }),
    )
    .map((object) => ({
      path: resourcePath(kind, kind.isNamespaced ? { namespace: 'default' } : {}),
      bytes: Buffer.from(JSON.stringify(object) ?? ''),
    })),
);

const withQuery = (path: string, query: string): string => (query === '' ? path : `${path}?${query}`);

export interface Property {
  readonly sentence: string;
  readonly property: fc.IAsyncProperty<unknown>;
}

/** What must hold for every request, however wrong. `handle` is a server's. */
export function requestProperties(handle: Handle): readonly Property[] {
  const check = (sentence: string, asked: fc.Arbitrary<Asked>): Property => ({
    sentence,
    property: fc.asyncProperty(asked, (each) => judge(handle, each)),
  });
  return [
    check(
      'a document that is created',
      seed.chain(({ path, object }) =>
        fc
          .tuple(near.bodyOf(object), address.query, address.accept)
          .map(([body, query, accept]) => ({ method: 'POST', path: withQuery(path, query), accept, body })),
      ),
    ),
    check(
      'a document that replaces another',
      seed.chain(({ path, object }) =>
        fc
          .tuple(near.bodyOf(object), address.query, address.accept, fc.constantFrom('', '/status', '/scale'))
          .map(([body, query, accept, subresource]) => {
            const { name = 'pod' } = object['metadata'] as { name?: string };
            const target = `${path}/${name}${subresource}`;
            return { method: 'PUT', path: withQuery(target, query), accept, body };
          }),
      ),
    ),
    check(
      'a patch',
      seed.chain(({ path, object }) =>
        fc
          .tuple(
            near.patchOf(object),
            address.query,
            address.accept,
            fc.constantFrom('', '/status', '/scale'),
          )
          .map(([body, query, accept, subresource]) => {
            const { name = 'pod' } = object['metadata'] as { name?: string };
            return { method: 'PATCH', path: withQuery(`${path}/${name}${subresource}`, query), accept, body };
          }),
      ),
    ),
    check(
      'an object of any kind, created, replaced or applied',
      fc
        .tuple(anyObject, fc.constantFrom('POST', 'PUT', 'PATCH'), fc.boolean())
        .map(([{ path, bytes }, method, isDry]) => ({
          method,
          path: `${path}${method === 'POST' ? '' : '/x'}?fieldManager=fuzz${isDry ? '&dryRun=All' : ''}`,
          accept: 'application/json',
          body: {
            contentType: method === 'PATCH' ? 'application/apply-patch+yaml' : 'application/json',
            bytes,
          },
        })),
    ),
    check(
      'a selection',
      fc
        .tuple(seed, address.query, address.accept)
        .map(([{ path }, query, accept]) => ({ method: 'GET', path: withQuery(path, query), accept })),
    ),
    check(
      'any verb on any path',
      fc
        .tuple(
          address.method,
          address.path,
          address.query,
          address.accept,
          fc.option(seed.chain(({ object }) => near.bodyOf(object))),
        )
        .map(([method, path, query, accept, body]) => ({
          method,
          path: withQuery(path, query),
          accept,
          ...(body === null || method === 'GET' || method === 'HEAD' ? {} : { body }),
        })),
    ),
  ];
}
