// A load process of bench/api.ts: does the jobs it is sent, one after the other, and answers each with its figures.
import { openConnection } from './connection.ts';
import type { Connection, Protocol, Question, Reply, Target } from './connection.ts';
import { serviceText, sliceText } from './manifest.ts';
import { openWatchConnection } from './watchers.ts';

export type Job =
  | {
      /** Each client asks again as soon as it has its answer, for a while or so many times. */
      readonly type: 'closed';
      readonly verb: 'create' | 'update' | 'get';
      readonly prefix: string;
      readonly clients: number;
      /** Objects per client; `create` makes them, the others go round them. */
      readonly each: number;
      readonly warmupMs: number;
      readonly ms: number;
    }
  /** So many Services, and a slice of each that has endpoints. */
  | { readonly type: 'fill'; readonly services: number; readonly endpointsEach: number }
  | { readonly type: 'list'; readonly accept: string; readonly times: number; readonly items: number }
  /** Resolves once all watch; what they receive until `watched` is asked for is timed. */
  | {
      readonly type: 'watch';
      readonly watchers: number;
      readonly perConnection: number;
      readonly sampled: number;
    }
  | { readonly type: 'watched'; readonly events: number }
  /** Writes that begin at a fixed rate, whatever the server does. */
  | { readonly type: 'open'; readonly prefix: string; readonly perSecond: number; readonly ms: number };

export interface Outcome {
  /** Milliseconds. */
  readonly samples: readonly number[];
  readonly count: number;
  /** With those of the warm-up. */
  readonly total: number;
  readonly elapsedMs: number;
}

const [target, protocol] = JSON.parse(process.argv[2] ?? '') as [Target, Protocol];
const services = '/api/v1/namespaces/default/services';
const now = (): number => performance.timeOrigin + performance.now();

async function expect(connection: Connection, question: Question, status: number): Promise<Reply> {
  const reply = await connection.ask(question);
  if (reply.status === status) return reply;
  throw new Error(`${question.method} ${question.path} answered ${reply.status}: ${reply.text}`);
}

const versionIn = ({ text }: Reply): string | undefined => /"resourceVersion":"(\d+)"/.exec(text)?.[1];

const addressIn = ({ text }: Reply): string | undefined => /"clusterIP":"([^"]+)"/.exec(text)?.[1];

/** One client: it remembers what it has been told, as an informer does. */
function createClient(connection: Connection) {
  const versions = new Map<string, string | undefined>();
  const clusterIPs = new Map<string, string | undefined>();
  const learn = (name: string, reply: Reply): void => {
    versions.set(name, versionIn(reply));
    clusterIPs.set(name, addressIn(reply));
  };
  const get = async (name: string): Promise<void> =>
    learn(name, await expect(connection, { method: 'GET', path: `${services}/${name}` }, 200));
  return {
    get,
    create: async (name: string): Promise<void> => {
      await expect(connection, { method: 'POST', path: services, body: serviceText(name) }, 201);
    },
    /** Reads the object, which is made where it is missing. */
    know: async (name: string): Promise<void> => {
      const reply = await connection.ask({ method: 'POST', path: services, body: serviceText(name) });
      if (reply.status === 201) learn(name, reply);
      else await get(name);
    },
    /** To be called for an object that `get` has read, or this client has updated. */
    update: async (name: string, annotations: Readonly<Record<string, string>>): Promise<void> => {
      const body = serviceText(name, {
        annotations,
        resourceVersion: versions.get(name),
        clusterIP: clusterIPs.get(name),
      });
      const reply = await expect(connection, { method: 'PUT', path: `${services}/${name}`, body }, 200);
      versions.set(name, versionIn(reply));
    },
  };
}

type Client = ReturnType<typeof createClient>;

async function closed(job: Extract<Job, { type: 'closed' }>): Promise<Outcome> {
  const connections = await Promise.all(
    Array.from({ length: job.clients }, () => openConnection(target, protocol)),
  );
  const clients = connections.map(createClient);
  const nameOf = (c: number, i: number): string => `${job.prefix}-${c}-${i % job.each}`;
  // Whoever creates slowly has not made all yet that is asked for here.
  const know = async (client: Client, c: number): Promise<void> => {
    for (let i = 0; i < job.each; i++) await client.know(nameOf(c, i));
  };
  if (job.verb !== 'create') await Promise.all(clients.map(know));
  const begin = now() + job.warmupMs;
  const end = begin + job.ms;
  const samples: number[] = [];
  let total = 0;
  const work = async (client: Client, c: number): Promise<void> => {
    for (let i = 0; i < job.each || job.verb !== 'create'; i++) {
      const startedAt = now();
      if (startedAt >= end) return;
      await client[job.verb](nameOf(c, i), { round: String(i) });
      const endedAt = now();
      total++;
      if (startedAt >= begin && endedAt <= end) samples.push(endedAt - startedAt);
    }
    if (now() < end) throw new Error(`${job.each} objects for each client were not enough`);
  };
  await Promise.all(clients.map(work));
  for (const connection of connections) connection.close();
  return { samples, count: samples.length, total, elapsedMs: job.ms };
}

/** A server to compare with may know the older version of slices only. */
async function sliceVersion(connection: Connection): Promise<string> {
  const path = '/apis/discovery.k8s.io/v1';
  const { status } = await connection.ask({ method: 'GET', path });
  return status === 200 ? 'v1' : 'v1beta1';
}

const FILLERS = 64;

async function fill(job: Extract<Job, { type: 'fill' }>): Promise<Outcome> {
  const connections = await Promise.all(
    Array.from({ length: FILLERS }, () => openConnection(target, protocol)),
  );
  const [first] = connections;
  const version = first === undefined ? 'v1' : await sliceVersion(first);
  const slices = `/apis/discovery.k8s.io/${version}/namespaces/default/endpointslices`;
  let next = 0;
  const work = async (connection: Connection): Promise<void> => {
    for (let n = next++; n < job.services; n = next++) {
      const name = `svc-${String(n).padStart(6, '0')}`;
      await expect(connection, { method: 'POST', path: services, body: serviceText(name) }, 201);
      if (job.endpointsEach === 0) continue;
      const body = sliceText(name, n, job.endpointsEach).replace(
        'discovery.k8s.io/v1',
        `discovery.k8s.io/${version}`,
      );
      await expect(connection, { method: 'POST', path: slices, body }, 201);
    }
  };
  await Promise.all(connections.map(work));
  for (const connection of connections) connection.close();
  return { samples: [], count: job.services, total: job.services, elapsedMs: 0 };
}

async function list({ accept, times, items }: Extract<Job, { type: 'list' }>): Promise<Outcome> {
  const connection = await openConnection(target, protocol);
  const samples: number[] = [];
  for (let i = 0; i < times; i++) {
    const startedAt = now();
    const reply = await expect(connection, { method: 'GET', path: '/api/v1/services', accept }, 200);
    samples.push(now() - startedAt);
    if (!reply.contentType.startsWith(accept))
      throw new Error(`asked for ${accept}, the answer is ${reply.contentType}`);
    if (reply.length < items * 100)
      throw new Error(`${reply.length} bytes are too few for ${items} Services`);
  }
  connection.close();
  return { samples, count: times, total: times, elapsedMs: 0 };
}

interface Watching {
  readonly connections: Pick<Connection, 'close'>[];
  readonly samples: number[];
  readonly bytes: number[];
}

let watching: Watching | undefined;

async function watch(job: Extract<Job, { type: 'watch' }>): Promise<Outcome> {
  const state: Watching = { connections: [], samples: [], bytes: [] };
  watching = state;
  const first = await openConnection(target, protocol);
  const { text } = await expect(first, { method: 'GET', path: '/api/v1/services?limit=1' }, 200);
  first.close();
  const { metadata } = JSON.parse(text) as { metadata: { resourceVersion: string } };
  const path = `/api/v1/services?watch=true&resourceVersion=${metadata.resourceVersion}`;
  const step = Math.max(1, Math.floor(job.watchers / job.sampled));
  let watchOn = openWatches(state);
  for (let i = 0; i < job.watchers; i++) {
    if (i > 0 && i % job.perConnection === 0) watchOn = openWatches(state);
    const watchMore = await watchOn;
    await watchMore(path, readerOf(state, i, i % step === 0));
  }
  return { samples: [], count: job.watchers, total: job.watchers, elapsedMs: 0 };
}

type Watch = (path: string, onData: (piece: Buffer) => void) => Promise<void>;

/** A connection for one or more watches. */
async function openWatches({ connections }: Watching): Promise<Watch> {
  if (protocol === 'http2') {
    const connection = await openWatchConnection(target);
    connections.push(connection);
    return (path, onData) => connection.watch(path, onData);
  }
  const connection = await openConnection(target, protocol);
  connections.push(connection);
  return (path, onData) => connection.stream(path, onData);
}

/** What one watcher does with what it reads: it counts, and where it is sampled looks when each write was sent. */
function readerOf(state: Watching, i: number, isSampled: boolean): (piece: Buffer) => void {
  state.bytes[i] = 0;
  let rest = '';
  return (piece) => {
    state.bytes[i] = (state.bytes[i] ?? 0) + piece.length;
    if (!isSampled) return;
    const at = now();
    const text = rest + piece.toString('latin1');
    let last = 0;
    for (const found of text.matchAll(/"sent-at":"([\d.]+)"/g)) {
      state.samples.push(at - Number(found[1]));
      last = found.index + found[0].length;
    }
    rest = text.slice(Math.max(last, text.length - 64));
  };
}

/** How long what is under way may take to arrive. */
const ARRIVAL_MS = 90_000;

/**
 * What has arrived since the last time, when everything has. Every watcher must have got everything: over HTTP/2 that is the
 * very same bytes.
 */
async function watched({ events }: Extract<Job, { type: 'watched' }>): Promise<Outcome> {
  if (watching === undefined) throw new Error('nothing is watched');
  const { samples, bytes } = watching;
  const hasAll = (): boolean => {
    const least = Math.min(...bytes);
    return least >= events * 300 && (protocol === 'http1' || least === Math.max(...bytes));
  };
  const giveUpAt = now() + ARRIVAL_MS;
  let before = NaN;
  // Nothing more comes when nothing has come for a while.
  for (; !(hasAll() && before === samples.length) && now() < giveUpAt;) {
    before = samples.length;
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
  if (!hasAll())
    throw new Error(
      `watchers received ${Math.min(...bytes)} to ${Math.max(...bytes)} bytes of ${events} events`,
    );
  bytes.fill(0);
  const count = samples.length;
  return { samples: samples.splice(0), count, total: count, elapsedMs: 0 };
}

async function open({ prefix, perSecond, ms }: Extract<Job, { type: 'open' }>): Promise<Outcome> {
  // An object is written again after 100 others, so its last answer is there.
  const connections = await Promise.all(Array.from({ length: 100 }, () => openConnection(target, protocol)));
  const clients = connections.map(createClient);
  for (const [i, client] of clients.entries()) {
    await client.know(`${prefix}-${i}`);
  }
  const samples: number[] = [];
  const startedAt = now();
  const lines = clients.map(() => Promise.resolve());
  let nDone = 0;
  const write = async (i: number): Promise<void> => {
    const sentAt = now();
    await clients[i]?.update(`${prefix}-${i}`, { 'sent-at': sentAt.toFixed(3) });
    samples.push(now() - sentAt);
  };
  while (now() < startedAt + ms) {
    const due = Math.floor(((now() - startedAt) / 1000) * perSecond);
    for (; nDone < due; nDone++) {
      const i = nDone % clients.length;
      lines[i] = (lines[i] ?? Promise.resolve()).then(() => write(i));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(lines);
  for (const connection of connections) connection.close();
  return { samples, count: nDone, total: nDone, elapsedMs: ms };
}

function run(job: Job): Promise<Outcome> {
  switch (job.type) {
    case 'closed':
      return closed(job);
    case 'fill':
      return fill(job);
    case 'list':
      return list(job);
    case 'watch':
      return watch(job);
    case 'watched':
      return watched(job);
    case 'open':
      return open(job);
  }
}

process.on('message', (job: Job) => {
  run(job).then(
    (outcome) => process.send?.(outcome),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
