/**
 * A client of packet tests, as a program of its own so that it can live on a node's, a Pod's or the host's network. Each
 * line of its standard input is an `Order` as JSON, each line it prints a `Reply`; it ends with its input.
 */
import dgram from 'node:dgram';
import http from 'node:http';
import net from 'node:net';
import { createInterface } from 'node:readline';

export interface Target {
  /** HTTP: a GET on a connection of its own. TCP: one line. UDP: one datagram on a connected socket. */
  readonly protocol?: 'HTTP' | 'TCP' | 'UDP';
  readonly host: string;
  readonly port: number;
  /** HTTP only; default `/hostname`. */
  readonly path?: string;
  readonly timeoutMs?: number;
  /** Local port to call from; default any. */
  readonly sourcePort?: number;
}

export interface Call extends Target {
  /** How many calls; default 1. */
  readonly n?: number;
  /** How many at a time; default 1. */
  readonly concurrency?: number;
}

/** Either `text`, the body or line, or `error`: an errno's name, `timeout` or `status CODE`. */
export interface Answer {
  readonly text?: string;
  readonly error?: string;
  readonly ms: number;
}

export interface Load extends Target {
  /** New connections a second. */
  readonly perSecond: number;
  /** Beside them, so many clients that keep their connection as long as they may, with a request every 50 ms. */
  readonly nKeepAlive?: number;
}

/** What became of a load. Times are milliseconds since 1970. */
export interface LoadReport {
  readonly nRequests: number;
  readonly nKeptRequests: number;
  readonly failures: readonly { readonly at: number; readonly error: string }[];
  /** By answer; `startedAt` is when the last request that got it was started. */
  readonly answers: Readonly<Record<string, { readonly n: number; readonly startedAt: number }>>;
}

export type Order =
  | { readonly do: 'call'; readonly call: Call }
  | { readonly do: 'start-load'; readonly load: Load }
  /** What became of the load so far. */
  | { readonly do: 'look-at-load' }
  | { readonly do: 'end-load' }
  /** Answers TCP lines and datagrams with the name. */
  | { readonly do: 'serve'; readonly name: string; readonly port: number };

export type Reply = Answer[] | LoadReport | 'done';

const TIMEOUT_MS = 5000;
const KEEP_ALIVE_EVERY_MS = 50;

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message;

type Settle = (outcome: { text: string } | { error: string }) => void;

function viaHttp(target: Target, settle: Settle, agent: http.Agent | false = false): () => void {
  const { host, port, path = '/hostname', sourcePort } = target;
  const source = sourcePort === undefined ? {} : { localPort: sourcePort };
  const request = http.get({ host, port, path, agent, family: 4, ...source }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('error', (error) => settle({ error: codeOf(error) }));
    response.on('end', () =>
      settle(response.statusCode === 200 ? { text } : { error: `status ${response.statusCode}` }),
    );
  });
  request.on('error', (error) => settle({ error: codeOf(error) }));
  return () => request.destroy();
}

function viaTcp({ host, port, sourcePort }: Target, settle: Settle): () => void {
  const source = sourcePort === undefined ? {} : { localPort: sourcePort };
  const socket = net.connect({ host, port, ...source }, () => void socket.write('hello\n'));
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.endsWith('\n')) settle({ text: text.trimEnd() });
  });
  socket.on('error', (error) => settle({ error: codeOf(error) }));
  socket.on('end', () => settle({ error: 'end' }));
  return () => socket.destroy();
}

function viaUdp({ host, port, sourcePort = 0 }: Target, settle: Settle): () => void {
  const socket = dgram.createSocket('udp4');
  const fail = (error: Error | null): void => {
    // A datagram that is rejected on its way out of its own machine is EPERM to send(); what it met comes as the error
    // of the socket right behind.
    if (error !== null && codeOf(error) !== 'EPERM') settle({ error: codeOf(error) });
  };
  socket.on('message', (data) => settle({ text: data.toString().trimEnd() }));
  socket.on('error', fail);
  socket.bind(sourcePort, () => socket.connect(port, host, () => socket.send('hello\n', fail)));
  return () => void socket.close();
}

const ways = { HTTP: viaHttp, TCP: viaTcp, UDP: viaUdp } as const;

function attempt(target: Target, way = ways[target.protocol ?? 'HTTP']): Promise<Answer> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    let isSettled = false;
    const settle: Settle = (outcome) => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      resolve({ ...outcome, ms: performance.now() - startedAt });
      close();
    };
    const timer = setTimeout(() => settle({ error: 'timeout' }), target.timeoutMs ?? TIMEOUT_MS);
    const close = way(target, settle);
  });
}

async function callAll({ n = 1, concurrency = 1, ...target }: Call): Promise<Answer[]> {
  const answers: Answer[] = [];
  let nStarted = 0;
  const worker = async (): Promise<void> => {
    while (nStarted++ < n) answers.push(await attempt(target));
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return answers;
}

interface RunningLoad {
  soFar(): LoadReport;
  end(): Promise<LoadReport>;
}

/** Runs until it is ended; the report counts every request that was started. */
function startLoad({ perSecond, nKeepAlive = 0, ...target }: Load): RunningLoad {
  const pending = new Set<Promise<void>>();
  const failures: { at: number; error: string }[] = [];
  const answers: Record<string, { n: number; startedAt: number }> = {};
  let [nRequests, nKeptRequests, isEnding] = [0, 0, false];
  const one = async (way?: typeof viaHttp): Promise<void> => {
    const at = Date.now();
    nRequests++;
    const { text, error } = await attempt(target, way);
    if (text === undefined) return void failures.push({ at, error: error ?? '' });
    const entry = (answers[text] ??= { n: 0, startedAt: 0 });
    entry.n++;
    entry.startedAt = Math.max(entry.startedAt, at);
  };
  const keepAlive = async (): Promise<void> => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (!isEnding) {
      nKeptRequests++;
      await one((t, settle) => {
        viaHttp(t, settle, agent);
        return () => undefined;
      });
      await new Promise((resolve) => setTimeout(resolve, KEEP_ALIVE_EVERY_MS));
    }
    agent.destroy();
  };
  const startedAt = performance.now();
  let nNew = 0;
  const timer = setInterval(() => {
    const nDue = ((performance.now() - startedAt) * perSecond) / 1000;
    for (; nNew < nDue; nNew++) {
      const running = one();
      pending.add(running);
      void running.then(() => pending.delete(running));
    }
  }, 5);
  const kept = Array.from({ length: nKeepAlive }, keepAlive);
  const soFar = (): LoadReport => ({ nRequests, nKeptRequests, failures, answers });
  return {
    soFar,
    end: async () => {
      isEnding = true;
      clearInterval(timer);
      await Promise.all([...pending, ...kept]);
      return soFar();
    },
  };
}

function serve(name: string, port: number): Promise<void> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.end(`${name}\n`));
  });
  const udp = dgram.createSocket('udp4');
  udp.on('message', (_, from) => udp.send(`${name}\n`, from.port, from.address));
  return new Promise((resolve) => server.listen(port, () => udp.bind(port, resolve)));
}

let running: RunningLoad | undefined;

function theLoad(): RunningLoad {
  if (running === undefined) throw new Error('no load was started');
  return running;
}

async function obey(order: Order): Promise<Reply> {
  switch (order.do) {
    case 'call':
      return callAll(order.call);
    case 'start-load':
      running = startLoad(order.load);
      return 'done';
    case 'look-at-load':
      return theLoad().soFar();
    case 'end-load':
      return theLoad().end();
    case 'serve':
      await serve(order.name, order.port);
      return 'done';
  }
}

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await obey(JSON.parse(line) as Order))}\n`);
  }
  process.exit(0);
}
