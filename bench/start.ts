import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { createSocket } from 'node:dgram';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCluster } from '../src/cmd/up/data-dir.ts';
import { enterSandbox } from '../src/cmd/up/sandbox.ts';
import { endedWithUs, freePort } from '../src/testing/test-cluster.ts';
import { quantile, rounded, wholeOption, type Benchmark } from './figure.ts';
import { residentMegabytes } from './resident.ts';

const PORTICO = join(import.meta.dirname, '..', 'bin', 'portico');
const VIRTUAL_IP = '10.96.0.80';
const LIMIT_MS = 30_000;
const CALL_LIMIT_MS = 2000;

const manifest = {
  service: {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'my-service' },
    spec: { clusterIP: VIRTUAL_IP, selector: { app: 'MyApp' }, ports: [{ port: 80, targetPort: 9376 }] },
  },
  deployment: {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'my-app' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'MyApp' } },
      template: {
        metadata: { labels: { app: 'MyApp' } },
        spec: { containers: [{ name: 'echo', image: 'portico/echo', args: ['--port', '9376'] }] },
      },
    },
  },
};

/** A client on a node's network that prints a line with the first byte it gets through the virtual IP. */
const FIRST_BYTE = `
const net = require('node:net');
const attempt = () => {
  const socket = net.connect({ host: '${VIRTUAL_IP}', port: 80 });
  // Before the rules are there a packet is lost, not refused: it must not cost a second.
  socket.setTimeout(30, () => socket.destroy());
  socket.on('connect', () => socket.write('GET /hostname HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'));
  socket.once('data', () => { console.log('first byte'); process.exit(); });
  socket.on('error', () => undefined);
  socket.once('close', () => setTimeout(attempt, 5));
};
attempt();`;

async function until<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + LIMIT_MS;
  let failure: unknown;
  while (Date.now() < end) {
    const found = await probe().catch((error: unknown) => {
      failure = error;
      return undefined;
    });
    if (found !== undefined) return found;
    // A prober that never rests would take the processor from what it measures.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`gave up waiting for ${what} after ${LIMIT_MS} ms`, { cause: failure });
}

interface Call {
  readonly port: number;
  readonly path: string;
  readonly token?: string;
  readonly body?: object;
}

function callApi({ port, path, token, body }: Call): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const method = body === undefined ? 'GET' : 'POST';
    const options = {
      host: '127.0.0.1',
      port,
      path,
      method,
      headers,
      rejectUnauthorized: false,
      agent: false as const,
    };
    const call = request(options, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    call.setTimeout(CALL_LIMIT_MS, () =>
      call.destroy(new Error(`no answer to ${path} within ${CALL_LIMIT_MS} ms`)),
    );
    call.once('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A question for the A record of kubernetes.default.svc.cluster.local. */
const QUESTION = Buffer.concat([
  Buffer.from('123401000001000000000000', 'hex'),
  ...['kubernetes', 'default', 'svc', 'cluster', 'local'].map((l) =>
    Buffer.from([l.length, ...Buffer.from(l)]),
  ),
  Buffer.from('0000010001', 'hex'),
]);

function askDns(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const done = (answer: true | undefined): void => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => done(undefined), 20);
    socket.once('error', () => done(undefined));
    socket.once('message', (m) =>
      done((m.readUInt8(3) & 15) === 0 && m.readUInt16BE(6) > 0 ? true : undefined),
    );
    socket.send(QUESTION, port, '127.0.0.1');
  });
}

async function firstByte(root: string): Promise<ChildProcess> {
  const sandbox = await until('the sandbox', async () => {
    const found = readCluster(root)?.sandbox;
    return found !== undefined && existsSync(`/proc/${found.pid}/root${root}/run/netns/node-1`)
      ? found
      : undefined;
  });
  const inNode = [
    'nsenter',
    `--net=${root}/run/netns/node-1`,
    '--',
    process.execPath,
    '-e',
    FIRST_BYTE,
  ] as const;
  const [command, ...args] = enterSandbox(sandbox.pid, sandbox.hasUserNamespace, inNode);
  return spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] } });
}

async function measure(): Promise<Record<string, number>> {
  const root = mkdtempSync(join(tmpdir(), 'portico-bench-'));
  const [apiPort, dnsPort] = [await freePort(), await freePort()];
  const startedAt = performance.now();
  const since = (): number => performance.now() - startedAt;
  const ports = ['--api-port', String(apiPort), '--dns-port', String(dnsPort)];
  const [command, ...args] = endedWithUs([PORTICO, 'up', '--data-dir', root, ...ports]);
  const up = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => up.once('close', resolve));
  try {
    await until('the API', async () =>
      (await callApi({ port: apiPort, path: '/readyz' })) === 200 ? true : undefined,
    );
    const apiReady = since();
    const token = readFileSync(join(root, 'pki', 'admin.token'), 'utf8').trim();
    const post = (path: string, body: object): Promise<unknown> =>
      until(path, async () =>
        (await callApi({ port: apiPort, path, token, body })) === 201 ? true : undefined,
      );
    const dns = until('DNS', () => askDns(dnsPort)).then(since);
    await post('/api/v1/namespaces/default/services', manifest.service);
    await post('/apis/apps/v1/namespaces/default/deployments', manifest.deployment);
    const client = await firstByte(root);
    await new Promise((resolve) => client.stdout?.once('data', resolve));
    const reached = since();
    const dnsReady = await dns;
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const memory = residentMegabytes(up.pid ?? 0);
    return {
      api_ready: apiReady,
      dns_ready: dnsReady,
      first_byte: reached,
      rss: memory.proportional,
      rss_sum: memory.sum,
    };
  } finally {
    up.kill('SIGINT');
    await ended;
    rmSync(root, { recursive: true, force: true });
  }
}

/** From the command to each milestone, in a new data directory each time; medians over `--runs` (default 5). */
export const run: Benchmark['run'] = async function* (params) {
  const runs = wholeOption(params, 'runs', 5);
  await measure();
  const rows: Record<string, number>[] = [];
  for (let i = 0; i < runs; i++) rows.push(await measure());
  for (const metric of Object.keys(rows[0] ?? {})) {
    const value = rounded(
      quantile(
        rows.map((row) => row[metric] ?? NaN),
        0.5,
      ),
    );
    yield {
      metric,
      value,
      unit: metric.startsWith('rss') ? 'MB' : 'ms',
      params: { nodes: 3, pods: 3, runs },
    };
  }
};
