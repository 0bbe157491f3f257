import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile, rounded, wholeOption, type Benchmark } from './figure.ts';

interface Load {
  readonly perSecond: number;
  readonly gigabits: number;
}

const probe = join(import.meta.dirname, 'proxy-relay/relay.probe.ts');

/**
 * The relay of the userspace mode beside a direct connection and, where it is installed, HAProxy in its TCP mode, by turns in one run:
 * connections a second (connect, one byte each way, reset) and one stream's throughput. The client and the server are processes of
 * their own, by plain system calls; all share the machine's cores.
 */
export const run: Benchmark['run'] = async function* (params) {
  const rounds = wholeOption(params, 'rounds', 5);
  const seconds = wholeOption(params, 'seconds', 2);
  const clients = wholeOption(params, 'clients', 32);
  const children: ChildProcess[] = [];
  const dir = mkdtempSync(join(tmpdir(), 'portico-relay-'));
  try {
    const direct = await start(children, 'serve');
    const targets = new Map([
      ['direct', direct],
      ['portico', await start(children, 'relay', direct)],
    ]);
    if (spawnSync('haproxy', ['-v']).error === undefined)
      targets.set('haproxy', await startHaproxy(children, dir, direct));
    const loads = new Map([...targets.keys()].map((name) => [name, [] as Load[]]));
    for (let i = 0; i < rounds; i++)
      for (const [name, port] of targets) loads.get(name)?.push(await load([port, clients, seconds]));
    const medians = new Map([...loads].map(([name, list]) => [name, medianOf(list)]));
    const base = medians.get('direct');
    for (const [through, { perSecond, gigabits }] of medians) {
      const by = { through, rounds, seconds, clients };
      yield { metric: 'connections_per_s', value: Math.round(perSecond), unit: '/s', params: by };
      yield { metric: 'throughput', value: rounded(gigabits), unit: 'Gbit/s', params: by };
      if (through === 'direct' || base === undefined) continue;
      yield { metric: 'connections_ratio', value: rounded(perSecond / base.perSecond), unit: '', params: by };
      yield { metric: 'throughput_ratio', value: rounded(gigabits / base.gigabits), unit: '', params: by };
    }
  } finally {
    for (const child of children) child.kill();
    rmSync(dir, { recursive: true });
  }
};

const medianOf = (list: readonly Load[]): Load => ({
  perSecond: quantile(
    list.map(({ perSecond }) => perSecond),
    0.5,
  ),
  gigabits: quantile(
    list.map(({ gigabits }) => gigabits),
    0.5,
  ),
});

/** Resolves with the port the process says. */
async function start(children: ChildProcess[], ...args: readonly (string | number)[]): Promise<number> {
  const child = spawn(process.execPath, [probe, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return Number(line);
}

async function load(args: readonly number[]): Promise<Load> {
  const child = spawn(process.execPath, [probe, 'load', ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  return JSON.parse(text) as Load;
}

async function startHaproxy(children: ChildProcess[], dir: string, target: number): Promise<number> {
  const port = await freePort();
  const file = join(dir, 'haproxy.cfg');
  const defaults = 'mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s';
  writeFileSync(
    file,
    `global\n  maxconn 1000\ndefaults\n  ${defaults}\nlisten relay\n  bind 127.0.0.1:${port}\n  server s 127.0.0.1:${target}\n`,
  );
  children.push(spawn('haproxy', ['-f', file, '-db'], { stdio: 'ignore' }));
  await untilAccepting(port);
  return port;
}

async function untilAccepting(port: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const socket = connect({ host: '127.0.0.1', port });
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return;
    await sleep(100);
  }
  throw new Error('HAProxy does not listen');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
