import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import type { IncomingMessage } from 'node:http';
import { createServer, get } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { Pod } from '../../api/core/v1/pod.ts';
import {
  createTestPki,
  jsonOf,
  overHttp2,
  postJson,
  startServer,
  statusOf,
} from '../fixtures/running-server.ts';
import type { Answer, Ask, Running, TestPki } from '../fixtures/running-server.ts';

let mine: TestPki;
let running: Running;
let agent: Server;
let followerGone = Promise.withResolvers<void>();

before(async () => {
  mine = await createTestPki();
  running = await startServer(mine.pki);
  const pair = mine.pki.nodes['node-1'];
  agent = createServer({ ...pair, ca: mine.pki.caCert, requestCert: true }, (request, response) => {
    if (request.url?.includes('follow') === true) {
      response.write('first\n');
      response.on('close', () => followerGone.resolve());
    } else response.end(`log of ${request.url}\n`);
  });
  await new Promise<void>((resolve) => agent.listen(0, '127.0.0.1', resolve));
});
after(async () => {
  agent.closeAllConnections();
  agent.close();
  await running.stop();
  await mine.remove();
});

const to = (path: string, options: Ask = {}): Promise<Answer> =>
  overHttp2(running.url + path, { ca: mine.pki.caCert, client: mine.pki.admin, ...options });
const put = (body: unknown): Ask => ({ ...postJson(body), method: 'PUT' });
const patch = (type: string, body: unknown): Ask => ({
  method: 'PATCH',
  headers: { 'content-type': `application/${type}+json` },
  body: JSON.stringify(body),
});
async function mustPost(path: string, body: unknown): Promise<void> {
  const answer = await to(path, postJson(body));
  assert.equal(answer.status, 201, answer.bytes.toString());
}

const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'a', image: 'host' }] },
};
const deployment = (name: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'x', operator: 'DoesNotExist' }] },
    template,
  },
});
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const pods = '/api/v1/namespaces/default/pods';
const pod = (name: string, containers = ['a']) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: containers.map((each) => ({ name: each, image: 'host' })) },
});

interface Scale {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly spec: { readonly replicas: number };
  readonly status: object;
}

test('a Scale shows what a Deployment wants and whom it counts', async () => {
  await mustPost(deployments, deployment('scaled'));
  const scale = jsonOf<Scale>(await to(`${deployments}/scaled/scale`));
  assert.deepEqual(
    [scale.kind, scale.apiVersion, scale.metadata.name, scale.spec, scale.status],
    ['Scale', 'autoscaling/v1', 'scaled', { replicas: 2 }, { replicas: 0, selector: 'app=web,!x' }],
  );
});

test('a Scale is replaced, and patched in every way', async () => {
  const path = `${deployments}/scaled/scale`;
  const scale = jsonOf<Scale>(await to(path));
  const replicas = async (options: Ask): Promise<number> => {
    const answer = await to(path, options);
    assert.equal(answer.status, 200, answer.bytes.toString());
    const { spec } = jsonOf<Scale>(await to(`${deployments}/scaled`));
    assert.equal(jsonOf<Scale>(answer).spec.replicas, spec.replicas);
    return spec.replicas;
  };
  assert.equal(await replicas(put({ ...scale, spec: { replicas: 3 } })), 3);
  assert.equal(await replicas(patch('merge-patch', { spec: { replicas: 4 } })), 4);
  assert.equal(await replicas(patch('strategic-merge-patch', { spec: { replicas: 5 } })), 5);
  assert.equal(await replicas(patch('json-patch', [{ op: 'replace', path: '/spec/replicas', value: 0 }])), 0);
});

test('the scale of what selects by labels alone names them', async () => {
  const path = '/api/v1/namespaces/default/replicationcontrollers';
  const spec = { replicas: 2, selector: { app: 'web' }, template };
  await mustPost(path, { apiVersion: 'v1', kind: 'ReplicationController', metadata: { name: 'old' }, spec });
  const scale = jsonOf<Scale>(await to(`${path}/old/scale`));
  assert.deepEqual([scale.spec, scale.status], [{ replicas: 2 }, { replicas: 0, selector: 'app=web' }]);
});

test('a scale is printed as a table', async () => {
  const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  await mustPost(deployments, deployment('printed'));
  const answer = await to(`${deployments}/printed/scale`, { headers: { accept } });
  const { kind, columnDefinitions, rows } = jsonOf<{
    kind: string;
    columnDefinitions: readonly { name: string }[];
    rows: readonly { cells: readonly unknown[] }[];
  }>(answer);
  const names = columnDefinitions.map(({ name }) => name);
  assert.deepEqual([kind, ...names], ['Table', 'Name', 'Desired', 'Available', 'Age']);
  assert.deepEqual(rows[0]?.cells.slice(0, 3), ['printed', 2, 0]);
});

const badScales: readonly [title: string, options: (scale: Scale) => Ask, code: number, reason: string][] = [
  [
    'a version that is no longer the last',
    (scale) => put({ ...scale, metadata: { ...scale.metadata, resourceVersion: '1' } }),
    409,
    'Conflict',
  ],
  ['fewer than none', (scale) => put({ ...scale, spec: { replicas: -1 } }), 422, 'Invalid'],
  ['half of one', (scale) => put({ ...scale, spec: { replicas: 1.5 } }), 400, 'BadRequest'],
  ['another name', (scale) => put({ ...scale, metadata: { name: 'other' } }), 400, 'BadRequest'],
  ['creating one', () => postJson({}), 405, 'MethodNotAllowed'],
];
for (const [title, options, code, reason] of badScales) {
  test(`a Scale: ${title} is ${code}`, async () => {
    const scale = jsonOf<Scale>(await to(`${deployments}/scaled/scale`));
    assert.deepEqual(statusOf(await to(`${deployments}/scaled/scale`, options(scale))), [code, reason]);
  });
}

test('a Scale of nothing is 404', async () => {
  assert.deepEqual(statusOf(await to(`${deployments}/none/scale`)), [404, 'NotFound']);
});

test('status is its own subresource', async () => {
  const answer = await to(
    `${deployments}/scaled/status`,
    patch('merge-patch', { status: { replicas: 7 }, spec: { replicas: 9 } }),
  );
  assert.equal(answer.status, 200, answer.bytes.toString());
  const { spec, status } = jsonOf<{ spec: { replicas: number }; status: { replicas: number } }>(
    await to(`${deployments}/scaled/status`),
  );
  assert.deepEqual([spec.replicas, status.replicas], [0, 7]);
});

test('a Pod is bound once', async () => {
  await mustPost(pods, pod('bound'));
  const binding = (name: string, kind = 'Node') =>
    postJson({ metadata: { name: 'bound' }, target: { kind, name } });
  const path = `${pods}/bound/binding`;
  assert.deepEqual(statusOf(await to(path, binding(''))), [422, 'Invalid']);
  assert.deepEqual(statusOf(await to(path, binding('node-1', 'Rack'))), [422, 'Invalid']);
  assert.deepEqual(statusOf(await to(path, postJson({ metadata: { name: 'x' }, target: { name: 'n' } }))), [
    400,
    'BadRequest',
  ]);
  const another = { metadata: { name: 'bound', uid: 'of-another' }, target: { name: 'node-1' } };
  assert.deepEqual(statusOf(await to(path, postJson(another))), [409, 'Conflict']);
  assert.equal(jsonOf<Pod>(await to(`${pods}/bound`)).spec.nodeName, undefined);
  const { uid } = jsonOf<Pod>(await to(`${pods}/bound`)).metadata;
  const done = await to(path, postJson({ metadata: { name: 'bound', uid }, target: { name: 'node-1' } }));
  assert.equal(done.status, 201, done.bytes.toString());
  assert.equal(jsonOf<Pod>(await to(`${pods}/bound`)).spec.nodeName, 'node-1');
  assert.deepEqual(statusOf(await to(path, binding('node-2'))), [409, 'Conflict']);
});

test('an eviction deletes the Pod, a dry one does not', async () => {
  await mustPost(pods, pod('evicted'));
  const path = `${pods}/evicted/eviction`;
  const evict = (dryRun: readonly string[]) =>
    to(
      path,
      postJson({
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'evicted' },
        deleteOptions: { gracePeriodSeconds: 0, dryRun },
      }),
    );
  const unnamed = await to(path, postJson({ apiVersion: 'policy/v1', kind: 'Eviction' }));
  assert.deepEqual(
    [statusOf(unnamed), jsonOf<{ message: string }>(unnamed).message],
    [[400, 'BadRequest'], 'name in URL does not match name in Eviction object'],
  );
  assert.equal((await evict(['All'])).status, 201);
  assert.equal((await to(`${pods}/evicted`)).status, 200);
  assert.equal((await evict([])).status, 201);
  assert.deepEqual(statusOf(await to(`${pods}/evicted`)), [404, 'NotFound']);
});

test("a log comes through the API server from the node, follows, and is refused in Kubernetes' words", async () => {
  const { port } = agent.address() as AddressInfo;
  await mustPost('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' }, spec: {} });
  const nodeStatus = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  };
  const told = await to('/api/v1/nodes/node-1/status', patch('merge-patch', { status: nodeStatus }));
  assert.equal(told.status, 200, told.bytes.toString());
  await mustPost(pods, pod('talks', ['a', 'b']));
  await mustPost(`${pods}/talks/binding`, { target: { name: 'node-1' } });
  const log = await to(`${pods}/talks/log?container=b&tailLines=3`);
  assert.deepEqual(
    [log.status, log.headers['content-type'], log.bytes.toString()],
    [200, 'text/plain', 'log of /containerLogs/default/talks/b?tailLines=3\n'],
  );
  const unnamed = await to(`${pods}/talks/log`);
  assert.deepEqual(
    [statusOf(unnamed), jsonOf<{ message: string }>(unnamed).message],
    [[400, 'BadRequest'], 'a container name must be specified for pod talks, choose one of: [a b]'],
  );
});

const follow = `${pods}/talks/log?container=a&follow=true`;

test('a follower that goes away is let go at the node, over HTTP/2', async () => {
  followerGone = Promise.withResolvers();
  const session = connect(running.url, { ca: mine.pki.caCert, ...mine.pki.admin });
  const stream = session.request({ ':path': follow });
  await once(stream, 'data');
  stream.close();
  await followerGone.promise;
  session.close();
});

test('a follower that goes away is let go at the node, over HTTP/1.1', async () => {
  followerGone = Promise.withResolvers();
  const request = get(running.url + follow, { ca: mine.pki.caCert, ...mine.pki.admin, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  await once(response, 'data');
  request.destroy();
  await followerGone.promise;
});

test('a log that is followed ends with the server', async () => {
  const session = connect(running.url, { ca: mine.pki.caCert, ...mine.pki.admin });
  const stream = session.request({ ':path': follow });
  const [first] = (await once(stream, 'data')) as [Buffer];
  assert.equal(first.toString(), 'first\n');
  const ended = once(stream, 'end');
  await running.stop();
  await ended;
  assert.deepEqual([stream.aborted, stream.rstCode], [false, 0], 'ended, not cut off');
});
