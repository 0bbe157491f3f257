import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import protobuf from 'protobufjs';
import { askedAsAdmin } from '../fixtures/asked-as-admin.ts';
import type { Answer, Ask } from '../fixtures/running-server.ts';

/**
 * A client of Kubernetes in protobuf, made of nothing but a general protobuf library and the field numbers of upstream's
 * generated.proto files.
 */
const { root } = protobuf.parse(
  `
  syntax = "proto2";
  message TypeMeta { optional string apiVersion = 1; optional string kind = 2; }
  message Unknown { optional TypeMeta typeMeta = 1; optional bytes raw = 2; optional string contentEncoding = 3;
    optional string contentType = 4; }
  message RawExtension { optional bytes raw = 1; }
  message WatchEvent { optional string type = 1; optional RawExtension object = 2; }
  message Time { optional int64 seconds = 1; optional int32 nanos = 2; }
  message ObjectMeta { optional string name = 1; optional string namespace = 3; optional string uid = 5;
    optional string resourceVersion = 6; optional Time creationTimestamp = 8; map<string, string> labels = 11;
    map<string, string> annotations = 12; }
  message ListMeta { optional string resourceVersion = 2; optional string continue = 3; optional int64 remainingItemCount = 4; }
  message StatusCause { optional string reason = 1; optional string message = 2; optional string field = 3; }
  message StatusDetails { optional string name = 1; optional string group = 2; optional string kind = 3;
    repeated StatusCause causes = 4; optional string uid = 6; }
  message Status { optional ListMeta metadata = 1; optional string status = 2; optional string message = 3;
    optional string reason = 4; optional StatusDetails details = 5; optional int32 code = 6; }
  message Preconditions { optional string uid = 1; optional string resourceVersion = 2; }
  message DeleteOptions { optional int64 gracePeriodSeconds = 1; optional Preconditions preconditions = 2;
    optional string propagationPolicy = 4; repeated string dryRun = 5; }
  message IntOrString { optional int64 type = 1; optional int32 intVal = 2; optional string strVal = 3; }
  message ServicePort { optional string name = 1; optional string protocol = 2; optional int32 port = 3;
    optional IntOrString targetPort = 4; }
  message ServiceSpec { repeated ServicePort ports = 1; map<string, string> selector = 2; optional string clusterIP = 3;
    optional string type = 4; }
  message Service { optional ObjectMeta metadata = 1; optional ServiceSpec spec = 2; }
  message ServiceList { optional ListMeta metadata = 1; repeated Service items = 2; }
  message ConfigMap { optional ObjectMeta metadata = 1; map<string, string> data = 2; }
  message ConfigMapList { optional ListMeta metadata = 1; repeated ConfigMap items = 2; }
  message PartialObjectMetadata { optional ObjectMeta metadata = 1; }
  message PartialObjectMetadataList { optional ListMeta metadata = 1; repeated PartialObjectMetadata items = 2; }
  message LabelSelector { map<string, string> matchLabels = 1; }
  message DeploymentSpec { optional int32 replicas = 1; optional LabelSelector selector = 2; optional PodTemplateSpec template = 3; }
  message PodTemplateSpec { optional ObjectMeta metadata = 1; optional PodSpec spec = 2; }
  message PodSpec { repeated Container containers = 2; optional string nodeName = 10; }
  message Container { optional string name = 1; optional string image = 2; }
  message Deployment { optional ObjectMeta metadata = 1; optional DeploymentSpec spec = 2; }
  message Pod { optional ObjectMeta metadata = 1; optional PodSpec spec = 2; }
  message ScaleSpec { optional int32 replicas = 1; }
  message ScaleStatus { optional int32 replicas = 1; optional string selector = 2; }
  message Scale { optional ObjectMeta metadata = 1; optional ScaleSpec spec = 2; optional ScaleStatus status = 3; }
  message ObjectReference { optional string kind = 1; optional string name = 3; }
  message Binding { optional ObjectMeta metadata = 1; optional ObjectReference target = 2; }
  message Eviction { optional ObjectMeta metadata = 1; optional DeleteOptions deleteOptions = 2; }
`,
  { keepCase: true },
);
const TYPE = 'application/vnd.kubernetes.protobuf';
const MAGIC = Buffer.from('k8s\0');

type Fields = Record<string, unknown>;

function read(message: string, bytes: Uint8Array): Fields {
  const type = root.lookupType(message);
  return type.toObject(type.decode(bytes), { longs: Number, bytes: Buffer as unknown as typeof String });
}

function write(apiVersion: string, kind: string, fields: object): Buffer {
  const raw = root.lookupType(kind).encode(root.lookupType(kind).fromObject(fields)).finish();
  const unknown = root.lookupType('Unknown');
  const body = unknown.encode(unknown.fromObject({ typeMeta: { apiVersion, kind }, raw })).finish();
  return Buffer.concat([MAGIC, body]);
}

/** The type a body names, and its content. */
function open(bytes: Uint8Array): { readonly type: string; readonly object: Content } {
  assert.deepEqual(Buffer.from(bytes.subarray(0, 4)), MAGIC);
  const { typeMeta, raw } = read('Unknown', bytes.subarray(4)) as { typeMeta: Fields; raw: Uint8Array };
  return {
    type: `${String(typeMeta.apiVersion)} ${String(typeMeta.kind)}`,
    object: read(String(typeMeta.kind), raw) as unknown as Content,
  };
}

/** What the tests look at; which of it is there depends on the kind. */
interface Content {
  metadata: {
    readonly name: string;
    readonly uid: string;
    labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly creationTimestamp: { readonly seconds: number };
    readonly continue: string;
    readonly remainingItemCount: number;
    readonly resourceVersion: string;
  };
  readonly spec: {
    readonly clusterIP: string;
    readonly ports: readonly object[];
    replicas: number;
    readonly nodeName: string;
  };
  readonly status: unknown;
  readonly items?: readonly Content[];
  readonly data: { readonly text: string };
  readonly reason: string;
  readonly message: string;
  readonly code: number;
  readonly details: { readonly causes: readonly { readonly field: string }[] };
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly object: Content;
}

describe('a client that speaks protobuf', () => {
  const asAdmin = askedAsAdmin();
  const send = (path: string, ask: Ask = {}): Promise<Answer> =>
    asAdmin(path, { ...ask, headers: { accept: `${TYPE},application/json`, ...ask.headers } });
  const ask = async (path: string, options: Ask = {}): Promise<Reply> => {
    const answer = await send(path, options);
    assert.equal(answer.headers['content-type'], TYPE, answer.bytes.toString().slice(0, 300));
    return { status: answer.status, ...open(answer.bytes) };
  };
  const withBody = (method: string, body: Buffer): Ask => ({
    method,
    body,
    headers: { 'content-type': TYPE, 'content-length': String(body.length) },
  });
  const services = '/api/v1/namespaces/default/services';
  const service = (name: string, port = 80): Fields => ({
    metadata: { name, labels: { test: 'protobuf' } },
    spec: {
      ports: [{ name: 'http', port, targetPort: { type: 1, strVal: 'web' } }],
      selector: { app: name },
    },
  });

  it('creates a Service, and reads the same back', async () => {
    const made = await ask(services, withBody('POST', write('v1', 'Service', service('web'))));
    assert.deepEqual([made.status, made.type], [201, 'v1 Service']);
    assert.match(made.object.spec.clusterIP, /^10\./);
    assert.deepEqual(made.object.spec.ports, [
      { name: 'http', protocol: 'TCP', port: 80, targetPort: { type: 1, strVal: 'web' } },
    ]);
    const found = await ask(`${services}/web`);
    assert.deepEqual([found.status, found.object], [200, made.object]);
    assert.ok(Math.abs(found.object.metadata.creationTimestamp.seconds - Date.now() / 1000) < 60);
  });

  it('updates and patches', async () => {
    const { object } = await ask(services, withBody('POST', write('v1', 'Service', service('changed'))));
    object.metadata.labels = { a: 'b' };
    const updated = await ask(`${services}/changed`, withBody('PUT', write('v1', 'Service', object)));
    assert.deepEqual([updated.status, updated.object.metadata.labels], [200, { a: 'b' }]);
    const patched = await ask(`${services}/changed`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: '{"metadata":{"labels":{"c":"d"}}}',
    });
    assert.deepEqual(patched.object.metadata.labels, { a: 'b', c: 'd' });
  });

  it('lists, in pages too', async () => {
    const maps = '/api/v1/namespaces/default/configmaps';
    for (const name of ['page-a', 'page-b', 'page-c']) {
      const map = { metadata: { name, labels: { paged: 'yes' } }, data: { text: 'x'.repeat(40_000) } };
      await ask(maps, withBody('POST', write('v1', 'ConfigMap', map)));
    }
    const whole = await ask(`${maps}?labelSelector=paged`);
    assert.equal(whole.type, 'v1 ConfigMapList');
    const namesOf = ({ object }: Reply) => object.items?.map(({ metadata }) => metadata.name);
    assert.deepEqual(namesOf(whole), ['page-a', 'page-b', 'page-c']);
    assert.equal(whole.object.items?.[2]?.data.text.length, 40_000);
    const page = await ask(`${maps}?limit=2`);
    assert.deepEqual([namesOf(page), page.object.metadata.remainingItemCount], [['page-a', 'page-b'], 1]);
    const rest = await ask(`${maps}?limit=2&continue=${encodeURIComponent(page.object.metadata.continue)}`);
    assert.deepEqual(namesOf(rest), ['page-c']);
    const none = await ask(`${maps}?labelSelector=nobody`);
    assert.deepEqual([none.object.items ?? [], Number(none.object.metadata.resourceVersion) > 0], [[], true]);
  });

  it('is refused in protobuf', async () => {
    const missing = await ask(`${services}/missing`);
    assert.deepEqual([missing.status, missing.type], [404, 'v1 Status']);
    const { reason, message, code, details } = missing.object;
    assert.deepEqual(
      { reason, message, code, details },
      {
        reason: 'NotFound',
        message: 'services "missing" not found',
        code: 404,
        details: { name: 'missing', kind: 'services' },
      },
    );
    const wrong = await ask(services, withBody('POST', write('v1', 'Service', service('Wrong', 99_999))));
    assert.equal(wrong.status, 422);
    assert.deepEqual(wrong.object.details.causes.map(({ field }) => field).sort(), [
      'metadata.name',
      'spec.ports[0].port',
    ]);
  });

  it('deletes with options in protobuf, and is answered with a Status', async () => {
    const { object } = await ask(services, withBody('POST', write('v1', 'Service', service('gone'))));
    const other = { preconditions: { uid: 'other' } };
    const refused = await ask(`${services}/gone`, withBody('DELETE', write('v1', 'DeleteOptions', other)));
    assert.deepEqual([refused.status, refused.object.reason], [409, 'Conflict']);
    const dry = { dryRun: ['All'], propagationPolicy: 'Background' };
    await ask(`${services}/gone`, withBody('DELETE', write('v1', 'DeleteOptions', dry)));
    assert.equal((await ask(`${services}/gone`)).status, 200);
    const right = { preconditions: { uid: object.metadata.uid } };
    const gone = await ask(`${services}/gone`, withBody('DELETE', write('v1', 'DeleteOptions', right)));
    assert.equal(gone.status, 200);
    assert.equal((await ask(`${services}/gone`)).status, 404);
  });

  it('scales, binds and evicts', async () => {
    const labels = { app: 'scaled' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const deployment = {
      metadata: { name: 'scaled' },
      spec: { replicas: 2, selector: { matchLabels: labels }, template },
    };
    const deployments = '/apis/apps/v1/namespaces/default/deployments';
    await ask(deployments, withBody('POST', write('apps/v1', 'Deployment', deployment)));
    const scale = await ask(`${deployments}/scaled/scale`);
    assert.deepEqual([scale.type, scale.object.spec.replicas], ['autoscaling/v1 Scale', 2]);
    assert.deepEqual(scale.object.status, { selector: 'app=scaled' });
    scale.object.spec.replicas = 5;
    const body = write('autoscaling/v1', 'Scale', scale.object);
    const scaled = await ask(`${deployments}/scaled/scale`, withBody('PUT', body));
    assert.equal(scaled.object.spec.replicas, 5);

    const pods = '/api/v1/namespaces/default/pods';
    await ask(pods, withBody('POST', write('v1', 'Pod', { metadata: { name: 'p' }, spec: template.spec })));
    const binding = { metadata: { name: 'p' }, target: { kind: 'Node', name: 'node-9' } };
    const bound = await ask(`${pods}/p/binding`, withBody('POST', write('v1', 'Binding', binding)));
    assert.deepEqual([bound.status, bound.type, bound.object.status], [201, 'v1 Status', 'Success']);
    assert.equal((await ask(`${pods}/p`)).object.spec.nodeName, 'node-9');
    const eviction = { metadata: { name: 'p' }, deleteOptions: { gracePeriodSeconds: 0 } };
    const evicted = await ask(
      `${pods}/p/eviction`,
      withBody('POST', write('policy/v1', 'Eviction', eviction)),
    );
    assert.deepEqual([evicted.status, evicted.object.status], [201, 'Success']);
    assert.equal((await ask(`${pods}/p`)).status, 404);
  });

  it('reads metadata only, of one object and of a list', async () => {
    const as = (kind: string): Ask => ({ headers: { accept: `${TYPE};as=${kind};g=meta.k8s.io;v=v1` } });
    await ask(services, withBody('POST', write('v1', 'Service', service('meta'))));
    const one = await ask(`${services}/meta`, as('PartialObjectMetadata'));
    assert.equal(one.type, 'meta.k8s.io/v1 PartialObjectMetadata');
    assert.deepEqual([one.object.metadata.name, one.object.metadata.labels], ['meta', { test: 'protobuf' }]);
    const many = await ask(`${services}?fieldSelector=metadata.name%3Dmeta`, as('PartialObjectMetadataList'));
    assert.equal(many.type, 'meta.k8s.io/v1 PartialObjectMetadataList');
    assert.deepEqual(many.object.items, [one.object]);
    const wrong = await send(services, as('PartialObjectMetadata'));
    assert.equal(wrong.status, 406);
    assert.match(
      wrong.bytes.toString(),
      /you requested PartialObjectMetadata, but the requested object is a list/,
    );
  });

  it('watches: frames of events, a bookmark, and a refusal as the last event', async () => {
    const events = async (query: string, accept = TYPE): Promise<readonly [string, string, Content][]> => {
      const answer = await send(`/api/v1/namespaces/watched/configmaps?watch=1&${query}`, {
        headers: { accept },
      });
      assert.deepEqual([answer.status, answer.headers['content-type']], [200, `${TYPE};stream=watch`]);
      return framesOf(answer.bytes).map((bytes) => {
        const event = read('WatchEvent', bytes) as { type: string; object: { raw: Uint8Array } };
        const { type, object } = open(event.object.raw);
        return [event.type, type, object];
      });
    };
    const post = { method: 'POST', headers: { 'content-type': 'application/json' } };
    await send('/api/v1/namespaces', { ...post, body: '{"metadata":{"name":"watched"}}' });
    const body = write('v1', 'ConfigMap', { metadata: { name: 'seen' }, data: { k: 'v' } });
    const { object } = await ask('/api/v1/namespaces/watched/configmaps', withBody('POST', body));
    const query =
      'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1';
    const [added, bookmark] = await events(query);
    assert.deepEqual(added, ['ADDED', 'v1 ConfigMap', object]);
    assert.deepEqual(bookmark?.slice(0, 2), ['BOOKMARK', 'v1 ConfigMap']);
    assert.deepEqual(bookmark?.[2].metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
    const partial = `${TYPE};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`;
    const [only] = await events(query, partial);
    assert.deepEqual(only?.slice(0, 2), ['ADDED', 'meta.k8s.io/v1 PartialObjectMetadata']);
    assert.deepEqual(only?.[2], { metadata: object.metadata });
  });

  it('cannot have a watch in YAML or a Table in protobuf', async () => {
    const yaml = await send(`${services}?watch=1`, { headers: { accept: 'application/yaml' } });
    assert.equal(yaml.status, 406);
    assert.match(
      yaml.bytes.toString(),
      /application\/json;stream=watch, application\/vnd.kubernetes.protobuf;stream=watch/,
    );
    const table = await send(services, { headers: { accept: `${TYPE};as=Table;g=meta.k8s.io;v=v1` } });
    assert.deepEqual(JSON.parse(table.bytes.toString()), {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message:
        'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
      reason: 'NotAcceptable',
      code: 406,
    });
  });

  const bad: readonly [title: string, body: Buffer, message: RegExp][] = [
    ['without the prefix', Buffer.from('{}'), /prefix/],
    ['cut in the middle', write('v1', 'Service', service('cut')).subarray(0, 40), /unexpected EOF/],
    [
      'of another kind',
      write('v1', 'ConfigMap', { metadata: { name: 'x' } }),
      /kind in the data \(ConfigMap\)/,
    ],
    ['of another version', write('v2', 'Service', service('x')), /API version in the data \(v2\)/],
    ['of zeros', Buffer.concat([MAGIC, Buffer.alloc(100)]), /field number 0/],
    ['of nothing', Buffer.alloc(0), /empty/],
  ];
  for (const [title, body, message] of bad) {
    it(`is refused a body ${title}`, async () => {
      const refused = await ask(services, withBody('POST', body));
      assert.deepEqual([refused.status, refused.object.reason], [400, 'BadRequest']);
      assert.match(refused.object.message, message);
    });
  }
});

function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    assert.ok(end <= bytes.length);
    frames.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return frames;
}
