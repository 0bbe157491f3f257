import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openNetworkStack } from '../../src/kernel/route/network-stack.ts';
import { inSandbox, sandboxFolder } from '../../src/testing/sandbox.ts';
import { runProgram, startTestCluster, type TestCluster } from '../../src/testing/test-cluster.ts';

// The machine whose network is used is a namespace: it has one address, a way out and nothing else.
inSandbox(import.meta.filename);

const EXAMPLE = join(import.meta.dirname, '..', '..', 'examples', 'my-service.yaml');
const MACHINE = '192.0.2.10';

interface Machine {
  readonly links: readonly string[];
  readonly routes: readonly unknown[];
  readonly mounts: number;
  readonly tables: string;
}

async function lookAtMachine(): Promise<Machine> {
  const stack = openNetworkStack();
  const links = stack.links().map(({ name }) => name);
  const routes = stack.list('route');
  stack.close();
  const { stdout } = await runProgram(['nft', 'list', 'tables']);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length;
  return { links, routes, mounts, tables: stdout };
}

describe('--network host, on a machine of one address', () => {
  let untouched: Machine;
  let cluster: TestCluster;
  const root = sandboxFolder('portico-host-');
  const start = (...flags: readonly string[]): Promise<TestCluster> =>
    startTestCluster({ dataDir: join(root, 'data'), flags: ['--network', 'host', ...flags] });
  const text = async (argv: readonly [string, ...string[]]): Promise<string> => {
    const { stdout, stderr, code } = await runProgram(argv);
    assert.equal(code, 0, `${argv.join(' ')}: ${stdout}${stderr}`);
    return stdout.trim();
  };
  const kubectl = async (...args: readonly string[]): Promise<string> => {
    const { stdout, stderr, code } = await cluster.kubectl(args);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };
  const get = (url: string): Promise<string> => text(['curl', '-sS', '--max-time', '5', url]);

  const killAll = async (): Promise<void> => {
    const nodes = (await text(['pgrep', '-f', 'cmd/node/main.ts'])).split('\n').map(Number);
    for (const pid of [cluster.pid, ...nodes]) process.kill(pid, 'SIGKILL');
    await cluster.stop();
  };

  before(async () => {
    const stack = openNetworkStack();
    stack.ensure({ kind: 'link', name: 'lo', isUp: true });
    stack.ensure({ kind: 'link', name: 'lan', create: { type: 'bridge' }, isUp: true });
    stack.ensure({ kind: 'address', link: 'lan', address: `${MACHINE}/24` });
    stack.ensure({ kind: 'route', to: '0.0.0.0/0', via: '192.0.2.1', link: 'lan' });
    stack.close();
    untouched = await lookAtMachine();
    cluster = await start();
  });
  after(() => cluster.stop());

  it('serves the example to the machine, by its own address, and names on the loopback', async () => {
    await kubectl('apply', '-f', EXAMPLE);
    await kubectl('rollout', 'status', 'deployment', '--timeout=60s');
    await kubectl('patch', 'service', 'my-service', '-p', '{"spec":{"type":"NodePort"}}');
    const [ip, nodePort] = (
      await kubectl(
        'get',
        'service',
        'my-service',
        '-o',
        'jsonpath={.spec.clusterIP} {.spec.ports[0].nodePort}',
      )
    ).split(' ');
    assert.match(await get(`http://${ip}/`), /^my-app-\S+ answers/);
    assert.match(
      await text([
        'curl',
        '-sS',
        '--retry',
        '20',
        '--retry-connrefused',
        '--retry-max-time',
        '20',
        `http://${MACHINE}:${nodePort}/`,
      ]),
      /^my-app-\S+ answers/,
    );
    const name = 'my-service.default.svc.cluster.local';
    for (const server of [['127.0.0.1', '-p', String(cluster.dnsPort)], ['10.96.0.10']])
      assert.equal(await text(['dig', '+short', `@${server[0]}`, ...server.slice(1), name]), ip);
  });

  it('leaves the machine as it was after Ctrl-C', async () => {
    assert.equal((await cluster.stop()).code, 0);
    assert.deepEqual(await lookAtMachine(), untouched);
  });

  it('goes on after kill -9 of everything with the Pods that run', async () => {
    cluster = await start();
    await kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s');
    const pods = await kubectl('get', 'pods', '-o', 'jsonpath={.items[*].status.podIP}');
    await killAll();
    cluster = await start();
    assert.equal(await kubectl('get', 'pods', '-o', 'jsonpath={.items[*].status.podIP}'), pods);
    const ip = await kubectl('get', 'service', 'my-service', '-o', 'jsonpath={.spec.clusterIP}');
    assert.match(await get(`http://${ip}/`), /^my-app-\S+ answers/);
    await cluster.stop();
    assert.deepEqual(await lookAtMachine(), untouched);
  });

  it('takes away what a killed cluster of another proxy mode left', async () => {
    cluster = await start();
    await killAll();
    cluster = await start('--proxy-mode', 'userspace');
    assert.equal((await lookAtMachine()).tables, 'table ip portico-userspace\n');
    await kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s');
    const ip = await kubectl('get', 'service', 'my-service', '-o', 'jsonpath={.spec.clusterIP}');
    assert.match(await get(`http://${ip}/`), /^my-app-\S+ answers/);
    await cluster.stop();
    assert.deepEqual(await lookAtMachine(), untouched);
  });
});
