import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { realClock } from '../../../base/clock.ts';
import type { Clock } from '../../../base/clock.ts';
import { memoryLogger } from '../../../base/logger.ts';
import type { LogLine } from '../../../base/logger.ts';
import type { FrontendDecision, Protocol, ProxyState, ServicePort } from '../../state/model.ts';
import { createLoopbackCapture } from './loopback-capture.ts';
import { createStreamRelay } from './stream-relay.ts';
import { createThreadedRelay } from './threaded-relay.ts';
import { createUserspaceMode } from './userspace-mode.ts';
import type { UserspaceMode } from './userspace-mode.ts';

/** Each test has its own cluster IP, so that nothing of an earlier one can answer. */
let nTests = 0;
const cleanups: (() => unknown)[] = [];

/** Runs `cleanup` when the test is over. */
export function whenDone(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

/** For afterEach. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

export interface Setup {
  readonly mode: UserspaceMode;
  readonly ip: string;
  readonly lines: readonly LogLine[];
  readonly set: (ports: readonly ServicePort[], changed?: readonly string[]) => Promise<void>;
}

export interface SetupOptions {
  /** A clock of the test's own needs the relay that runs by it: Node's streams. */
  readonly clock?: Clock;
  readonly udpIdleMs?: number;
  readonly relay?: 'streams' | 'thread';
}

export function setup(options: SetupOptions = {}): Setup {
  const ip = `127.96.7.${++nTests}`;
  const logger = memoryLogger();
  const mode = createUserspaceMode({
    capture: createLoopbackCapture('IPv4'),
    clock: options.clock ?? realClock,
    logger,
    relay: options.relay === 'thread' ? createThreadedRelay() : createStreamRelay(options.clock ?? realClock),
    ...(options.udpIdleMs !== undefined && { udpIdleMs: options.udpIdleMs }),
  });
  cleanups.push(() => mode.close());
  const node = { name: 'node-1', podCIDRs: [], nodePortAddresses: [] };
  return {
    mode,
    ip,
    lines: logger.lines,
    set: (ports, changed) => {
      const state: ProxyState = {
        family: 'IPv4',
        node,
        services: new Map(ports.map((port) => [port.id, port])),
      };
      return mode.sync(state, changed && new Set(changed));
    },
  };
}

export const ID = 'default/web:http/TCP';

export function servicePort(
  ip: string,
  endpoints: readonly number[],
  options: { port?: number; protocol?: Protocol; affinitySeconds?: number; nodePort?: number } = {},
): ServicePort {
  const decision = (frontend: FrontendDecision['frontend']): FrontendDecision => ({
    frontend,
    endpoints: endpoints.map((port) => ({ ip: '127.0.0.1', port, isLocal: true })),
    whenEmpty: 'reject',
    masquerade: 'off-cluster',
  });
  const protocol = options.protocol ?? 'TCP';
  return {
    id: `default/web:http/${protocol}`,
    namespace: 'default',
    name: 'web',
    portName: 'http',
    protocol,
    affinitySeconds: options.affinitySeconds ?? 0,
    frontends: [
      decision({ kind: 'clusterIP', ip, port: options.port ?? 8080 }),
      ...(options.nodePort === undefined ? [] : [decision({ kind: 'nodePort', port: options.nodePort })]),
    ],
  };
}

/** A TCP server that does `serve` with each connection. Resolves to its port. */
export async function backend(serve: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    cleanups.push(() => socket.destroy());
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

export const named = (name: string): Promise<number> => backend((socket) => socket.end(name));

/** A port nobody listens on. */
export async function deadPort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A port that answers nothing, as an address nobody has: its accept queue is full, so the kernel drops further SYNs. */
export async function silentPort(): Promise<number> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:net').createServer();
     server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000);
     });`,
    { eval: true },
  );
  whenDone(() => worker.terminate());
  const [port] = (await once(worker, 'message')) as [number];
  for (let i = 0; i < 4; i++) {
    const filler = connect({ host: '127.0.0.1', port });
    filler.on('error', () => undefined);
    whenDone(() => filler.destroy());
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  return port;
}

/** What a connection says, or the code of its error. */
export async function ask(host: string, port: number): Promise<string> {
  const socket = connect({ host, port });
  socket.setEncoding('utf8');
  let text = '';
  try {
    for await (const chunk of socket) text += String(chunk);
    return text;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

export async function askTimes(n: number, host: string, port = 8080): Promise<string> {
  const answers: string[] = [];
  for (let i = 0; i < n; i++) answers.push(await ask(host, port));
  return answers.join(' ');
}
