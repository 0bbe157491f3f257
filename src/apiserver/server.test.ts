import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { KubeObject } from '../api/kind.ts';
import type { Status } from '../api/meta/v1/status.ts';
import {
  configMap,
  createTestPki,
  jsonOf,
  overHttp1,
  overHttp2,
  postJson,
  startServer,
  statusOf,
} from './fixtures/running-server.ts';
import type { Answer, Ask, Running, TestPki } from './fixtures/running-server.ts';

let mine: TestPki;
let foreign: TestPki;
before(async () => {
  mine = await createTestPki();
  foreign = await createTestPki();
});
after(async () => {
  await mine.remove();
  await foreign.remove();
});

const JSON_BODY = { 'content-type': 'application/json' };
const maps = '/api/v1/namespaces/default/configmaps';

for (const [name, ask] of [
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
] as const) {
  describe(`over ${name}`, () => {
    let running: Running;
    before(async () => {
      running = await startServer(mine.pki);
    });
    after(() => running.stop());
    /** As the administrator, if `options` does not name another client. */
    const to = (path: string, options: Ask = {}) =>
      ask(running.url + path, { ca: mine.pki.caCert, client: mine.pki.admin, ...options });
    const asNobody = (path: string, options: Ask = {}) =>
      ask(running.url + path, { ca: mine.pki.caCert, ...options });

    test('who asks for a deprecated kind is told what takes its place, whatever the answer', async () => {
      const warningOf = async (path: string, options: Ask = {}): Promise<readonly [number, unknown]> => {
        const { status, headers } = await to(path, options);
        return [status, headers.warning];
      };
      const old = '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"';
      const endpoints = '/api/v1/namespaces/default/endpoints';
      const body = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'e' } };
      assert.deepEqual(await warningOf(endpoints), [200, old]);
      assert.deepEqual(await warningOf(endpoints, postJson(body)), [201, old]);
      assert.deepEqual(await warningOf(`${endpoints}?watch=true&timeoutSeconds=1`), [200, old]);
      assert.deepEqual(await warningOf(`${endpoints}/none`), [404, old]);
      assert.deepEqual(await warningOf(endpoints, postJson(body)), [409, old]);
      assert.deepEqual(await warningOf(`${endpoints}/e`, { method: 'DELETE' }), [200, old]);
      const slices = 'endpointslices?limit=1';
      assert.deepEqual(await warningOf(`/apis/discovery.k8s.io/v1/${slices}`), [200, undefined]);
      assert.deepEqual(await warningOf(`/apis/discovery.k8s.io/v1beta1/${slices}`), [
        200,
        '299 - "discovery.k8s.io/v1beta1 EndpointSlice is deprecated in v1.21+, unavailable in v1.25+; use discovery.k8s.io/v1 EndpointSlice"',
      ]);
    });

    test('an object is created, read, changed, patched, listed and deleted', async () => {
      const made = await to(maps, postJson(configMap('a', { x: '1' })));
      assert.equal(made.status, 201);
      const object = jsonOf<KubeObject & { data: object }>(made);
      assert.deepEqual(
        [object.kind, object.apiVersion, object.metadata.namespace, object.data],
        ['ConfigMap', 'v1', 'default', { x: '1' }],
      );
      const read = await to(`${maps}/a`);
      assert.deepEqual(
        [read.status, read.headers['content-type'], jsonOf(read)],
        [200, 'application/json', object],
      );
      const changed = await to(`${maps}/a`, { ...postJson({ ...object, data: { x: '2' } }), method: 'PUT' });
      assert.equal(changed.status, 200);
      const patched = await to(`${maps}/a`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/merge-patch+json' },
        body: '{"data":{"y":"3"}}',
      });
      assert.deepEqual(jsonOf<{ data: object }>(patched).data, { x: '2', y: '3' });
      const list = jsonOf<{ kind: string; items: readonly KubeObject[] }>(
        await to(`${maps}?labelSelector=none`),
      );
      assert.deepEqual([list.kind, list.items], ['ConfigMapList', []]);
      const gone = await to(`${maps}/a`, { method: 'DELETE' });
      assert.deepEqual([gone.status, jsonOf<Status>(gone).status], [200, 'Success']);
      assert.deepEqual(statusOf(await to(`${maps}/a`)), [404, 'NotFound']);
    });

    const refusals: readonly [title: string, path: string, options: Ask, code: number, reason: string][] = [
      ['a resource nobody serves', '/api/v1/gadgets', {}, 404, 'NotFound'],
      ['a group nobody serves', '/apis/example.org/v1/gadgets', {}, 404, 'NotFound'],
      ['a path nobody serves', '/nowhere', {}, 404, 'NotFound'],
      ['an object of a namespaced kind without a namespace', '/api/v1/configmaps/a', {}, 404, 'NotFound'],
      ['a cluster-scoped kind in a namespace', '/api/v1/namespaces/default/nodes', {}, 404, 'NotFound'],
      ['a subresource there is not', `${maps}/a/scale`, {}, 404, 'NotFound'],
      [
        'creating across all namespaces',
        '/api/v1/configmaps',
        postJson(configMap('a')),
        405,
        'MethodNotAllowed',
      ],
      ['creating on an object', `${maps}/a`, postJson(configMap('a')), 405, 'MethodNotAllowed'],
      ['replacing a collection', maps, { ...postJson({}), method: 'PUT' }, 405, 'MethodNotAllowed'],
      ['deleting discovery', '/apis', { method: 'DELETE' }, 405, 'MethodNotAllowed'],
      ['a method without meaning', maps, { method: 'OPTIONS' }, 405, 'MethodNotAllowed'],
      ['an answer nobody can give', maps, { headers: { accept: 'image/png' } }, 406, 'NotAcceptable'],
      [
        'a body nobody can read',
        maps,
        { method: 'POST', headers: { 'content-type': 'text/csv' }, body: 'a,b' },
        415,
        'UnsupportedMediaType',
      ],
      [
        'a patch nobody can apply',
        `${maps}/a`,
        { method: 'PATCH', headers: { 'content-type': 'application/other-patch+json' }, body: '{}' },
        415,
        'UnsupportedMediaType',
      ],
      [
        'a JSON patch that is no list',
        `${maps}/a`,
        { method: 'PATCH', headers: { 'content-type': 'application/json-patch+json' }, body: '{}' },
        400,
        'BadRequest',
      ],
      ['broken JSON', maps, { method: 'POST', headers: JSON_BODY, body: '{' }, 400, 'BadRequest'],
      ['no body', maps, { method: 'POST', headers: JSON_BODY }, 400, 'BadRequest'],
      ['a body that is a list', maps, postJson([]), 400, 'BadRequest'],
      [
        'another kind',
        maps,
        postJson({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } }),
        400,
        'BadRequest',
      ],
      [
        'broken protobuf',
        maps,
        {
          method: 'POST',
          headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
          body: 'k8s\0\xff',
        },
        400,
        'BadRequest',
      ],
      ['a limit that is no number', `${maps}?limit=x`, {}, 400, 'BadRequest'],
      ['a selector that is none', `${maps}?labelSelector=a%20b%20c`, {}, 400, 'BadRequest'],
      [
        'a percent sign that stands for nothing',
        '/api/v1/namespaces/%E0%A4%A/configmaps',
        {},
        400,
        'BadRequest',
      ],
      ['a dry run of another kind', `${maps}?dryRun=Half`, postJson(configMap('a')), 422, 'Invalid'],
      [
        'unknown fields, strictly',
        `${maps}?fieldValidation=Strict`,
        postJson({ ...configMap('a'), extra: 1 }),
        400,
        'BadRequest',
      ],
    ];
    for (const [title, path, options, code, reason] of refusals) {
      test(`${title} is ${code} ${reason}`, async () => {
        const answer = await to(path, options);
        assert.deepEqual(statusOf(answer), [code, reason]);
        assert.equal(jsonOf<Status>(answer).kind, 'Status');
      });
    }

    test('fields named twice are refused strictly, told of otherwise', async () => {
      const body =
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}';
      const send = (validation: string) =>
        to(`${maps}?dryRun=All&fieldValidation=${validation}`, { method: 'POST', headers: JSON_BODY, body });
      assert.equal((await send('Strict')).status, 400);
      assert.match(String((await send('Warn')).headers.warning), /^299 - "duplicate field \\"data\.a\\""$/);
      assert.equal((await send('Ignore')).headers.warning, undefined);
    });

    test('a body of more than 3 MiB is refused and the server goes on', async () => {
      const large = await to(maps, {
        method: 'POST',
        headers: JSON_BODY,
        body: ' '.repeat(3 * 1024 * 1024 + 1),
      });
      assert.deepEqual(statusOf(large), [413, 'RequestEntityTooLarge']);
      assert.equal((await to('/version')).status, 200);
    });

    test('YAML goes in and comes out', async () => {
      const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata: {a: "1"}\n';
      const made = await to(`${maps}?dryRun=All`, {
        method: 'POST',
        headers: { 'content-type': 'application/yaml', accept: 'application/yaml' },
        body: yaml,
      });
      assert.deepEqual([made.status, made.headers['content-type']], [201, 'application/yaml']);
      assert.match(made.bytes.toString(), /^kind: ConfigMap$/m);
    });

    test('a list is a table or metadata alone when asked', async () => {
      const accept = (as: string) => ({
        headers: { accept: `application/json;as=${as};v=v1;g=meta.k8s.io` },
      });
      const table = jsonOf<{
        kind: string;
        columnDefinitions: readonly { name: string }[];
        rows: readonly { cells: unknown[] }[];
      }>(await to('/api/v1/namespaces', accept('Table')));
      assert.deepEqual(
        [table.kind, table.columnDefinitions.map(({ name }) => name)],
        ['Table', ['Name', 'Status', 'Age']],
      );
      assert.ok(table.rows.some(({ cells }) => cells[0] === 'default'));
      const metadata = jsonOf<{ kind: string; items: readonly object[] }>(
        await to('/api/v1/namespaces', accept('PartialObjectMetadataList')),
      );
      assert.equal(metadata.kind, 'PartialObjectMetadataList');
      assert.deepEqual(Object.keys(metadata.items[0] ?? {}), ['kind', 'apiVersion', 'metadata']);
      const one = jsonOf<{ kind: string }>(
        await to('/api/v1/namespaces/default', accept('PartialObjectMetadata')),
      );
      assert.equal(one.kind, 'PartialObjectMetadata');
    });

    test('one object is a table as well, with as much of it as was asked for', async () => {
      const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
      const rows = async (include: string) =>
        jsonOf<{ rows: readonly { object?: { kind: string } }[] }>(
          await to(`/api/v1/namespaces/default?includeObject=${include}`, { headers }),
        ).rows.map(({ object }) => object?.kind);
      assert.deepEqual(await rows('None'), [undefined]);
      assert.deepEqual(await rows('Metadata'), ['PartialObjectMetadata']);
      assert.deepEqual(await rows('Object'), ['Namespace']);
      const wrong = await to('/api/v1/namespaces/default?includeObject=Most', { headers });
      assert.deepEqual(statusOf(wrong), [400, 'BadRequest']);
    });

    test('a collection is deleted by its labels, and its length can be read page by page', async () => {
      const labelled = (name: string) => {
        const object = configMap(name);
        return { ...object, metadata: { ...object.metadata, labels: { sweep: 'yes' } } };
      };
      for (const each of ['s1', 's2', 's3']) await to(maps, postJson(labelled(each)));
      interface Page {
        readonly metadata: { readonly continue?: string; readonly remainingItemCount?: number };
        readonly items: readonly KubeObject[];
      }
      const first = jsonOf<Page>(await to(`${maps}?limit=2`));
      assert.equal(first.items.length, 2);
      const token = encodeURIComponent(first.metadata.continue ?? '');
      const second = jsonOf<Page>(await to(`${maps}?limit=2&continue=${token}`));
      assert.ok(second.items.length > 0);
      assert.ok(
        second.items.every(({ metadata }) =>
          first.items.every((other) => other.metadata.name !== metadata.name),
        ),
      );
      assert.equal((await to(`${maps}?labelSelector=sweep%3Dyes`, { method: 'DELETE' })).status, 200);
      assert.deepEqual(jsonOf<Page>(await to(`${maps}?labelSelector=sweep`)).items, []);
    });

    test('a HEAD has the length and no body; pretty is indented', async () => {
      const [head, get] = [await to('/version', { method: 'HEAD' }), await to('/version')];
      assert.deepEqual(
        [head.status, head.headers['content-length'], head.bytes.length],
        [200, String(get.bytes.length), 0],
      );
      const pretty = await to('/api/v1/namespaces/default?pretty=true');
      assert.match(pretty.bytes.toString(), /^\{\n {2}"/);
    });

    test('a large answer is compressed for those who take it', async () => {
      await to(maps, postJson(configMap('large', { a: 'x'.repeat(200_000) })));
      const plain = await to(`${maps}/large`);
      const small = await to(`${maps}/large`, { headers: { 'accept-encoding': 'gzip' } });
      assert.equal(plain.headers['content-encoding'], undefined);
      assert.equal(small.headers['content-encoding'], 'gzip');
      assert.ok(small.bytes.length < 10_000);
      assert.deepEqual(gunzipSync(small.bytes), plain.bytes);
    });

    test('who is not known gets 401, but health and version are open to who shows nothing', async () => {
      const { admin, adminToken } = mine.pki;
      const code = async (answer: Promise<Answer>) => (await answer).status;
      const token = (text: string): Ask => ({ headers: { authorization: `Bearer ${text}` } });
      for (const path of ['/healthz', '/livez', '/readyz', '/version']) {
        assert.equal(await code(asNobody(path)), 200);
      }
      for (const path of ['/', '/api', '/apis', maps, '/openapi/v3']) {
        assert.equal(await code(asNobody(path)), 401);
      }
      assert.equal(await code(asNobody('/version', { method: 'POST' })), 401);
      assert.equal(await code(asNobody(maps, token(adminToken))), 200);
      assert.equal(await code(asNobody('/version', token('wrong'))), 401);
      assert.equal(await code(asNobody('/version', { client: foreign.pki.admin })), 401);
      assert.equal(await code(asNobody(maps, { client: admin })), 200);
      const refusal = await asNobody(maps);
      assert.deepEqual(jsonOf(refusal), {
        apiVersion: 'v1',
        kind: 'Status',
        metadata: {},
        status: 'Failure',
        message: 'Unauthorized',
        reason: 'Unauthorized',
        code: 401,
      });
    });
  });
}
