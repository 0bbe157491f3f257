import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { eventually, freePort, runProgram, type Outcome } from '../../src/testing/test-cluster.ts';
import { kubectlCases, type Case, type Kubectl } from './kubectl-cases.ts';
import { service } from './manifests.ts';
import { podVerbs } from './pod-verbs.ts';

/** What kubectl speaks: WebSocket by itself (1.31 and later), SPDY when told so. */
const transports = { WebSocket: 'true', SPDY: 'false' } as const;
type Transport = keyof typeof transports;

const envOf = (kubectl: Kubectl, transport: Transport): Record<string, string> => ({
  KUBECONFIG: kubectl.cluster.kubeconfig,
  KUBECACHEDIR: join(kubectl.cluster.root, 'kubectl-cache'),
  KUBECTL_REMOTE_COMMAND_WEBSOCKETS: transports[transport],
  KUBECTL_PORT_FORWARD_WEBSOCKETS: transports[transport],
});

/** A kubectl that runs on, with its streams. */
function begin(kubectl: Kubectl, transport: Transport, args: readonly string[]): ChildProcess {
  return spawn('kubectl', ['-n', kubectl.namespace, ...args], {
    env: { ...process.env, ...envOf(kubectl, transport) },
  });
}

const run = (
  kubectl: Kubectl,
  transport: Transport,
  [args, input = '']: readonly [args: readonly string[], input?: string],
): Promise<Outcome> =>
  runProgram(['kubectl', '-n', kubectl.namespace, ...args], { input, env: envOf(kubectl, transport) });

const containers = [
  {
    name: 'main',
    image: 'host',
    command: ['sh', '-c', 'while :; do sleep 1; done'],
    env: [{ name: 'GREETING', value: 'hello' }],
    workingDir: '/usr',
  },
  {
    name: 'echo',
    image: 'portico/echo',
    args: ['--port', '9376'],
    ports: [{ name: 'http', containerPort: 9376 }],
    readinessProbe: { httpGet: { path: '/readyz', port: 9376 }, periodSeconds: 1 },
  },
];

async function createPod(kubectl: Kubectl, spec: object = { containers }): Promise<void> {
  const metadata = { name: 'p', labels: { app: 'p' } };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { terminationGracePeriodSeconds: 1, ...spec },
  };
  await kubectl.ok('create -f -', pod);
  await kubectl.ok('wait --for=condition=Ready pod/p --timeout=25s');
}

const sh = (script: string): readonly string[] => ['exec', '-i', 'p', '-c', 'main', '--', 'sh', '-c', script];

/** The processes of this machine whose command line, each word ended by a zero byte, is one that `isMeant`. */
const processesThat = (isMeant: (commandLine: string) => boolean): readonly string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => {
      try {
        return isMeant(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
      } catch {
        return false;
      }
    });
/** Those whose command line has the text. */
const processesWith = (mark: string): readonly string[] =>
  processesThat((commandLine) => commandLine.includes(mark));

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Starts a port-forward to `target`; resolves with the local port when it listens. */
async function forward(
  kubectl: Kubectl,
  transport: Transport,
  [target, ports]: readonly [target: string, ports: readonly number[]],
): Promise<{ child: ChildProcess; local: readonly number[]; errors: () => string }> {
  const local = await Promise.all(ports.map(() => freePort()));
  const child = begin(kubectl, transport, [
    'port-forward',
    target,
    ...ports.map((port, i) => `${local[i]}:${port}`),
  ]);
  let [out, errors] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await eventually('the port-forward', () =>
    Promise.resolve(out.split('Forwarding from 127.0.0.1').length > ports.length ? true : undefined),
  );
  return { child, local, errors: () => errors };
}

/** Sends and half-closes; what the other end says until it closes. */
async function ask(port: number, bytes: Uint8Array): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(bytes);
  return buffer(socket);
}

const both = (cases: Readonly<Record<string, (kubectl: Kubectl, transport: Transport) => Promise<void>>>) =>
  Object.fromEntries(
    Object.entries(cases).flatMap(([sentence, run]) =>
      (Object.keys(transports) as Transport[]).map((transport): [string, Case] => [
        `${transport}: ${sentence}`,
        (kubectl) => run(kubectl, transport),
      ]),
    ),
  );

kubectlCases('kubectl and streams', {
  ...both({
    'exec has the container’s environment, folder, streams and exit code': async (kubectl, transport) => {
      await createPod(kubectl);
      const ran = await run(kubectl, transport, [sh('pwd; echo $GREETING; echo oops >&2; exit 7')]);
      assert.deepEqual([ran.code, ran.stdout], [7, '/usr\nhello\n']);
      assert.match(ran.stderr, /^oops\n/m);
      assert.match(ran.stderr, /command terminated with exit code 7/);
      assert.equal((await run(kubectl, transport, [sh('kill -9 $$')])).code, 137);
      const missing = await run(kubectl, transport, [['exec', 'p', '-c', 'main', '--', 'no-such-program']]);
      assert.equal(missing.code, 1);
      assert.match(missing.stderr, /exec: "no-such-program": executable file not found in \$PATH/);
      const nowhere = await run(kubectl, transport, [['exec', 'p', '-c', 'none', '--', 'true']]);
      assert.match(nowhere.stderr, /container none is not valid for pod p/);
      const counted = await run(kubectl, transport, [sh('wc -c; cat /dev/stdin'), 'twelve bytes']);
      assert.equal(counted.stdout.trim(), '12');
      const left = await run(kubectl, transport, [sh('sleep 5 & echo gone')]);
      assert.deepEqual([left.code, left.stdout], [0, 'gone\n']);
    },
    'exec carries every byte both ways, and ends with its input': async (kubectl, transport) => {
      await createPod(kubectl);
      const child = begin(kubectl, transport, ['exec', '-i', 'p', '-c', 'main', '--', 'cat']);
      const bytes = randomBytes(8_000_000);
      child.stdin?.end(bytes);
      assert.ok(child.stdout !== null);
      assert.equal(sha(await buffer(child.stdout)), sha(bytes));
    },
    'exec has a terminal of the size of the client’s': async (kubectl, transport) => {
      await createPod(kubectl);
      const inner = `kubectl -n ${kubectl.namespace} exec -it p -c main -- sh -c "until stty size | grep -v ^0; do sleep 0.1; done; echo \\$TERM; exit 5"`;
      const outcome = await runProgram(['script', '-qec', `stty rows 33 cols 77; ${inner}`, '/dev/null'], {
        env: envOf(kubectl, transport),
      });
      assert.match(outcome.stdout, /33 77\r\nxterm\r\n/);
      assert.equal(outcome.code, 5, outcome.stdout);
    },
    'a client that is killed leaves no process': async (kubectl, transport) => {
      await createPod(kubectl);
      const mark = `/tmp/mark-${process.pid}-${transport}`;
      const script = `sleep 1000 & sh -c 'sleep 1001; : ${mark}'; : ${mark}`;
      const child = begin(kubectl, transport, [...sh(script)]);
      const mine = (): readonly string[] => processesWith(mark).filter((pid) => pid !== String(child.pid));
      await eventually('the command', () => Promise.resolve(mine().length >= 2 ? true : undefined));
      child.kill('SIGKILL');
      await eventually('its end', () => Promise.resolve(mine().length === 0 ? true : undefined));
    },
    'cp brings 20 MB in and out again, and folders': async (kubectl, transport) => {
      await createPod(kubectl);
      const root = mkdtempSync(join(tmpdir(), 'portico-cp-'));
      const bytes = randomBytes(20_000_000);
      writeFileSync(join(root, 'in'), bytes);
      const copy = (from: string, to: string): Promise<Outcome> =>
        run(kubectl, transport, [['cp', from, to, '-c', 'main']]);
      const inside = join(root, 'inside');
      const inward = await copy(join(root, 'in'), `${kubectl.namespace}/p:${inside}`);
      assert.equal(inward.code, 0, inward.stderr);
      assert.equal(sha(readFileSync(inside)), sha(bytes));
      const outward = await copy(`${kubectl.namespace}/p:${inside}`, join(root, 'out'));
      assert.equal(outward.code, 0, outward.stderr);
      assert.equal(sha(readFileSync(join(root, 'out'))), sha(bytes));
      rmSync(root, { recursive: true });
    },
    'port-forward reaches Pods and Services, several ports, and ends each direction by itself': async (
      kubectl,
      transport,
    ) => {
      await createPod(kubectl);
      await kubectl.ok(
        'create -f -',
        service('s', { selector: { app: 'p' }, ports: [{ port: 80, targetPort: 'http' }] }),
      );
      const pod = await forward(kubectl, transport, ['pod/p', [9376, 9376]]);
      for (const port of pod.local)
        assert.match((await ask(port, Buffer.from('hello\n'))).toString(), /^p answers/);
      const answer = await fetch(`http://127.0.0.1:${pod.local[0]}/`);
      assert.match(await answer.text(), /^p answers/);
      const other = await forward(kubectl, transport, ['service/s', [80]]);
      assert.match(await (await fetch(`http://127.0.0.1:${other.local[0]}/`)).text(), /^p answers/);
      pod.child.kill();
      other.child.kill();
    },
    'port-forward carries 100 MB unharmed, many connections at once': async (kubectl, transport) => {
      // The program on the loopback of the Pod's own network sends back the checksum of what it got, then all of it.
      const server = `
        const { createServer } = require('node:net'), { createHash } = require('node:crypto');
        createServer({ allowHalfOpen: true }, (s) => {
          const hash = createHash('sha256'); let n = 0;
          s.on('data', (d) => { hash.update(d); n += d.length; });
          s.on('end', () => s.end(n + ' ' + hash.digest('hex')));
        }).listen(7000, '127.0.0.1');`;
      const node = { name: 'main', image: 'host', command: [process.execPath, '-e', server] };
      await createPod(kubectl, { containers: [node] });
      const { child, local } = await forward(kubectl, transport, ['p', [7000]]);
      const [port = 0] = local;
      const large = randomBytes(1_000_000);
      const whole = Buffer.concat(Array.from({ length: 100 }, () => large));
      assert.equal((await ask(port, whole)).toString(), `100000000 ${sha(whole)}`);
      const many = Array.from({ length: 20 }, () => randomBytes(300_000));
      const answers = await Promise.all(many.map((bytes) => ask(port, bytes)));
      assert.deepEqual(
        answers.map(String),
        many.map((bytes) => `300000 ${sha(bytes)}`),
      );
      child.kill();
    },
    'port-forward says what is wrong with a port': async (kubectl, transport) => {
      await createPod(kubectl);
      const { child, local, errors } = await forward(kubectl, transport, ['p', [81]]);
      await ask(local[0] ?? 0, Buffer.from('x')).catch(() => undefined);
      await eventually('the error', () =>
        Promise.resolve(/error forwarding port 81 to pod .*ECONNREFUSED/.test(errors()) ? true : undefined),
      );
      child.kill();
    },
    'attach hears a container and types into it': async (kubectl, transport) => {
      const talk = 'while read line; do echo got $line; echo err $line >&2; done; echo over';
      const command = ['sh', '-c', talk];
      await createPod(kubectl, {
        restartPolicy: 'Never',
        containers: [{ name: 'main', image: 'host', command, stdin: true, stdinOnce: true }],
      });
      const ran = await run(kubectl, transport, [['attach', '-i', 'p'], 'one\ntwo\n']);
      assert.deepEqual([ran.code, ran.stdout], [0, 'got one\ngot two\nover\n'], ran.stderr);
      assert.match(ran.stderr, /err one\nerr two/);
      assert.equal((await kubectl.ok('logs p')).split('\n').length, 5);
    },
  }),
  'run -i attaches, and takes the exit with it': async (kubectl) => {
    const line = 'run r -i --rm --restart=Never --image=host --command -- sh -c';
    const outcome = await kubectl.run(`${line} 'sleep 1; cat; echo done'`, 'typed\n');
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stdout, /typed\ndone\n/);
  },
  ...podVerbs,
});

kubectlCases('kubectl when a node agent is killed', {
  'streams end with an error when the node agent is killed': async (kubectl) => {
    await createPod(kubectl);
    const child = begin(kubectl, 'WebSocket', ['exec', 'p', '-c', 'main', '--', 'sleep', '1003']);
    assert.ok(child.stderr !== null);
    const said = text(child.stderr);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // The program itself: what leads to it may not be mortal yet.
    await eventually('the command', () =>
      Promise.resolve(processesThat((line) => line === 'sleep\x001003\0').length > 0 ? true : undefined),
    );
    const agents = processesWith('cmd/node/main.ts').filter((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(kubectl.cluster.root),
    );
    assert.ok(agents.length > 0);
    for (const pid of agents) process.kill(Number(pid), 'SIGKILL');
    assert.notEqual(await ended, 0, await said);
    await eventually('the end of the command', () =>
      Promise.resolve(processesWith('sleep\x001003').length === 0 ? true : undefined),
    );
  },
});
