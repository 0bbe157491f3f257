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

interface Setting {
  readonly dir: string;
  readonly storage: 'sqlite' | 'memory';
  readonly protocol: Protocol;
  /** Whose server: ours, or one to compare with. */
  readonly against: 'portico' | 'kube-apiserver';
  readonly params: Params;
  readonly credentials: Omit<Target, 'port'>;
  readonly children: ChildProcess[];
}

const metricsOf = {
  writes: ['create_1_p50', 'create_64', 'update_64', 'get_64'],
  lists: ['list_10k_json', 'list_10k_protobuf'],
  watches: ['watch_p50', 'watch_p99'],
  large: ['start_100k', 'rss_100k'],
} as const;

/**
 * An API server in a process of its own, over HTTPS, on a durable store, under the load of another process. Options:
 * `--only METRIC`, `--storage memory`, `--protocol http1|http2`, `--cpu-prof DIR` (profiles of the server), and the sizes.
 * `--against kube-apiserver --kubernetes-bin DIR` puts the same load on that program and an etcd; figures of processor time and memory
 * are those of both together.
 */
export const run: Benchmark['run'] = async function* (params) {
  const storage = oneOf(params, 'storage', ['sqlite', 'memory']);
  const protocol = oneOf(params, 'protocol', ['http2', 'http1']);
  const against = oneOf(params, 'against', ['portico', 'kube-apiserver']);
  const all = Object.values(metricsOf).flat();
  const only = params['only'] === undefined ? undefined : oneOf(params, 'only', all);
  const wants = (names: readonly string[]): boolean => only === undefined || names.includes(only);
  const dir = mkdtempSync(join(tmpdir(), 'portico-bench-'));
  const children: ChildProcess[] = [];
  const pki = await createPki({ dir, nodes: [], apiServerHosts: ['127.0.0.1', 'localhost'], clock });
  const credentials = { host: '127.0.0.1', ca: pki.caCert, ...pki.admin };
  const setting: Setting = { dir, storage, protocol, against, params, credentials, children };
  const given: Figure['params'] = against === 'portico' ? { storage, protocol } : { against, protocol };
  try {
    for (const [part, names] of Object.entries(metricsOf)) {
      if (!wants(names)) continue;
      for await (const result of parts[part as keyof typeof metricsOf](setting, wants)) {
        if (wants([result.metric])) yield { ...result, params: { ...given, ...result.params } };
      }
      rmSync(join(dir, 'store'), { recursive: true, force: true });
    }
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
};

type Part = (setting: Setting, wants: (names: readonly string[]) => boolean) => AsyncGenerator<Result>;

const parts: Readonly<Record<keyof typeof metricsOf, Part>> = {
  writes: async function* (setting, wants) {
    const ms = wholeOption(setting.params, 'seconds', 8) * 1000;
    const server = await startServer(setting);
    const load = startLoad(setting, server.port);
    const base = { type: 'closed', warmupMs: 3000, ms } as const;
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
    const watchers = wholeOption(setting.params, 'watchers', 1000);
    const perSecond = wholeOption(setting.params, 'rate', 200);
    const perConnection =
      setting.protocol === 'http1' ? 1 : wholeOption(setting.params, 'per-connection', 10);
    const ms = wholeOption(setting.params, 'seconds', 8) * 1000;
    const server = await startServer(setting);
    const [readers, writer] = [startLoad(setting, server.port), startLoad(setting, server.port)];
    await readers.ask({ type: 'watch', watchers, perConnection, sampled: Math.min(100, watchers) });
    const usedBefore = server.usedMs();
    const { count } = await writer.ask({ type: 'open', prefix: 'watched', perSecond, ms });
    const { samples } = await readers.ask({ type: 'watched', events: count });
    // While the program warms up nobody is measured.
    const steady = samples.slice(samples.length >> 2);
    const used = server.usedMs() - usedBefore;
    const cpu_us = rounded((used * 1000) / (count * watchers));
    const sizes = { watchers, rate: perSecond, perConnection, cpu_us };
    yield figure('watch_p50', [quantile(steady, 0.5), 'ms'], sizes);
    yield figure('watch_p99', [quantile(steady, 0.99), 'ms'], sizes);
    await stop(readers.child, writer.child);
    await server.stop();
  },
  large: async function* (setting) {
    if (setting.storage === 'memory') return;
    const services = wholeOption(setting.params, 'large-services', 100_000);
    const sizes = { services, endpoints: services * 5 };
    let server = await startServer(setting, { services, endpointsEach: 5 });
    if (setting.against === 'portico') {
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

const figure = (metric: string, [value, unit]: [number, string], params: Figure['params']): Result => ({
  metric,
  value: rounded(value),
  unit,
  params,
});

async function startServer(setting: Setting, fill?: ServerJob['fill']): Promise<BenchServer> {
  if (setting.against === 'portico') return startOwn(setting, fill);
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
