import assert from 'node:assert/strict';
import { connect, type ClientHttp2Session } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../api/kind.ts';
import type { Status } from '../../api/meta/v1/status.ts';
import {
  type Answer,
  askOn,
  configMap,
  createTestPki,
  jsonOf,
  postJson,
  type Running,
  startServer,
  type TestPki,
} from '../fixtures/running-server.ts';

let mine: TestPki;
let running: Running;
let session: ClientHttp2Session;

before(async () => {
  mine = await createTestPki();
  running = await startServer(mine.pki);
  session = connect(running.url, { ca: mine.pki.caCert, ...mine.pki.admin });
  session.setMaxListeners(0);
});
after(async () => {
  session.destroy();
  await running.stop();
  await mine.remove();
});

const maps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';

interface Request {
  readonly type?: string;
  readonly agent?: string;
}
const patch = (
  path: string,
  body: string | object,
  { type = 'apply-patch+yaml', agent }: Request = {},
): Promise<Answer> =>
  askOn(session, path, {
    method: 'PATCH',
    headers: {
      'content-type': `application/${type}`,
      ...(agent === undefined ? {} : { 'user-agent': agent }),
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

/** Sorted: they come in the order of their times, which may be one second or two. */
const managersOf = (answer: Answer): unknown =>
  jsonOf<KubeObject>(answer)
    .metadata.managedFields?.map(({ manager, operation, subresource }) =>
      [manager, operation, subresource].join(' ').trim(),
    )
    .sort();

describe('PATCH with application/apply-patch+yaml', () => {
  it('creates with 201 and changes with 200, from YAML or JSON', async () => {
    const path = `${maps}/yaml?fieldManager=me`;
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: "1"\n';
    const created = await patch(path, yaml);
    assert.equal(created.status, 201, created.bytes.toString());
    assert.deepEqual(managersOf(created), ['me Apply']);
    const changed = await patch(path, configMap('yaml', { b: '2' }));
    assert.equal(changed.status, 200);
    assert.deepEqual(jsonOf<{ data: unknown }>(changed).data, { b: '2' });
  });

  const refusals: Record<
    string,
    readonly [path: string, body: string | object, code: number, message: RegExp]
  > = {
    'that does not say who applies': [
      `${maps}/x`,
      configMap('x'),
      422,
      /^PatchOptions\.meta\.k8s\.io "" is invalid: fieldManager: Required value: is required for apply patch$/,
    ],
    'that is no YAML': [`${maps}/x?fieldManager=me`, 'a: [', 400, /^error converting YAML to JSON: yaml: /],
    'that is a list': [`${maps}/x?fieldManager=me`, '- a', 400, /^error decoding YAML: /],
    'that is empty': [`${maps}/x?fieldManager=me`, '', 400, /^invalid object type: \/, Kind=$/],
    'of another kind': [
      `${maps}/x?fieldManager=me`,
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      400,
      /^invalid object type: apps\/v1, Kind=Deployment$/,
    ],
    'with a field twice, strictly': [
      `${maps}/x?fieldManager=me&fieldValidation=Strict`,
      'apiVersion: v1\nkind: ConfigMap\nkind: ConfigMap\n',
      400,
      /^error strict decoding YAML: duplicate field "kind"$/,
    ],
    'to a status of nothing': [
      '/api/v1/namespaces/default/services/none/status?fieldManager=me',
      { apiVersion: 'v1', kind: 'Service' },
      404,
      /^services "none" not found$/,
    ],
  };
  for (const [sentence, [path, body, code, message]] of Object.entries(refusals)) {
    it(`refuses a configuration ${sentence}`, async () => {
      const answer = await patch(path, body);
      const status = jsonOf<Status>(answer);
      assert.equal(answer.status, code, status.message);
      assert.match(status.message ?? '', message);
    });
  }

  it('answers a conflict with causes, unless it is forced', async () => {
    const path = `${maps}/fight`;
    await patch(`${path}?fieldManager=one`, configMap('fight', { a: '1' }));
    const refused = await patch(`${path}?fieldManager=two`, configMap('fight', { a: '2' }));
    assert.equal(refused.status, 409);
    assert.deepEqual(jsonOf<Status>(refused).details, {
      causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' }],
    });
    const forced = await patch(`${path}?fieldManager=two&force=true`, configMap('fight', { a: '2' }));
    assert.equal(forced.status, 200);
  });

  it('warns of a field twice', async () => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nkind: ConfigMap\nmetadata: {name: warned}\n';
    const { headers } = await patch(`${maps}/warned?fieldManager=me&fieldValidation=Warn`, yaml);
    assert.match(String(headers.warning), /duplicate field \\"kind\\"/);
  });
});

describe('PATCH', () => {
  it('takes the manager from the user agent, and has no use for force', async () => {
    await askOn(session, maps, postJson(configMap('agent', { x: '1' })));
    const type = 'merge-patch+json';
    const answer = await patch(`${maps}/agent`, { data: { a: '1' } }, { type, agent: 'robot/v1 (x)' });
    assert.deepEqual(managersOf(answer), ['robot Update', 'unknown Update']);
    const forced = await patch(`${maps}/agent?force=true`, {}, { type });
    assert.equal(forced.status, 422);
    assert.match(
      jsonOf<Status>(forced).message ?? '',
      /force: Forbidden: may not be specified for non-apply patch$/,
    );
  });

  it('names the types it takes', async () => {
    const answer = await patch(`${maps}/agent`, {}, { type: 'json' });
    assert.equal(answer.status, 415);
    assert.match(jsonOf<Status>(answer).message ?? '', /application\/apply-patch\+yaml$/);
  });

  it('of a JSON patch finds members that mean nothing', async () => {
    const operations = [{ op: 'add', path: '/data', value: { a: '1' }, colour: 'red' }];
    const path = `${maps}/agent?fieldValidation=Strict`;
    const answer = await patch(path, operations, { type: 'json-patch+json' });
    assert.equal(answer.status, 422);
    assert.match(
      jsonOf<Status>(answer).message ?? '',
      /strict decoding error: json patch unknown field "\[0\]\.colour"$/,
    );
  });
});

describe('a Scale', () => {
  const template = {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'a', image: 'i' }] },
  };
  const selector = { matchLabels: { app: 'web' } };
  const web = (name: string) => ({ metadata: { name }, spec: { replicas: 1, selector, template } });
  const merge = { type: 'merge-patch+json', agent: 'scaler/1' };

  it('is changed by a crowd without a conflict, and whoever changed it owns the number', async () => {
    await askOn(session, deployments, postJson(web('crowd')));
    const numbers = Array.from({ length: 40 }, (_, i) => i + 2);
    const answers = await Promise.all(
      numbers.map((replicas, i) =>
        i % 2 === 0
          ? patch(`${deployments}/crowd/scale`, { spec: { replicas } }, merge)
          : patch(
              `${deployments}/crowd/scale`,
              [{ op: 'replace', path: '/spec/replicas', value: replicas }],
              {
                ...merge,
                type: 'json-patch+json',
              },
            ),
      ),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    const shown = await askOn(session, `${deployments}/crowd`);
    assert.deepEqual(managersOf(shown), ['scaler Update scale', 'unknown Update']);
    assert.ok((jsonOf<KubeObject>(shown).metadata.generation ?? 0) > 1);
  });

  it('is applied, with conflicts where the number has another owner', async () => {
    await askOn(session, deployments, postJson(web('owned')));
    const scale = {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'owned' },
      spec: { replicas: 5 },
    };
    const path = `${deployments}/owned/scale?fieldManager=hpa`;
    const refused = await patch(path, scale);
    assert.equal(refused.status, 409);
    assert.match(
      jsonOf<Status>(refused).message ?? '',
      /conflict with "unknown" using apps\/v1: \.spec\.replicas$/,
    );
    assert.equal((await patch(`${path}&force=true`, scale)).status, 200);
    const shown = await askOn(session, `${deployments}/owned`);
    assert.deepEqual(managersOf(shown), ['hpa Apply scale', 'unknown Update']);
    const wrong = await patch(path, { ...scale, kind: 'Other' });
    assert.equal(wrong.status, 400);
  });

  it('of a version that has passed is refused', async () => {
    await askOn(session, deployments, postJson(web('stale')));
    const metadata = { resourceVersion: '1' };
    const answer = await patch(`${deployments}/stale/scale`, { metadata, spec: { replicas: 3 } }, merge);
    assert.equal(answer.status, 409);
  });
});
