import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLine, descendantsOf, isRunning, type ProcessId } from '../../src/testing/processes.ts';
import { eventually } from '../../src/testing/test-cluster.ts';
import { assertNothingRuns, makeScratch } from './attempt.ts';
import { startPortico, type RunningPortico } from './running.ts';

const flags = ['--nodes', '1'];

/** What is left of the temporary data directory: the lock must stay, since a lock that is removed locks nothing. */
function leftIn(tmp: string): string[] {
  return readdirSync(tmp).flatMap((name) => readdirSync(`${tmp}/${name}`));
}

/** Far less than whatever waits for a process that hangs, far more than a busy machine needs. */
const SOON_MS = 20_000;

async function untilGone(processes: readonly ProcessId[], withinMs: number): Promise<void> {
  await eventually(
    'every process to end',
    () => Promise.resolve(processes.some(isRunning) ? undefined : true),
    withinMs,
  );
}

describe('portico up', { concurrency: 2 }, () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`stops cleanly on ${signal} and empties the temporary data directory`, async () => {
      const scratch = makeScratch();
      const running = await startPortico(scratch, { flags });
      await running.up;
      const processes = descendantsOf(running.pid);
      assert.ok(processes.length >= 5, 'a sandbox, a control plane and a node run');
      running.signal(signal);
      const { code, stderr } = await running.ended;
      assert.equal(code, 0, stderr);
      assert.match(stderr, /stopping\n$/);
      assert.deepEqual(
        processes.filter(isRunning).map((p) => commandLine(p.pid)),
        [],
      );
      assertNothingRuns(scratch.root);
      assert.deepEqual(leftIn(scratch.tmp), ['lock']);
      scratch.remove();
    });
  }

  it('ends at once on a second Ctrl-C, and nothing outlives it', async () => {
    const scratch = makeScratch();
    const running = await startPortico(scratch, { flags });
    await running.up;
    const processes = descendantsOf(running.pid);
    // A control plane that hangs keeps the stop waiting.
    const hanging = processes.filter(({ pid }) => /^\S*node .*control-plane/.test(commandLine(pid)));
    assert.equal(hanging.length, 1);
    for (const { pid } of hanging) process.kill(pid, 'SIGSTOP');
    running.signal('SIGINT');
    await sleep(1000);
    assert.deepEqual(processes.filter(isRunning).length > 0, true, 'the stop takes its time');
    running.signal('SIGINT');
    assert.equal((await running.ended).code, 130);
    await untilGone(processes, SOON_MS);
    assertNothingRuns(scratch.root);
    scratch.remove();
  });
});

/** A moment of the start: so many ms after the command, or when that much was said. */
const moments: Readonly<Record<string, (running: RunningPortico) => Promise<unknown>>> = {
  'as soon as it listens to signals': () => sleep(150),
  'while the sandbox and the certificates are made': () => sleep(350),
  'while the control plane starts': () => sleep(700),
  'when the API answers': (running) =>
    eventually('the API', () => Promise.resolve(/API server/.test(running.progress()) || undefined)),
};

describe('portico up, interrupted during its start', { concurrency: 2 }, () => {
  for (const [when, moment] of Object.entries(moments)) {
    it(`${when}, stops soon and leaves nothing`, async () => {
      const scratch = makeScratch();
      const running = await startPortico(scratch, { flags });
      await moment(running);
      const interruptedAt = Date.now();
      running.signal('SIGINT');
      const { code, stdout, stderr } = await running.ended;
      const tookMs = Date.now() - interruptedAt;
      assert.equal(stdout, '', 'the kubeconfig was not announced');
      // Before its own code runs, the default of the signal ends the program: code null.
      assert.ok(code === 130 || code === null, `${code}: ${stderr}`);
      if (code === 130) assert.match(stderr, /^portico: stopped before the cluster was up$/m);
      // Longer only than a program takes to load on a busy machine: until then it hears nothing.
      assert.ok(tookMs < SOON_MS, `${tookMs} ms`);
      assertNothingRuns(scratch.root);
      assert.deepEqual(leftIn(scratch.tmp), []);
      scratch.remove();
    });
  }
});
