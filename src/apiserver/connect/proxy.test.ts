import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { realClock } from '../../base/clock.ts';
import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { ApiError, notFound } from '../../api/errors/api-error.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import { parseCidr } from '../../net/cidr.ts';
import type { Call } from '../http/call.ts';
import type { HttpRequest, HttpResponse } from '../http/message.ts';
import { createStreams } from '../http/streams.ts';
import { parseRequestInfo } from '../request-info.ts';
import { proxyRequest } from './proxy.ts';
import type { ProxyOptions } from './proxy.ts';

let backend: Server;
let port = 0;
let respond: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
const seen: IncomingMessage[] = [];

before(async () => {
  backend = createServer((request, response) => {
    seen.push(request);
    respond(request, response);
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  ({ port } = backend.address() as AddressInfo);
});
after(() => {
  backend.closeAllConnections();
  backend.close();
});

const podAt = (ip: string): Pod => ({
  metadata: { name: 'p', namespace: 'd' },
  spec: { containers: [{ name: 'c', ports: [{ containerPort: port }] }] },
  status: { podIPs: [{ ip }] },
});

const slice = (endpoints: readonly object[]): EndpointSlice =>
  ({
    metadata: { name: 's-1' },
    addressType: 'IPv4',
    ports: [{ name: 'web', port }],
    endpoints,
  }) as unknown as EndpointSlice;
const target = { kind: 'Pod', name: 'p', namespace: 'd' };
const good = { addresses: ['127.0.0.1'], conditions: { ready: true }, targetRef: target };

interface World {
  readonly podIp?: string;
  readonly slices?: readonly EndpointSlice[];
  readonly isLoopbackAllowed?: boolean;
}

function ask(path: string, request: Partial<HttpRequest> = {}, world: World = {}): Promise<HttpResponse> {
  const { podIp = '127.0.0.1', slices = [slice([good])], isLoopbackAllowed = true } = world;
  const method = request.method ?? 'GET';
  const info = parseRequestInfo(method, path.split('?')[0] ?? '', new URLSearchParams());
  assert.ok(info?.isResource === true);
  const service = {
    metadata: { name: 's' },
    spec: { ports: [{ name: 'web', port: 80 }] },
  } as unknown as Service;
  const node = {
    metadata: { name: 'n' },
    status: { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }] },
  };
  const named = <T>(name: string, object: T) => ({
    get: (_: unknown, wanted: string) =>
      wanted === name ? Promise.resolve(object) : Promise.reject(notFound(podKind, wanted)),
  });
  const options: ProxyOptions = {
    pods: named('p', podAt(podIp)),
    services: named('s', service),
    nodes: named('n', node as unknown as Node),
    endpointSlices: { list: () => Promise.resolve({ items: slices, resourceVersion: '1' }) },
    kubelet: undefined,
    streams: createStreams(realClock),
    allowedEndpointCidrs: isLoopbackAllowed ? [parseCidr('127.0.0.0/8')].flatMap((c) => c ?? []) : [],
  };
  const full: HttpRequest = {
    method,
    path,
    headers: { host: 'api:6443' },
    remoteAddress: '192.0.2.9',
    signal: new AbortController().signal,
    ...request,
  };
  const call = { info, request: full, query: new URLSearchParams(), user: { name: 'me', groups: [] } };
  return proxyRequest(options, call as unknown as Call, []);
}

const bodyOf = (response: HttpResponse): Promise<string> =>
  typeof response.body === 'string'
    ? Promise.resolve(response.body)
    : text(response.body as AsyncIterable<Buffer>);

const BASE = '/api/v1/namespaces/d';

test('a request goes on with its method, path, query and body, without credentials and hop-by-hop headers', async () => {
  respond = (request, response) => {
    void text(request).then((body) =>
      response.writeHead(207, { 'x-own': 'yes', 'keep-alive': 'x' }).end(body),
    );
  };
  const headers = {
    host: 'api:6443',
    authorization: 'Bearer secret',
    'impersonate-user': 'x',
    connection: 'x-drop',
    'x-drop': '1',
    'x-keep': '2',
    te: 'trailers, deflate',
  };
  const response = await ask(`${BASE}/pods/p/proxy/a%2Fb/?c=d%20e`, {
    method: 'PATCH',
    headers,
    body: 'sent',
  });
  assert.deepEqual([response.status, await bodyOf(response)], [207, 'sent']);
  assert.equal(response.headers['x-own'], 'yes');
  assert.equal(response.headers['keep-alive'], undefined);
  const got = seen.at(-1);
  assert.equal(got?.url, '/a%2Fb/?c=d%20e');
  const sent = got.headers;
  assert.deepEqual(
    [sent.authorization, sent['impersonate-user'], sent['x-drop'], sent['x-keep'], sent.te],
    [undefined, undefined, undefined, '2', 'trailers'],
  );
  assert.equal(sent['x-forwarded-for'], '192.0.2.9');
  assert.equal(sent['x-forwarded-uri'], `${BASE}/pods/p/proxy/a%2Fb/`);
  assert.equal(sent['x-forwarded-host'], 'api:6443');
});

for (const method of ['GET', 'HEAD']) {
  test(`${method} without a slash is sent to the path with one`, async () => {
    const response = await ask(`${BASE}/services/s:web/proxy?x=1`, { method });
    assert.deepEqual(
      [response.status, response.headers['location']],
      [301, `${BASE}/services/s:web/proxy/?x=1`],
    );
  });
}

test('POST without a slash goes to the root', async () => {
  respond = (request, response) => response.end(request.url);
  assert.equal(await bodyOf(await ask(`${BASE}/pods/p/proxy`, { method: 'POST' })), '/');
});

test('redirects and links lead through the proxy, in packed pages too; grants to other sites do not', async () => {
  respond = (_, response) =>
    response.writeHead(302, { location: '/login', 'access-control-allow-origin': '*' }).end();
  const redirect = await ask(`${BASE}/pods/p/proxy/`);
  assert.equal(redirect.headers['location'], `${BASE}/pods/p/proxy/login`);
  assert.equal(redirect.headers['access-control-allow-origin'], undefined);
  respond = (_, response) =>
    response
      .writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'content-encoding': 'gzip',
        'content-length': String(gzipSync('<a href="/x">').length),
      })
      .end(gzipSync('<a href="/x">'));
  const page = await ask(`${BASE}/pods/p/proxy/`);
  assert.equal(page.headers['content-length'], undefined);
  const chunks: Buffer[] = [];
  for await (const chunk of page.body as AsyncIterable<Buffer>) chunks.push(chunk);
  assert.equal(gunzipSync(Buffer.concat(chunks)).toString(), `<a href="${BASE}/pods/p/proxy/x">`);
});

test('a Service is reached by port name and number', async () => {
  respond = (request, response) => response.end(request.url);
  for (const id of ['s:web', 's:80', 'http:s:web']) {
    assert.equal(await bodyOf(await ask(`${BASE}/services/${id}/proxy/x`)), '/x', id);
  }
});

const refusals: Readonly<
  Record<string, readonly [path: string, code: number, message: RegExp, world?: World]>
> = {
  'a scheme that is none': [`${BASE}/pods/ftp:p:80/proxy/`, 400, /^invalid pod request "ftp:p:80"$/],
  'a port that leads elsewhere': [
    `${BASE}/pods/p:80@127.0.0.1/proxy/`,
    400,
    /^invalid pod request "p:80@127\.0\.0\.1"$/,
    { podIp: '10.0.0.1', isLoopbackAllowed: false },
  ],
  'a port of a node that leads elsewhere': [
    '/api/v1/nodes/n:80%2F..@localhost/proxy/',
    400,
    /^invalid node request "n:80\/\.\.@localhost"$/,
  ],
  'a port that there cannot be': [
    `${BASE}/pods/https:p:65536/proxy/`,
    400,
    /^invalid pod request "https:p:65536"$/,
  ],
  'too many parts': [`${BASE}/services/a:b:c:d/proxy/`, 400, /^invalid service request "a:b:c:d"$/],
  'a Pod that is not there': [`${BASE}/pods/q/proxy/`, 404, /"q" not found/],
  'a Pod on the loopback': [
    `${BASE}/pods/p/proxy/`,
    400,
    /^address not allowed$/,
    { isLoopbackAllowed: false },
  ],
  'a Pod at the metadata address': [
    `${BASE}/pods/p/proxy/`,
    400,
    /^address not allowed$/,
    { podIp: '169.254.169.254' },
  ],
  'a Pod without an address': [`${BASE}/pods/p/proxy/`, 400, /^address not allowed$/, { podIp: '' }],
  'a Pod that does not answer': [
    `${BASE}/pods/p:1/proxy/`,
    503,
    /^error trying to reach service: connect ECONNREFUSED/,
  ],
  'a port number the Service has not': [
    `${BASE}/services/s:81/proxy/`,
    503,
    /^no service port 81 found for service "s"$/,
  ],
  'a port name the Service has not': [
    `${BASE}/services/s:x/proxy/`,
    503,
    /^no endpoints available for service "s:x"$/,
  ],
  'a Service without slices': [
    `${BASE}/services/s:web/proxy/`,
    503,
    /^no endpoints available for service "s"$/,
    { slices: [] },
  ],
  'endpoints that are not ready': [
    `${BASE}/services/s:web/proxy/`,
    503,
    /^no endpoints available for service "s:web"$/,
    { slices: [slice([{ ...good, conditions: { ready: false } }])] },
  ],
  'endpoints that are no Pods': [
    `${BASE}/services/s:web/proxy/`,
    503,
    /no endpoints available/,
    { slices: [slice([{ addresses: ['127.0.0.1'] }])] },
  ],
  'endpoints of another namespace’s Pods': [
    `${BASE}/services/s:web/proxy/`,
    503,
    /no endpoints available/,
    { slices: [slice([{ ...good, targetRef: { ...target, namespace: 'x' } }])] },
  ],
  'endpoints whose Pod has another address': [
    `${BASE}/services/s:web/proxy/`,
    503,
    /no endpoints available/,
    { slices: [slice([{ ...good, addresses: ['127.0.0.2'] }])] },
  ],
  'a node’s agent without a certificate for it': [
    '/api/v1/nodes/n/proxy/healthz',
    503,
    /no client certificate/,
  ],
};
for (const [what, [path, code, message, world]] of Object.entries(refusals)) {
  test(`refused: ${what}`, async () => {
    await assert.rejects(ask(path, {}, world), (error: unknown) => {
      assert.ok(error instanceof ApiError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  });
}
