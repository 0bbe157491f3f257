import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { Container } from '../../api/core/v1/container.ts';
import type { Probe } from '../../api/core/v1/probe.ts';
import { fakeClock } from '../../base/clock.ts';
import type { ProbeKind } from './model.ts';
import { runProbeWorker } from './probe-worker.ts';
import { createProber, resolvePort } from './prober.ts';

type Case = readonly [ProbeKind, string, Probe, readonly string[], boolean?];

/** Runs a worker over a line of results (`+` success, `-` failure), one per second, and tells when what was settled. */
async function settledBy([kind, results, probe, , isPassing]: Case): Promise<string[]> {
  const clock = fakeClock();
  const ending = new AbortController();
  const events: string[] = [];
  let n = 0;
  const done = runProbeWorker(
    {
      kind,
      probe: { periodSeconds: 1, ...probe },
      clock,
      startedAt: 0,
      ...(isPassing !== undefined && { isPassing }),
      attempt: async () => ({ isSuccess: results[n++] !== '-', message: '' }),
      onFailure: () => undefined,
      onChange: (state) => events.push(`${clock.now() / 1000}:${state.isPassing ? 'pass' : 'fail'}`),
    },
    ending.signal,
  );
  await clock.advance(0);
  for (let i = 1; i < results.length; i++) await clock.advance(1000);
  ending.abort();
  await clock.advance(0);
  await done;
  return events;
}

describe('a probe worker', () => {
  const cases: Readonly<Record<string, Case>> = {
    'tries at once and is ready with the first success': ['readiness', '+++', {}, ['0:pass']],
    'waits for the initial delay': ['readiness', '+++', { initialDelaySeconds: 2 }, ['2:pass']],
    'needs the success threshold': [
      'readiness',
      '+-++',
      { successThreshold: 2, failureThreshold: 9 },
      ['3:pass'],
    ],
    'leaves after the failure threshold and comes back': [
      'readiness',
      '+--++',
      { failureThreshold: 2 },
      ['0:pass', '2:fail', '3:pass'],
    ],
    'forgives fewer failures than the threshold': ['readiness', '+--+', {}, ['0:pass']],
    'says that it never became ready': ['readiness', '---', {}, ['2:fail']],
    'liveness ends with its failure': ['liveness', '+---+', {}, ['0:pass', '3:fail']],
    'startup ends with its success': ['startup', '--+---', { failureThreshold: 5 }, ['2:pass']],
    'startup ends with its failure': ['startup', '-----', { failureThreshold: 2 }, ['1:fail']],
    'a container that was ready stays so': ['readiness', '-+', { failureThreshold: 3 }, ['1:pass'], true],
    'a container that was ready leaves after its threshold': [
      'readiness',
      '--',
      { failureThreshold: 2 },
      ['1:fail'],
      true,
    ],
  };
  for (const [name, example] of Object.entries(cases)) {
    it(name, async () => assert.deepEqual(await settledBy(example), example[3]));
  }
});

it('an eager probe finds the first success within its first moments', async () => {
  const clock = fakeClock();
  const ending = new AbortController();
  const tries: number[] = [];
  const settled: number[] = [];
  const done = runProbeWorker(
    {
      kind: 'readiness',
      probe: { periodSeconds: 10 },
      clock,
      startedAt: 0,
      isEager: true,
      attempt: async () => {
        tries.push(clock.now());
        return { isSuccess: clock.now() >= 60, message: '' };
      },
      onFailure: () => assert.fail('counted'),
      onChange: () => settled.push(clock.now()),
    },
    ending.signal,
  );
  for (let i = 0; i < 40; i++) await clock.advance(5);
  ending.abort();
  await clock.advance(0);
  await done;
  assert.deepEqual([tries, settled], [[0, 25, 75, 75], [75]]);
});

const container: Container = { name: 'c', ports: [{ name: 'web', containerPort: 8080 }] };

describe('a prober', () => {
  it('finds ports by name and number', () => {
    assert.equal(resolvePort(80, container), 80);
    assert.equal(resolvePort('81', container), 81);
    assert.equal(resolvePort('web', container), 8080);
    assert.equal(resolvePort('none', container), undefined);
  });

  it('asks over HTTP with headers and path', async () => {
    const server = createHttpServer((request, response) => {
      if (request.url === '/slow') return;
      response.statusCode = request.headers['x-key'] === 'v' ? (request.url === '/moved' ? 302 : 204) : 500;
      response.end();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const probe = createProber({
      podIP: '127.0.0.1',
      container,
      exec: () => Promise.reject(new Error('no')),
    });
    const httpHeaders = [{ name: 'X-Key', value: 'v' }];
    assert.equal((await probe({ httpGet: { path: '/x', port, httpHeaders } })).isSuccess, true);
    assert.equal((await probe({ httpGet: { path: '/moved', port, httpHeaders } })).isSuccess, true);
    assert.deepEqual(await probe({ httpGet: { port } }), {
      isSuccess: false,
      message: 'HTTP probe failed with statuscode: 500',
    });
    const late = await probe({ timeoutSeconds: 0.1, httpGet: { path: '/slow', port, httpHeaders } });
    assert.match(late.message, /context deadline exceeded/);
    assert.match((await probe({ httpGet: { port: 'none' } })).message, /couldn't find port: none/);
    server.close();
    server.closeAllConnections();
    assert.match((await probe({ httpGet: { port } })).message, /ECONNREFUSED/);
    assert.equal((await probe({ httpGet: { port, scheme: 'HTTPS' } })).isSuccess, false);
  });

  it('connects over TCP', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const probe = createProber({
      podIP: '127.0.0.1',
      container,
      exec: () => Promise.reject(new Error('no')),
    });
    assert.equal((await probe({ tcpSocket: { port } })).isSuccess, true);
    server.close();
    assert.match(
      (await probe({ tcpSocket: { port } })).message,
      /^dial tcp 127\.0\.0\.1:\d+: .*ECONNREFUSED/,
    );
    assert.match((await probe({ tcpSocket: { port: 'none' } })).message, /couldn't find port/);
  });

  it('runs commands', async () => {
    const answers = { ok: [0, ''], bad: [3, 'wrong\n'], silent: [3, ''], late: [-1, ''] } as const;
    const probe = createProber({
      podIP: '',
      container,
      exec: async ([name]) => {
        const [exitCode, output] = answers[name as keyof typeof answers];
        return { exitCode, output };
      },
    });
    const message = async (name: string): Promise<string> =>
      (await probe({ exec: { command: [name] } })).message;
    assert.equal((await probe({ exec: { command: ['ok'] } })).isSuccess, true);
    assert.equal(await message('bad'), 'wrong');
    assert.equal(await message('silent'), 'command "silent" exited with 3');
    assert.equal(await message('late'), 'command "late" timed out');
    assert.match((await probe({ grpc: { port: 1 } })).message, /gRPC probes are not supported/);
    assert.equal((await probe({})).message, 'missing probe handler');
  });
});
