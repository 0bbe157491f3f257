import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { nodeHttp } from '../../base/node-http.ts';
import { messageOf } from '../../base/thrown.ts';
import type { NodeConfig } from '../config.ts';
import { readLog, type LogOptions } from '../logs/read-log.ts';
import type { ContainerRecord, PodRecord } from '../pods/model.ts';
import type { PodSet } from '../pods/pod-set.ts';
import type { PodWorker } from '../pods/pod-worker.ts';
import type { ContainerRuntime } from '../runtime/model.ts';
import type { Upgrade } from '../streaming/web-socket.ts';
import { Refusal } from './refusal.ts';

export interface KubeletServerOptions {
  readonly tls: NonNullable<NodeConfig['kubeletTls']>;
  readonly host: string;
  /** 0 chooses one. */
  readonly port: number;
  readonly stateDir: string;
  readonly podSet: Pick<PodSet, 'workers'>;
  readonly clock: Clock;
  readonly runtime: Pick<ContainerRuntime, 'openExec'>;
  readonly hasPodNetwork: boolean;
}

export interface KubeletServer {
  readonly port: number;
  close(): void;
}

const podVersion = { kind: 'Pod', apiVersion: 'v1' } as const;

const flag = (query: URLSearchParams, name: string): boolean => ['true', '1'].includes(query.get(name) ?? '');

/** A number of the query; undefined when it is not given. Throws Refusal 400 for text that is none. */
function count(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Refusal(400, `${name}: not a number: ${text}`);
  return value;
}

/** Reads the query of /containerLogs. Throws Refusal 400. */
export function logOptions(
  query: URLSearchParams,
  nowMs: number,
): LogOptions & { readonly isPrevious: boolean } {
  const since = count(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const sinceMs =
    since !== undefined ? nowMs - since * 1000 : sinceTime !== null ? Date.parse(sinceTime) : undefined;
  if (Number.isNaN(sinceMs)) throw new Refusal(400, `sinceTime: not a time: ${sinceTime ?? ''}`);
  const tailLines = count(query, 'tailLines');
  const limitBytes = count(query, 'limitBytes');
  return {
    isFollowing: flag(query, 'follow'),
    hasTimestamps: flag(query, 'timestamps'),
    isPrevious: flag(query, 'previous'),
    ...(tailLines !== undefined && { tailLines }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...(sinceMs !== undefined && { sinceMs }),
  };
}

/**
 * The part of the kubelet's API that the API server needs: `/containerLogs/NAMESPACE/POD/CONTAINER`, `/pods` (a PodList), `/healthz`. Who has no certificate of the
 * cluster's client CA gets no further than TLS.
 */
export async function serveKubelet(options: KubeletServerOptions): Promise<KubeletServer> {
  const { tls, host, port } = options;
  const { cert, key, clientCA } = tls;
  const streams = new Set<Duplex>();
  const server = createServer({ cert, key, ca: clientCA, requestCert: true, rejectUnauthorized: true });
  server.on('request', (request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      if (response.headersSent) return void response.destroy();
      response.statusCode = error instanceof Refusal ? error.status : 500;
      response.setHeader('content-type', 'text/plain; charset=utf-8');
      response.end(messageOf(error));
    });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined);
    streams.add(socket);
    socket.on('close', () => streams.delete(socket));
    serveStream(options, { request, socket, head }).catch((error: unknown) => refuse(socket, error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
      for (const socket of streams) socket.destroy();
    },
  };
}

async function answer(
  options: KubeletServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://kubelet');
  const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
  if (request.method !== 'GET') throw new Refusal(405, 'Method Not Allowed');
  if (parts[0] === 'healthz' && parts.length === 1) return void response.end('ok');
  if (parts[0] === 'pods' && parts.length === 1) {
    response.setHeader('content-type', 'application/json');
    const items = options.podSet.workers().map((worker) => ({ ...podVersion, ...worker.pod() }));
    return void response.end(JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items }));
  }
  const [kind, namespace, pod, container] = parts;
  if (kind === 'containerLogs' && container !== undefined && parts.length === 4) {
    const find = (): PodRecord | undefined =>
      findPod(options, { namespace: namespace ?? '', name: pod ?? '' });
    return sendLog(options, response, { find, container, query: url.searchParams });
  }
  throw new Refusal(404, '404 page not found');
}

/** `/exec/NAMESPACE/POD/CONTAINER`, `/attach/…` and `/portForward/NAMESPACE/POD`. Rejects with Refusal. */
async function serveStream(options: KubeletServerOptions, upgrade: Upgrade): Promise<void> {
  const url = new URL(upgrade.request.url ?? '/', 'https://kubelet');
  const [door = '', namespace = '', name = '', container, ...rest] = url.pathname
    .split('/')
    .filter(Boolean)
    .map(decodeURIComponent);
  if (!['attach', 'exec', 'portForward'].includes(door) || rest.length > 0)
    throw new Refusal(404, '404 page not found');
  const worker = findWorker(options, { namespace, name });
  if (worker === undefined) throw new Refusal(404, 'pod does not exist');
  const { serveAttach, serveExec, servePortForward } = await import('../streaming/streaming.ts');
  const running = (wanted: string): ReturnType<PodWorker['running']> => worker.running(wanted);
  const asked = {
    upgrade,
    running,
    pod: worker.record(),
    query: url.searchParams,
    ...(container !== undefined && { container }),
  };
  const deps = { ...options, nodeIP: options.host };
  const serve = { attach: serveAttach, exec: serveExec }[door] ?? servePortForward;
  await serve(deps, asked);
}

/** Answers in HTTP and ends the connection; when the other protocol has begun, only that. */
function refuse(socket: Duplex, error: unknown): void {
  if (!(error instanceof Refusal)) return void socket.destroy();
  const body = Buffer.from(`${error.message}\n`);
  const lines = [
    `HTTP/1.1 ${error.status} ${nodeHttp.STATUS_CODES[error.status] ?? 'Error'}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  socket.end(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]));
}

function findWorker(
  { podSet }: KubeletServerOptions,
  wanted: { readonly namespace: string; readonly name: string },
): PodWorker | undefined {
  return podSet.workers().findLast((worker) => {
    const { namespace, name } = worker.record();
    return namespace === wanted.namespace && name === wanted.name;
  });
}

const findPod = (
  options: KubeletServerOptions,
  wanted: { readonly namespace: string; readonly name: string },
): PodRecord | undefined => findWorker(options, wanted)?.record();

interface LogRequest {
  readonly find: () => PodRecord | undefined;
  readonly container: string;
  readonly query: URLSearchParams;
}

async function sendLog(
  { stateDir, clock }: KubeletServerOptions,
  response: ServerResponse,
  { find, container, query }: LogRequest,
): Promise<void> {
  const wanted = logOptions(query, clock.now());
  const known = (): ContainerRecord | undefined => find()?.containers.find(({ name }) => name === container);
  const [pod, record] = [find(), known()];
  if (pod === undefined) throw new Refusal(404, 'pod not found');
  if (record === undefined) throw new Refusal(400, `container ${container} is not valid for pod ${pod.name}`);
  const run = runNumber(pod, record, wanted.isPrevious);
  const path = join(stateDir, 'logs', `${pod.namespace}_${pod.name}_${pod.uid}`, container, `${run}.log`);
  const leaving = new AbortController();
  response.on('close', () => leaving.abort());
  response.setHeader('content-type', 'text/plain');
  response.flushHeaders();
  const isOver = (): boolean =>
    wanted.isPrevious || known()?.run === undefined || known()?.restartCount !== run;
  for await (const chunk of readLog(path, { ...wanted, clock, isOver, signal: leaving.signal })) {
    if (!response.write(chunk))
      await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
  }
  response.end();
}

/** Which run's log is meant: the present or latest one, or the one before. Throws Refusal 400 when there was none. */
function runNumber(pod: PodRecord, record: ContainerRecord, isPrevious: boolean): number {
  const { name, restartCount } = record;
  if (!isPrevious) {
    if (record.run !== undefined || record.terminated !== undefined) return restartCount;
    const why = record.waiting?.reason ?? 'ContainerCreating';
    throw new Refusal(400, `container "${name}" in pod "${pod.name}" is waiting to start: ${why}`);
  }
  if (restartCount === 0) {
    throw new Refusal(400, `previous terminated container "${name}" in pod "${pod.name}" not found`);
  }
  return restartCount - 1;
}
