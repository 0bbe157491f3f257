import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { realClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import type { Status } from '../../api/meta/v1/status.ts';
import { createMemoryStore } from '../../storage/memory/memory-store.ts';
import { createTestPki, testConfig } from '../fixtures/running-server.ts';
import { createApiServer } from '../server.ts';
import type { ApiServer } from '../server.ts';

const JSON_TYPE = 'application/json';
const YAML = 'application/yaml';
const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const maps = '/api/v1/namespaces/default/configmaps';
const services = '/api/v1/namespaces/default/services';
const many = (n: number, item: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => item(i)).join(',');
const envelope = (raw: Buffer): Buffer => {
  const length: number[] = [];
  for (let rest = raw.length; ; rest = rest >> 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x12, ...length]), raw]);
};

/** A body and where it goes, and the code and text that come back. */
type Case = readonly [
  body: string | Uint8Array,
  answer: readonly [code: number, message: RegExp],
  where?: {
    readonly type?: string;
    readonly path?: string;
    readonly method?: string;
  },
];

const refused: Readonly<Record<string, Case>> = {
  'nothing at all': ['', [400, /empty/]],
  'only spaces': ['  \n', [400, /empty/]],
  null: ['null', [400, /not an object/]],
  'a list': ['[]', [400, /not an object/]],
  'a number beyond all bounds': ['1e9999', [400, /not an object/]],
  'text that is not UTF-8': [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), [400, /not valid UTF-8/]],
  'a byte-order mark': ['\ufeff{}', [400, /json parse error/]],
  'half a document': ['{"metadata":{"name":"a"', [400, /json parse error/]],
  'something after the document': ['{"metadata":{"name":"a"}} x', [400, /json parse error/]],
  'two documents': ['{}{}', [400, /json parse error/]],
  'a million lists in lists': ['['.repeat(1_000_000), [400, /nested deeper than 400 levels/]],
  'objects in objects': ['{"a":'.repeat(300_000), [400, /nested deeper than 400 levels/]],
  'a million values': [`{"data":[${many(1_000_000, () => '""')}]}`, [413, /limit is 100000 values/]],
  'too many bytes': ['x'.repeat(3 * 1024 * 1024 + 1), [413, /limit is 3145728/]],
  'a name that is there twice': [
    '{"metadata":{"name":"a","name":"b"}}',
    [400, /strict decoding error: duplicate field "metadata.name"/],
    { path: `${maps}?fieldValidation=Strict` },
  ],
  'another type of content': [
    '{}',
    [415, /accepted media types include: application\/json, application\/yaml, application\/vnd/],
    { type: 'text/plain' },
  ],
  'a form': ['a=b', [415, /unknown format/], { type: 'application/x-www-form-urlencoded' }],
  'a port beyond all integers': [
    '{"metadata":{"name":"s"},"spec":{"ports":[{"port":99999999999999999999999999}]}}',
    [400, /cannot unmarshal number/],
    { path: services },
  ],
  'a port that is infinite': [
    '{"spec":{"ports":[{"port":1e999}]}}',
    [400, /cannot unmarshal number/],
    { path: services },
  ],
  'half a port': [
    '{"spec":{"ports":[{"port":1.5}]}}',
    [400, /cannot unmarshal number 1.5/],
    { path: services },
  ],
  'more wrong labels than a call has arguments': [
    `{"metadata":{"name":"a","labels":{${many(80_000, (i) => `"-${i}":"-"`)}}}}`,
    [422, /metadata.labels: Invalid value/],
  ],
  'thousands of wrong ports': [
    `{"metadata":{"name":"s"},"spec":{"ports":[${many(20_000, () => '{}')}]}}`,
    [422, /spec.ports\[0\].name: Required value/],
    { path: services },
  ],
  'YAML that holds itself': ['a: &a [*a]', [400, /error converting YAML to JSON/], { type: YAML }],
  'YAML that grows': [
    `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefgh'].map((c, i) => `${c}: &${c} [${many(9, () => `*${'abcdefg'[i]}`)}]`).join('\n')}`,
    [400, /error converting YAML to JSON/],
    { type: YAML },
  ],
  'YAML that is deep': ['['.repeat(5000), [400, /YAML|nested deeper/], { type: YAML }],
  'YAML that is none': ['a: [b', [400, /error converting YAML to JSON/], { type: YAML }],
  'large YAML that is none': [
    `${'a: b\n'.repeat(5000)}c: [`,
    [400, /error converting YAML to JSON/],
    { type: YAML },
  ],
  'protobuf without its prefix': ['{}', [400, /prefix/], { type: PROTOBUF }],
  'protobuf of a group': [envelope(Buffer.from([0x0b])), [400, /wire type 3/], { type: PROTOBUF }],
  'protobuf with a million fields': [
    envelope(Buffer.alloc(2_000_000, Buffer.from([0x1a, 0x00]))),
    [400, /more than 200000 fields/],
    { type: PROTOBUF },
  ],
  'a patch that is none': [
    '[',
    [400, /json parse error/],
    { method: 'PATCH', path: `${maps}/a`, type: 'application/merge-patch+json' },
  ],
  'a patch of an unknown kind': [
    '{}',
    [415, /application\/merge-patch\+json/],
    { method: 'PATCH', path: `${maps}/a` },
  ],
  'options of a delete that are none': [
    'junk',
    [400, /json parse error/],
    { method: 'DELETE', path: `${maps}/a` },
  ],
  'options of a delete that are a list': [
    '[]',
    [400, /DeleteOptions/],
    { method: 'DELETE', path: `${maps}/a` },
  ],
};

const accepted: Readonly<Record<string, Case>> = {
  'keys called like members of every object': [
    '{"metadata":{"name":"keys"},"data":{"__proto__":"a","constructor":"b","hasOwnProperty":"c"}}',
    [201, /"constructor":"b"/],
  ],
  'a byte-order mark before YAML': ['\ufeffmetadata: {name: bom}', [201, /"name":"bom"/], { type: YAML }],
  'JSON that is called YAML': ['{"metadata":{"name":"json"}}', [201, /"name":"json"/], { type: YAML }],
  'YAML that begins like JSON': ['{metadata: {name: flow}}', [201, /"name":"flow"/], { type: YAML }],
  'YAML that is large': [
    `metadata: {name: large}\ndata:\n${Array.from({ length: 2000 }, (_, i) => `  k${i}: "v"`).join('\n')}`,
    [201, /"k1999":"v"/],
    { type: YAML },
  ],
  'a number written with an exponent': [
    '{"metadata":{"name":"eighty"},"spec":{"ports":[{"port":8e1}]}}',
    [201, /"port":80/],
    { path: services },
  ],
  'a content type with parameters': [
    '{"metadata":{"name":"charset"}}',
    [201, /charset/],
    { type: `${JSON_TYPE}; charset=utf-8` },
  ],
};

describe('a body', () => {
  const stopping = new AbortController();
  let server: ApiServer;
  let ended: Promise<void>;
  let remove: () => Promise<void>;
  before(async () => {
    const test = await createTestPki();
    remove = () => test.remove();
    const config = testConfig(test.pki, [{ host: '127.0.0.1', port: 0 }]);
    server = createApiServer(config, { store: createMemoryStore(), clock: realClock, logger: silentLogger });
    ended = server.run(stopping.signal);
  });
  after(async () => {
    stopping.abort();
    await ended;
    await remove();
  });

  const send = async ([body, , where = {}]: Case) => {
    const { type = JSON_TYPE, path = maps, method = 'POST' } = where;
    const user = { name: 'me', groups: ['system:masters', 'system:authenticated'] };
    const { signal } = new AbortController();
    const {
      status,
      headers,
      body: answer,
    } = await server.handle({ method, path, headers: { 'content-type': type }, body, user, signal });
    assert.ok(typeof answer === 'string');
    return { status, headers, text: answer };
  };

  for (const [title, each] of Object.entries(refused)) {
    it(`of ${title} is refused with a Status, soon`, async () => {
      const started = performance.now();
      const { status, text } = await send(each);
      const [, [code, message]] = each;
      const { kind, code: inBody, message: said = '', details } = JSON.parse(text) as Status;
      assert.deepEqual([kind, status, inBody], ['Status', code, code], text.slice(0, 300));
      assert.match(said, message);
      assert.ok((details?.causes?.length ?? 0) <= 1000);
      // Far beyond what it takes; quadratic work would take minutes.
      assert.ok(performance.now() - started < 30_000);
    });
  }

  for (const [title, each] of Object.entries(accepted)) {
    it(`of ${title} is accepted`, async () => {
      const { status, text } = await send(each);
      assert.equal(status, each[1][0], text.slice(0, 300));
      assert.match(text, each[1][1]);
    });
  }

  it('with thousands of unknown fields is answered with some warnings', async () => {
    const { status, headers } = await send([
      `{"metadata":{"name":"unknown"},${many(50_000, (i) => `"unknown-${i}":1`)}}`,
      [201, /unknown/],
    ]);
    assert.equal(status, 201);
    const warnings = headers.warning ?? [];
    assert.ok(warnings.length > 50 && warnings.length <= 100, `${warnings.length}`);
  });
});
