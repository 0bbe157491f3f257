import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { realClock } from '../../../base/clock.ts';
import type { ContainerStart } from '../model.ts';
import { createProcessRuntime } from './process-runtime.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'portico-runtime-')));
after(() => rmSync(root, { recursive: true }));
const runtime = createProcessRuntime({ clock: realClock });
let nContainers = 0;

function container(script: string, env: Readonly<Record<string, string>> = {}): ContainerStart {
  const directory = join(root, String(++nContainers));
  mkdirSync(directory);
  return {
    argv: ['/bin/sh', '-c', script],
    env: { PATH: '/usr/bin:/bin', ...env },
    workingDir: root,
    namespaces: {},
    mounts: [],
    directory,
    logPath: join(directory, 'log'),
    input: { stdin: 'none', isTty: false },
  };
}

describe('containers as plain processes', () => {
  it('run commands with their environment, odd names too, and working directory', async () => {
    const started = runtime.start(container('sleep 60', { KNOWN: 'yes', 'odd.name': 'too' }));
    const output = async (program: string): Promise<string> =>
      (await runtime.exec(started.record, [program], 60_000)).output;
    const [folder, env] = [await output('/bin/pwd'), (await output('/usr/bin/env')).split('\n')];
    started.kill();
    assert.equal(folder, `${root}\n`);
    for (const entry of ['KNOWN=yes', 'odd.name=too']) assert.ok(env.includes(entry), env.join(' '));
    assert.equal((await started.exited).exitCode, 137);
  });
  it('that have ended run no command', async () => {
    const started = runtime.start(container('exit 3'));
    assert.deepEqual(await started.exited, { exitCode: 3 });
    assert.deepEqual(await runtime.exec(started.record, ['true'], 60_000), {
      exitCode: 126,
      output: 'the container does not run',
    });
  });
  it('are asked to end whenever it is: before, while and after their program starts', async () => {
    const exits = Array.from({ length: 12 }, async (_, i) => {
      const started = runtime.start(container('exec sleep 60'));
      await realClock.sleep(i);
      started.signal('SIGTERM');
      return (await started.exited).exitCode;
    });
    assert.deepEqual(new Set(await Promise.all(exits)), new Set([143]));
  });
  it('write both streams to one log, in lines', async () => {
    const spec = container('echo out; echo err >&2');
    await runtime.start(spec).exited;
    const entries = readFileSync(spec.logPath, 'utf8').split('\n').filter(Boolean);
    assert.deepEqual(entries.map((entry) => entry.split(' ').slice(1).join(' ')).sort(), [
      'stderr F err',
      'stdout F out',
    ]);
  });
});
