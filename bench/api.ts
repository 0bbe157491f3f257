import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPki } from '../src/apiserver/pki/pki.ts';
import { realClock as clock } from '../src/base/clock.ts';
import type { Protocol, Target } from './api/connection.ts';
import type { Job, Outcome } from './api/load.probe.ts';
import { startKubernetes, startOwn, stop, type BenchServer } from './api/server.ts';
import type { ServerJob } from './api/server.probe.ts';
import { quantile, rounded, wholeOption, type Benchmark, type Figure, type Params } from './figure.ts';

type Result = Omit<Figure, 'bench'>;
type Whose = 'portico' | 'kube-apiserver';

interface Setting {
  readonly dir: string;
  readonly storage: 'sqlite' | 'memory';
  readonly protocol: Protocol;
  /** Whose server: ours, or the one to compare with. */
  readonly whose: Whose;
  /** Both are measured in the same way: on smaller stores, and memory right after these were filled. */
  readonly isComparing: boolean;
  readonly params: Params;
  readonly credentials: Omit<Target, 'port'>;
  readonly children: ChildProcess[];
}

/** What a program needs until it runs as fast as it will; does not count. */
const WARM_UP_MS = 3000;

const metricsOf = {
  writes: ['create_1_p50', 'create_64', 'update_64', 'get_64'],
  lists: ['list_10k_json', 'list_10k_protobuf'],
  watches: ['watch_p50', 'watch_p99'],
  large: ['start_100k', 'rss_100k'],
} as const;

/**
 * An API server in a process of its own, over HTTPS, on a durable store, under the load of another process. Options:
 * `--only METRIC`, `--storage memory`, `--protocol http1|http2`, `--cpu-prof DIR` (profiles of the server), and the sizes.
 * `--against kube-apiserver --kubernetes-bin DIR` puts the same load on that program and an etcd, part by part after ours, and says how
 * many times better ours is; its figures of processor time and memory are those of both together.
 */
export const run: Benchmark['run'] = async function* (params) {
  const storage = oneOf(params, 'storage', ['sqlite', 'memory']);
  const protocol = oneOf(params, 'protocol', ['http2', 'http1']);
  const against = oneOf(params, 'against', ['portico', 'kube-apiserver']);
  const all = Object.values(metricsOf).flat();
  const only = params['only'] === undefined ? undefined : oneOf(params, 'only', all);
  const wants: Wants = (names) => only === undefined || names.includes(only);
  const dir = mkdtempSync(join(tmpdir(), 'portico-bench-'));
  const children: ChildProcess[] = [];
  const pki = await createPki({ dir, nodes: [], apiServerHosts: ['127.0.0.1', 'localhost'], clock });
  const credentials = { host: '127.0.0.1', ca: pki.caCert, ...pki.admin };
  const isComparing = against !== 'portico';
  const common = { dir, storage, protocol, isComparing, params, credentials, children };
  try {
    for (const part of Object.keys(metricsOf) as (keyof typeof metricsOf)[]) {
      if (!wants(metricsOf[part])) continue;
      const ours: Result[] = [];
      for await (const result of measure(part, { ...common, whose: 'portico' }, wants)) {
        ours.push(result);
        yield result;
      }
      if (!isComparing) continue;
      for await (const theirs of measure(part, { ...common, whose: against }, wants)) {
        yield theirs;
        const own = ours.find((each) => isPartner(each, theirs));
        if (own !== undefined) yield ratioOf(own, theirs);
      }
    }
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
};

type Wants = (names: readonly string[]) => boolean;

async function* measure(
  part: keyof typeof metricsOf,
  setting: Setting,
  wants: Wants,
): AsyncGenerator<Result> {
  const { whose, storage, protocol, dir } = setting;
  const given: Figure['params'] = whose === 'portico' ? { storage, protocol } : { against: whose, protocol };
  for await (const result of parts[part](setting, wants)) {
    if (wants([result.metric])) yield { ...result, params: { ...given, ...result.params } };
  }
  rmSync(join(dir, 'store'), { recursive: true, force: true });
}

const isPartner = (own: Result, theirs: Result): boolean =>
  own.metric === theirs.metric && own.params['perConnection'] === theirs.params['perConnection'];

/** How many times better ours is: more a second, or less of anything else; of processor time, too. */
function ratioOf(own: Result, theirs: Result): Result {
  const { metric, unit } = own;
  const value = unit === '/s' ? own.value / theirs.value : theirs.value / own.value;
  const [ownUs, theirUs] = [own.params['cpu_us'], theirs.params['cpu_us']].map(Number);
  const { perConnection } = own.params;
  return figure(`${metric}_ratio`, [value, 'times'], {
    against: 'kube-apiserver',
    ...(ownUs !== undefined && theirUs !== undefined && ownUs > 0 ? { cpu: rounded(theirUs / ownUs) } : {}),
    ...(perConnection === undefined ? {} : { perConnection }),
  });
}

type Part = (setting: Setting, wants: Wants) => AsyncGenerator<Result>;

const parts: Readonly<Record<keyof typeof metricsOf, Part>> = {
  writes: async function* (setting, wants) {
    const ms = wholeOption(setting.params, 'seconds', 8) * 1000;
    const server = await startServer(setting);
    const load = startLoad(setting, server.port);
    const base = { type: 'closed', warmupMs: WARM_UP_MS, ms } as const;
    if (wants(['create_1_p50'])) {
      const { samples } = await load.ask({ ...base, verb: 'create', prefix: 'one', clients: 1, each: 1e6 });
      yield figure('create_1_p50', [quantile(samples, 0.5), 'ms'], { seconds: ms / 1000 });
    }
    const many = { ...base, prefix: 'many', clients: 64 } as const;
    for (const verb of ['create', 'update', 'get'] as const) {
      // The other two need what the first has made.
      if (verb !== 'create' && !wants([`${verb}_64`])) continue;
      const usedBefore = server.usedMs();
      const each = verb === 'create' ? 1e6 : 10;
      const { count, total, samples, elapsedMs } = await load.ask({ ...many, verb, each });
      const used = server.usedMs() - usedBefore;
      yield figure(`${verb}_64`, [(count / elapsedMs) * 1000, '/s'], {
        clients: 64,
        seconds: ms / 1000,
        p99: rounded(quantile(samples, 0.99)),
        // What the server computes for one of them; does not depend on what else the machine does.
        cpu_us: Math.round((used * 1000) / total),
      });
    }
    await stop(load.child);
    await server.stop();
  },
  lists: async function* (setting, wants) {
    const services = wholeOption(setting.params, 'services', 10_000);
    const server = await startServer(setting, { services, endpointsEach: 0 });
    const load = startLoad(setting, server.port);
    for (const [metric, accept] of [
      ['list_10k_json', 'application/json'],
      ['list_10k_protobuf', 'application/vnd.kubernetes.protobuf'],
    ] as const) {
      if (!wants([metric])) continue;
      const { samples } = await load.ask({ type: 'list', accept, times: 25, items: services });
      // The first is measured too: nobody has asked before.
      yield figure(metric, [quantile(samples, 0.5), 'ms'], { services, first: rounded(samples[0] ?? NaN) });
    }
    await stop(load.child);
    await server.stop();
  },
  watches: async function* (setting) {
    const { protocol, params } = setting;
    const asked = params['per-connection'];
    // Ten of a program's watches share its connection; a thousand programs with one each are the hard case.
    const each = asked !== undefined ? [wholeOption(params, 'per-connection', 10)] : [10, 1];
    for (const perConnection of protocol === 'http1' ? [1] : each)
      yield* watchFigures(setting, perConnection);
  },
  large: async function* (setting) {
    if (setting.storage === 'memory') return;
    const { isComparing } = setting;
    const services = wholeOption(setting.params, 'large-services', isComparing ? 10_000 : 100_000);
    const sizes = { services, endpoints: services * 5 };
    let server = await startServer(setting, { services, endpointsEach: 5 });
    if (!isComparing) {
      await server.stop();
      const startedAt = performance.now();
      server = await startServer(setting);
      yield figure('start_100k', [(performance.now() - startedAt) / 1000, 's'], sizes);
    }
    const load = startLoad(setting, server.port);
    // Something happens in it, and then it rests.
    await load.ask({
      type: 'closed',
      verb: 'create',
      prefix: 'late',
      clients: 4,
      each: 1e6,
      warmupMs: 0,
      ms: 3000,
    });
    await stop(load.child);
    await clock.sleep(5000);
    yield figure('rss_100k', [server.megabytes(), 'MB'], sizes);
    await server.stop();
  },
};

async function* watchFigures(setting: Setting, perConnection: number): AsyncGenerator<Result> {
  const watchers = wholeOption(setting.params, 'watchers', 1000);
  const perSecond = wholeOption(setting.params, 'rate', 200);
  const ms = wholeOption(setting.params, 'seconds', 8) * 1000;
  const server = await startServer(setting);
  const [readers, writer] = [startLoad(setting, server.port), startLoad(setting, server.port)];
  await readers.ask({ type: 'watch', watchers, perConnection, sampled: Math.min(100, watchers) });
  const warmUp = await writer.ask({ type: 'open', prefix: 'first', perSecond, ms: WARM_UP_MS });
  await readers.ask({ type: 'watched', events: warmUp.count });
  const usedBefore = server.usedMs();
  const { count } = await writer.ask({ type: 'open', prefix: 'watched', perSecond, ms });
  const { samples } = await readers.ask({ type: 'watched', events: count });
  const used = server.usedMs() - usedBefore;
  const cpu_us = rounded((used * 1000) / (count * watchers));
  const sizes = { watchers, rate: perSecond, perConnection, cpu_us };
  yield figure('watch_p50', [quantile(samples, 0.5), 'ms'], sizes);
  yield figure('watch_p99', [quantile(samples, 0.99), 'ms'], sizes);
  await stop(readers.child, writer.child);
  await server.stop();
}

const figure = (metric: string, [value, unit]: [number, string], params: Figure['params']): Result => ({
  metric,
  value: rounded(value),
  unit,
  params,
});

async function startServer(setting: Setting, fill?: ServerJob['fill']): Promise<BenchServer> {
  if (setting.whose === 'portico') return startOwn(setting, fill);
  const server = await startKubernetes(setting);
  if (fill === undefined) return server;
  const load = startLoad(setting, server.port);
  await load.ask({ type: 'fill', ...fill });
  await stop(load.child);
  return server;
}

interface Load {
  readonly child: ChildProcess;
  ask(job: Job): Promise<Outcome>;
}

function startLoad({ credentials, protocol, children }: Setting, port: number): Load {
  const target: Target = { ...credentials, port };
  const child = fork(join(import.meta.dirname, 'api', 'load.probe.ts'), [JSON.stringify([target, protocol])]);
  children.push(child);
  return {
    child,
    ask: async (job) => {
      child.send(job);
      const [answer] = (await Promise.race([
        once(child, 'message'),
        once(child, 'exit').then(([code]) => [{ error: `it ended with code ${code}` }]),
      ])) as [Outcome | { readonly error: string }];
      if ('error' in answer) throw new Error(`the load: ${answer.error}`);
      return answer;
    },
  };
}

function oneOf<T extends string>(
  params: Params,
  name: string,
  allowed: readonly [T, ...T[]] | readonly T[],
): T {
  const value = params[name] ?? allowed[0];
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new Error(`--${name} ${value}: must be one of ${allowed.join(', ')}`);
  return found;
}
