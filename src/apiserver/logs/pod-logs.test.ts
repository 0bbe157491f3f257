import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { realClock } from '../../base/clock.ts';
import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { ApiError } from '../../api/errors/api-error.ts';
import { createPki } from '../pki/pki.ts';
import type { Pki } from '../pki/pki.ts';
import type { RequestScope } from '../rest/rest.ts';
import { logOptions } from './log-options.ts';
import { createPodLogs, pickContainer } from './pod-logs.ts';

const scope: RequestScope = {
  namespace: 'default',
  user: { name: 'admin', groups: [] },
  warnings: [],
  signal: new AbortController().signal,
  fieldValidation: 'Ignore',
  isDryRun: false,
  fieldManager: 'test',
};
const query = (text = '') => new URLSearchParams(text);
const refused = (code: number, message: string | RegExp) => (error: unknown) =>
  error instanceof ApiError &&
  error.code === code &&
  (typeof message === 'string' ? error.message === message : message.test(error.message));

function pod(
  names: readonly string[],
  changes: { nodeName?: string; init?: readonly string[]; status?: Pod['status'] } = {},
): Pod {
  const { nodeName, init = [], status } = changes;
  return {
    metadata: { name: 'p', namespace: 'default' },
    spec: {
      containers: names.map((name) => ({ name })),
      initContainers: init.map((name) => ({ name })),
      ...(nodeName === undefined ? {} : { nodeName }),
    },
    ...(status === undefined ? {} : { status }),
  };
}

test('the only container need not be named', () => {
  assert.equal(pickContainer(pod(['a'], { init: ['i'] }), ''), 'a');
  assert.equal(pickContainer(pod(['a', 'b'], { init: ['i'] }), 'i'), 'i');
});

const choices: readonly [title: string, pod: Pod, wanted: string, message: string][] = [
  [
    'two to choose from',
    pod(['a', 'b']),
    '',
    'a container name must be specified for pod p, choose one of: [a b]',
  ],
  [
    'init containers as well',
    pod(['a', 'b'], { init: ['i'] }),
    '',
    'a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]',
  ],
  ['one that is not there', pod(['a']), 'x', 'container x is not valid for pod p'],
];
for (const [title, from, wanted, message] of choices) {
  test(`container: ${title} is refused`, () =>
    assert.throws(() => pickContainer(from, wanted), refused(400, message)));
}

test('the agent is asked for what the client asked for', () => {
  const options = logOptions(
    query('container=a&follow=true&previous=0&tailLines=5&limitBytes=9&sinceSeconds=1&timestamps=1'),
    'p',
  );
  assert.equal(
    options.agentQuery.toString(),
    'follow=true&timestamps=true&tailLines=5&limitBytes=9&sinceSeconds=1',
  );
  assert.equal(options.isPrevious, false);
  assert.equal(
    logOptions(query('sinceTime=2030-01-01T00:00:00Z'), 'p').agentQuery.get('sinceTime'),
    '2030-01-01T00:00:00Z',
  );
});

const badOptions: readonly [text: string, code: number, message: RegExp][] = [
  ['tailLines=-1', 422, /tailLines: Invalid value: -1: must be greater than or equal to 0/],
  ['limitBytes=0', 422, /limitBytes: Invalid value: 0: must be greater than 0/],
  ['sinceSeconds=0', 422, /sinceSeconds: Invalid value: 0/],
  ['sinceTime=yesterday', 422, /sinceTime: Invalid value: "yesterday"/],
  ['sinceTime=2030-01-01T00:00:00Z&sinceSeconds=1', 422, /at most one of/],
  ['tailLines=x', 400, /tailLines must be an integer/],
];
for (const [text, code, message] of badOptions) {
  test(`log options: ${text} is refused`, () =>
    assert.throws(() => logOptions(query(text), 'p'), refused(code, message)));
}

let pki: Pki;
let agent: Server;
let dir: string;
const seen: { url: string; peer: string }[] = [];
let respond: (request: IncomingMessage, response: ServerResponse) => void = (_, response) =>
  response.end('hello\n');

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'portico-logs-'));
  const nodes = [{ name: 'node-1', addresses: ['127.0.0.1'] }];
  pki = await createPki({ dir, nodes, apiServerHosts: ['127.0.0.1'], clock: realClock });
  const pair = pki.nodes['node-1'];
  agent = createServer(
    { ...pair, ca: pki.caCert, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      seen.push({ url: request.url ?? '', peer: String(subject.CN) });
      respond(request, response);
    },
  );
  await new Promise<void>((resolve) => agent.listen(0, '127.0.0.1', resolve));
});
after(async () => {
  agent.closeAllConnections();
  agent.close();
  await rm(dir, { recursive: true, force: true });
});

function logs(address = '127.0.0.1') {
  const { port } = agent.address() as AddressInfo;
  const node = {
    metadata: { name: 'node-1' },
    status: {
      addresses: [{ type: 'InternalIP', address }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    },
  } as unknown as Node;
  return createPodLogs({
    nodes: { get: () => Promise.resolve(node) },
    kubelet: { ...pki.kubeletClient, ca: pki.caCert },
  });
}

async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  let result = '';
  for await (const chunk of body) result += Buffer.from(chunk).toString();
  return result;
}

const running = { containerStatuses: [{ name: 'a', state: { running: {} } }] } as unknown as Pod['status'];
const waiting = {
  containerStatuses: [{ name: 'a', state: { waiting: { reason: 'ImagePullBackOff' } } }],
} as unknown as Pod['status'];

test("a log comes from the agent of the node, which sees the API server's certificate", async () => {
  const { contentType, body } = await logs()(scope, pod(['a'], { nodeName: 'node-1' }), query('tailLines=1'));
  assert.equal(contentType, 'text/plain');
  assert.equal(await text(body), 'hello\n');
  assert.deepEqual(seen.at(-1), {
    url: '/containerLogs/default/p/a?tailLines=1',
    peer: 'kube-apiserver-kubelet-client',
  });
});

test('a Pod without a node has an empty log', async () => {
  const { body } = await logs()(scope, pod(['a']), query());
  assert.equal(await text(body), '');
});

test('following ends when the reader goes', async () => {
  const closed = Promise.withResolvers<void>();
  respond = (request, response) => {
    request.socket.on('close', () => closed.resolve());
    response.write('one\n');
  };
  const reader = new AbortController();
  const { body } = await logs()(
    { ...scope, signal: reader.signal },
    pod(['a'], { nodeName: 'node-1' }),
    query('follow=1'),
  );
  const iterator = body[Symbol.asyncIterator]();
  assert.equal(Buffer.from((await iterator.next()).value as Uint8Array).toString(), 'one\n');
  reader.abort();
  await assert.rejects(iterator.next());
  await closed.promise;
});

const refusals: readonly [
  title: string,
  status: number,
  said: string,
  pod: Pod,
  ask: string,
  code: number,
  message: RegExp,
][] = [
  [
    'what the agent says is passed on',
    400,
    'container "a" in pod "p" is waiting to start: CrashLoopBackOff',
    pod(['a'], { nodeName: 'node-1', status: running }),
    '',
    400,
    /^container "a" in pod "p" is waiting to start: CrashLoopBackOff$/,
  ],
  [
    'a Pod the agent does not know yet is being made',
    404,
    '',
    pod(['a'], { nodeName: 'node-1' }),
    '',
    400,
    /^container "a" in pod "p" is waiting to start: ContainerCreating$/,
  ],
  [
    'a Pod that waits says why',
    404,
    '',
    pod(['a'], { nodeName: 'node-1', status: waiting }),
    '',
    400,
    /is waiting to start: ImagePullBackOff$/,
  ],
  [
    'there was no container before',
    404,
    '',
    pod(['a'], { nodeName: 'node-1', status: running }),
    'previous=1',
    400,
    /^previous terminated container "a" in pod "p" not found$/,
  ],
  [
    'a failing agent is an internal error',
    500,
    'disk on fire',
    pod(['a'], { nodeName: 'node-1', status: running }),
    '',
    500,
    /disk on fire/,
  ],
];
for (const [title, status, said, from, ask, code, message] of refusals) {
  test(`log refusal: ${title}`, async () => {
    respond = (_, response) => response.writeHead(status).end(said);
    await assert.rejects(logs()(scope, from, query(ask)), refused(code, message));
  });
}

test('a node that does not answer, or answers with another name, is an internal error', async () => {
  respond = (_, response) => response.end('never');
  const from = pod(['a'], { nodeName: 'node-1' });
  await assert.rejects(logs('127.0.0.2')(scope, from, query()), refused(500, /Get "https:\/\/127\.0\.0\.2:/));
  const noAddress = createPodLogs({
    nodes: { get: () => Promise.resolve({ metadata: { name: 'node-1' } } as Node) },
    kubelet: { ...pki.kubeletClient, ca: pki.caCert },
  });
  await assert.rejects(noAddress(scope, from, query()), refused(500, /node node-1 has no address/));
});

test('without a certificate for agents there are no logs', async () => {
  const none = createPodLogs({
    nodes: { get: () => Promise.reject(new Error('not asked')) },
    kubelet: undefined,
  });
  await assert.rejects(
    none(scope, pod(['a'], { nodeName: 'node-1' }), query()),
    refused(503, /no client certificate/),
  );
});
