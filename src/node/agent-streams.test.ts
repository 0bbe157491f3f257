import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { pods } from '../api/core/v1/pod.ts';
import { services } from '../api/core/v1/service.ts';
import { endpointSlices } from '../api/discovery/v1/endpoint-slice.ts';
import { startServer, type Running } from '../apiserver/fixtures/running-server.ts';
import { createPki, type Pki } from '../apiserver/pki/pki.ts';
import { realClock } from '../base/clock.ts';
import { createClient, type Client } from '../client/client.ts';
import { createHttpTransport } from '../client/http-transport.ts';
import { enterSandboxNode, eventually, isReady, podIs, script } from '../testing/agent-rig.ts';
import { inSandbox } from '../testing/sandbox.ts';

inSandbox(import.meta.filename);

const PODS = '/api/v1/namespaces/default/pods';
const STDOUT = 1;
const RESIZE = 4;

/** What a WebSocket of Kubernetes' streams has said so far, by channel. */
interface Talk {
  readonly web: WebSocket;
  readonly protocol: string;
  said(channel?: number): string;
  type(line: string): void;
  resize(width: number, height: number): void;
  readonly closed: Promise<void>;
}

describe('streams by way of the API server', () => {
  const { root, config } = enterSandboxNode();
  let pki: Pki;
  let server: Running;
  let agent: ChildProcess | undefined;
  let client: Client;
  let closeClient = (): void => undefined;
  const access = () => ({ server: server.url, ca: pki.caCert, ...pki.admin });
  const startAgent = async (): Promise<void> => {
    const main = join(import.meta.dirname, '..', 'testing', 'agent-process.ts');
    const own = pki.nodes[config.nodeName];
    assert.ok(own !== undefined);
    const kubeletTls = { ...own, clientCA: pki.caCert };
    const input = JSON.stringify({
      config: { ...config, kubeletPort: 10_250, kubeletTls },
      access: access(),
    });
    const child = spawn(process.execPath, [main, input], { stdio: ['ignore', 'pipe', 'inherit'] });
    agent = child;
    await new Promise((resolve) => child.stdout.once('data', resolve));
  };
  const killAgent = async (): Promise<void> => {
    agent?.kill('SIGKILL');
    await new Promise((resolve) => agent?.once('exit', resolve));
  };
  before(async () => {
    const nodes = [{ name: config.nodeName, addresses: [config.nodeIP] }];
    pki = await createPki({ dir: join(root, 'pki'), nodes, apiServerHosts: ['127.0.0.1'], clock: realClock });
    server = await startServer(pki);
    const transport = createHttpTransport(access(), { clock: realClock });
    closeClient = () => transport.close();
    client = createClient(transport);
    await startAgent();
  });
  after(async () => {
    agent?.kill('SIGKILL');
    closeClient();
    await server.stop();
  });

  const rig = () => ({ api: { client, stop: () => Promise.resolve() } });
  const create = (name: string, container: ReturnType<typeof script>) =>
    client.create(pods, {
      metadata: { name, namespace: 'default', labels: { app: name } },
      spec: { nodeName: 'node-1', terminationGracePeriodSeconds: 1, containers: [container] },
    });
  const open = (path: string, protocols: readonly string[]): Promise<WebSocket> =>
    new Promise((resolve, reject) => {
      const url = `${server.url.replace('https', 'wss')}${path}`;
      const web = new WebSocket(url, [...protocols], { ca: pki.caCert, ...pki.admin });
      web.once('open', () => resolve(web));
      web.once('error', reject);
    });
  const talk = async (path: string, protocols = ['v5.channel.k8s.io']): Promise<Talk> => {
    const web = await open(path, protocols);
    const channels = new Map<number, string>();
    web.on('message', (data: Buffer) => {
      const channel = data[0] ?? 0;
      channels.set(channel, (channels.get(channel) ?? '') + data.subarray(1).toString());
    });
    const send = (channel: number, content: string): void =>
      web.send(Buffer.concat([Buffer.from([channel]), Buffer.from(content)]));
    return {
      web,
      protocol: web.protocol,
      said: (channel = STDOUT) => channels.get(channel) ?? '',
      type: (line) => send(0, `${line}\n`),
      resize: (Width, Height) => send(RESIZE, JSON.stringify({ Width, Height })),
      closed: new Promise((resolve) => web.once('close', () => resolve())),
    };
  };
  const until = (what: string, isSo: () => boolean): Promise<true> =>
    eventually(() => Promise.resolve(isSo() ? (true as const) : undefined)).catch(() => assert.fail(what));

  it('a terminal goes on with the next agent when one is killed', async () => {
    await create('shell', script('', { command: ['sh'], stdin: true, tty: true }));
    await podIs(rig(), 'shell', [isReady]);
    const path = `${PODS}/shell/attach?stdin=true&stdout=true&tty=true`;
    const first = await talk(path);
    first.resize(90, 30);
    first.type('kept=here; stty size');
    await until(`its size in ${JSON.stringify(first.said())}`, () => first.said().includes('30 90'));
    await killAgent();
    await first.closed;

    await startAgent();
    const pod = await podIs(rig(), 'shell', [isReady]);
    assert.equal(pod.status?.containerStatuses?.[0]?.restartCount, 0);
    const next = await talk(path);
    next.resize(101, 41);
    next.type('echo found $kept; stty size; echo to-the-log');
    await until(`what was kept in ${JSON.stringify(next.said())}`, () => next.said().includes('found here'));
    await until(`its new size in ${JSON.stringify(next.said())}`, () => next.said().includes('41 101'));
    next.web.close();
    const log = await eventually(async () => {
      const all = await get(`${PODS}/shell/log`);
      return /^to-the-log\r?$/m.test(all) ? all : undefined;
    });
    assert.match(log, /30 90/);
    await client.delete(pods, { namespace: 'default', name: 'shell' });
  });

  /** What the server answers to a GET until it ends, or until it breaks. */
  const get = (path: string, hear: (said: string) => void = () => undefined): Promise<string> =>
    new Promise((resolve, reject) => {
      const { origin } = new URL(server.url);
      request(`${origin}${path}`, { ca: pki.caCert, ...pki.admin, agent: false }, (response) => {
        let said = '';
        response.on('data', (chunk: Buffer) => hear((said += chunk.toString())));
        response.once('close', () => resolve(said));
        response.once('error', () => resolve(said));
      })
        .once('error', reject)
        .end();
    });

  /** The numbers of a log; the shell may say at last that it was terminated. */
  const linesOf = (log: string): readonly number[] => (log.match(/^\d+$/gm) ?? []).map(Number);

  it('who follows a log is cut off with the agent, and misses nothing with the next one', async () => {
    await create('counter', script('i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done'));
    await podIs(rig(), 'counter', [isReady]);
    const path = `${PODS}/counter/log?follow=true`;
    let heard = '';
    const following = get(path, (said) => (heard = said));
    await until('some lines', () => heard.split('\n').length > 5);
    await killAgent();
    const first = linesOf(await following);
    await startAgent();
    await podIs(rig(), 'counter', [isReady]);
    let again = '';
    const rest = get(path, (said) => (again = said));
    await until('more lines', () => again.split('\n').length > first.length + 20);
    await client.delete(pods, { namespace: 'default', name: 'counter' });
    const lines = linesOf(await rest);
    assert.deepEqual(lines, [...lines.keys()], 'no line is missing or twice');
    assert.deepEqual(first, lines.slice(0, first.length));
  });

  it('a WebSocket to what runs in a Pod passes the proxies', async () => {
    const main = join(root, 'echo.mjs');
    const ws = createRequire(import.meta.url).resolve('ws');
    writeFileSync(
      main,
      `import ws from ${JSON.stringify(ws)};
       const server = new ws.WebSocketServer({ port: 8080, host: process.env.HOST_IP });
       server.on('connection', (web, { url, headers }) => {
         const { authorization = '' } = headers;
         web.send(JSON.stringify([url, headers['x-forwarded-uri'], authorization, headers['sec-websocket-protocol']]));
         web.on('message', (data, isBinary) => web.send(data, { binary: isBinary }));
       });`,
    );
    const container = script('', {
      command: [process.execPath, main],
      ports: [{ containerPort: 8080 }],
      readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
    });
    await create('web', container);
    const pod = await podIs(rig(), 'web', [isReady]);
    await client.create(services, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    });
    await client.create(endpointSlices, {
      metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [
        {
          addresses: [pod.status?.podIP ?? ''],
          conditions: { ready: true },
          targetRef: { kind: 'Pod', namespace: 'default', name: 'web' },
        },
      ],
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    });
    // A node's own port: of this process, which is in the node's network.
    const own = new WebSocketServer({ host: config.nodeIP, port: 8081 });
    own.on('connection', (web, { url = '', headers }) => {
      const { authorization = '' } = headers;
      const protocols = headers['sec-websocket-protocol'];
      web.send(JSON.stringify([url, String(headers['x-forwarded-uri']), authorization, protocols]));
      web.on('message', (data, isBinary) => web.send(Buffer.concat([data as Buffer]), { binary: isBinary }));
    });
    const prefixes = [
      `${PODS}/web/proxy`,
      `${PODS}/web:8080/proxy`,
      '/api/v1/namespaces/default/services/web:http/proxy',
      '/api/v1/namespaces/default/services/web:80/proxy',
      '/api/v1/nodes/node-1:8081/proxy',
    ];
    for (const prefix of prefixes) {
      const got: Buffer[] = [];
      const url = `${server.url.replace('https', 'wss')}${prefix}/deep/path?q=1`;
      const headers = { authorization: 'Bearer not-for-the-pod' };
      const token = `base64url.bearer.authorization.k8s.io.${Buffer.from(pki.adminToken).toString('base64url')}`;
      // Half of them prove who they are as a program in a browser must: what is behind must not see it.
      const isBrowser = prefix.includes(':');
      const web = isBrowser
        ? new WebSocket(url, [token, 'chat.example'], { ca: pki.caCert })
        : new WebSocket(url, ['chat.example'], { ca: pki.caCert, ...pki.admin, headers });
      web.on('message', (data: Buffer) => got.push(data));
      await new Promise((resolve, reject) => void web.once('open', resolve).once('error', reject));
      const large = Buffer.alloc(300_000, 7);
      web.send('text');
      web.send(large);
      await until(`${prefix}: three messages`, () => got.length === 3);
      assert.deepEqual(JSON.parse(String(got[0])), [
        '/deep/path?q=1',
        `${prefix}/deep/path`,
        '',
        'chat.example',
      ]);
      assert.equal(String(got[1]), 'text');
      assert.deepEqual(got[2], large);
      const closed = new Promise<number>((resolve) => web.once('close', resolve));
      web.close(4001, 'done');
      assert.equal(await closed, 4001, 'the other side has answered the close');
    }
    own.close();
  });

  for (const protocol of ['v5.channel.k8s.io', 'v4.channel.k8s.io']) {
    it(`a command runs by way of nodes/proxy, in ${protocol}`, async () => {
      const path = '/api/v1/nodes/node-1/proxy/exec/default/web/main';
      const running = await talk(`${path}?output=1&error=1&command=echo&command=said`, [protocol]);
      await running.closed;
      assert.equal(running.protocol, protocol);
      assert.equal(running.said(), 'said\n');
      assert.equal((JSON.parse(running.said(3)) as { status: string }).status, 'Success');
    });
  }

  it('an upgrade to SPDY passes the proxy of a node, and bytes flow both ways', async () => {
    const path = '/api/v1/nodes/node-1/proxy/exec/default/web/main?output=1&command=true';
    const { origin } = new URL(server.url);
    const asked = request(`${origin}${path}`, {
      method: 'POST',
      ca: pki.caCert,
      ...pki.admin,
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: 'SPDY/3.1',
        'x-stream-protocol-version': 'v4.channel.k8s.io',
      },
    });
    const answered = new Promise<readonly [string | undefined, Buffer]>((resolve, reject) => {
      asked.once('upgrade', ({ headers, statusCode }, socket, head) => {
        assert.equal(statusCode, 101);
        const parts: Buffer[] = [head];
        // PING 1 of SPDY/3.1: what answers it has read it.
        socket.write(Buffer.from('8003000600000004' + '00000001', 'hex'));
        socket.on('data', (chunk: Buffer) => {
          parts.push(chunk);
          const all = Buffer.concat(parts);
          if (!all.includes(Buffer.from('8003000600000004' + '00000001', 'hex'))) return;
          resolve([headers['x-stream-protocol-version'] as string | undefined, all]);
          socket.destroy();
        });
      });
      asked.once('response', (response) => void text(response).then((said) => reject(new Error(said))));
      asked.once('error', reject);
    });
    asked.end();
    assert.equal((await answered)[0], 'v4.channel.k8s.io');
  });
});
