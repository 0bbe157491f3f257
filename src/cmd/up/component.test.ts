import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { realClock } from '../../base/clock.ts';
import { eventually } from '../../testing/test-cluster.ts';
import { runComponent, type Component, type ComponentOptions } from './component.ts';
import { portOf, takePort } from './host-ports.ts';
import type { FromComponent } from './messages.ts';

const scratch = mkdtempSync(join(tmpdir(), 'portico-component-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const channel = join(import.meta.dirname, '..', 'component', 'supervisor-channel.ts');

interface Watched {
  readonly component: Component;
  readonly restarts: string[];
  readonly messages: FromComponent[];
  readonly givenUp: string[];
  readonly log: () => string;
}

let n = 0;

/** Runs a script as a component; `channel` is a component's end of the line. */
function start(script: string, more: Partial<ComponentOptions> = {}): Watched {
  const file = join(scratch, `part-${++n}.mts`);
  writeFileSync(
    file,
    `import { connectSupervisor, runMain } from ${JSON.stringify(channel)};\nconst channel = connectSupervisor();\n${script}`,
  );
  const logFile = `${file}.log`;
  const watched = { restarts: [] as string[], messages: [] as FromComponent[], givenUp: [] as string[] };
  const component = runComponent({
    name: 'part',
    argv: [process.execPath, file],
    logFile,
    clock: realClock,
    onSpawn: () => undefined,
    onMessage: (message) => void watched.messages.push(message),
    onRestart: (name, how) => void watched.restarts.push(`${name} ${how}`),
    onGiveUp: (error) => void watched.givenUp.push(error.message),
    ...more,
  });
  return { ...watched, component, log: () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '') };
}

const untilStopped = `await new Promise((stop) => channel.stopped.addEventListener('abort', stop));`;
const serve = `channel.send({ type: 'ready', what: 'api' });`;
const until = (what: string, isSo: () => boolean): Promise<true> =>
  eventually(what, () => Promise.resolve(isSo() || undefined));

describe('a component', { concurrency: 2 }, () => {
  it('is ready when it says so, each thing by itself, and stops when it is asked', async () => {
    const part = start(`${serve} await runMain(async () => { ${untilStopped} console.log('stopped'); });`);
    await part.component.ready('api');
    await part.component.ready('api');
    let isDnsReady = false;
    const dns = part.component.ready('dns').then(
      () => (isDnsReady = true),
      (error: unknown) => String(error),
    );
    await part.component.stop();
    assert.match(String(await dns), /part was stopped/);
    assert.equal(isDnsReady, false);
    assert.equal(part.log(), 'stopped\n');
    assert.equal(statSync(join(scratch, `part-${n}.mts.log`)).mode & 0o777, 0o600);
    assert.deepEqual([part.restarts, part.givenUp], [[], []]);
  });

  it('that is not ready in time is told of, with the end of its log, and waited for', async () => {
    const slow: string[] = [];
    const part = start(`console.log('working'); await runMain(async () => { ${untilStopped} });`, {
      slowStartMs: 1500,
      onSlow: (name, how) => void slow.push(`${name} ${how}`),
    });
    const ready = part.component.ready('node').catch((error: unknown) => String(error));
    await until('a word about it', () => slow.length > 0);
    assert.match(slow.join(), /^part is not ready \(node\) after 1.5 s; the end of its log .*\nworking$/);
    await part.component.stop();
    assert.match(String(await ready), /was stopped/);
  });

  it('that was killed is started again, and told anew what it waits for', async () => {
    const part = start(`await channel.pkiReady; ${serve} await runMain(async () => { ${untilStopped} });`, {
      argv: ['sh', '-c', 'echo $$; exec "$0" "$1"', process.execPath, join(scratch, `part-${n + 1}.mts`)],
      onSpawn: (self) => void self.send({ type: 'pki-ready' }),
    });
    await part.component.ready('api');
    process.kill(Number(part.log()), 'SIGKILL');
    await until('it to be ready again', () => part.messages.length === 2);
    assert.deepEqual(part.restarts, ['part was ended by SIGKILL']);
    await part.component.stop();
  });

  it('that ends three times while it starts is given up, with the end of its log', async () => {
    const part = start(`throw new Error('the disk is made of cheese');`);
    await assert.rejects(part.component.ready('api'), (error: Error) => {
      assert.match(error.message, /^part ended with code 1 3 times while starting; the end of its log \(/);
      return /made of cheese/.test(error.message);
    });
    assert.deepEqual(part.restarts, ['part ended with code 1', 'part ended with code 1']);
    assert.equal(part.givenUp.length, 1);
    await part.component.stop();
  });

  it('that has been ready is started again however often it ends', async () => {
    const part = start(`${serve} setTimeout(() => process.kill(process.pid, 'SIGKILL'), 20);`);
    await part.component.ready('api');
    await until('five ends', () => part.restarts.length >= 4);
    assert.deepEqual(new Set(part.restarts), new Set(['part was ended by SIGKILL']));
    assert.deepEqual(part.givenUp, []);
    await part.component.stop();
    const nRestarts = part.restarts.length;
    await realClock.sleep(600);
    assert.equal(part.restarts.length, nRestarts, 'nothing is started after the stop');
  });

  it('that says it cannot go on is given up at once, in its own words', async () => {
    const part = start(
      `channel.send({ type: 'fatal', message: 'store.db is damaged' }); await runMain(async () => { throw new Error('x'); });`,
    );
    await assert.rejects(part.component.ready('api'), { name: 'UserError', message: 'store.db is damaged' });
    assert.deepEqual(part.givenUp, ['store.db is damaged']);
    assert.deepEqual(part.restarts, []);
    await part.component.stop();
  });

  it('whose program is not there is given up with the reason', async () => {
    const part = start('', { argv: [join(scratch, 'no-such-program')] });
    await assert.rejects(
      part.component.ready('api'),
      /part cannot be started: spawn .*no-such-program ENOENT/,
    );
    await part.component.stop();
  });

  it('that does not stop when it is asked is ended by force', async () => {
    const part = start(`${serve} setInterval(() => {}, 1000);`);
    await part.component.ready('api');
    const askedAt = Date.now();
    await part.component.stop();
    assert.ok(Date.now() - askedAt >= 2900);
  });

  it('serves the socket that it inherits, and gets it anew when it starts again', async () => {
    const first = await takePort('--api-port', { port: 20_000 + (process.pid % 20_000), isFixed: false });
    const port = portOf(first);
    let nOpened = 0;
    const part = start(
      `import { createServer } from 'node:net';
       const server = createServer((s) => s.end(String(process.pid))).listen({ fd: 4 }, () => { ${serve} });
       await runMain(async () => { ${untilStopped} server.close(); });`,
      {
        openListener: () =>
          nOpened++ === 0 ? Promise.resolve(first) : takePort('--api-port', { port, isFixed: true }),
      },
    );
    await part.component.ready('api');
    const ask = (): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1').setEncoding('utf8');
        socket.once('data', (text) => resolve(String(text)));
        socket.once('error', () => resolve(''));
        socket.once('close', () => resolve(''));
      });
    const old = await ask();
    process.kill(Number(old), 'SIGKILL');
    const next = await eventually('the next one', () =>
      ask().then((pid) => (pid === '' || pid === old ? undefined : pid)),
    );
    assert.notEqual(next, old);
    await part.component.stop();
    assert.equal(nOpened, 2);
  });

  it('waits for a port that another program has for a moment', async () => {
    const first = await takePort('--api-port', { port: 40_000 + (process.pid % 10_000), isFixed: false });
    const port = portOf(first);
    let nOpened = 0;
    const rival = createServer();
    const part = start(`${serve} setTimeout(() => process.exit(3), 100);`, {
      openListener: async () => {
        if (nOpened++ === 0) return first;
        if (nOpened === 2) {
          rival.listen(port, '127.0.0.1');
          await once(rival, 'listening');
        } else if (nOpened === 4) rival.close();
        return takePort('--api-port', { port, isFixed: true });
      },
    });
    await until('the third try', () => part.messages.length >= 2);
    assert.match(part.restarts.join('\n'), /part cannot be started \(--api-port \d+: the port is taken/);
    assert.deepEqual(part.givenUp, []);
    await part.component.stop();
  });
});
