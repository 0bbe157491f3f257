import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container } from '../../api/core/v1/container.ts';
import { fakeClock } from '../../base/clock.ts';
import type { PodDependencies } from './dependencies.ts';
import { newContainerRecord, type ContainerRun } from './model.ts';
import { superviseContainer } from './supervised-container.ts';

/** A container that heeds no signal, with a hook that takes longer than any grace period here; `happened` tells what it got, and when. */
function stubborn(lifecycle: Container['lifecycle']) {
  const clock = fakeClock();
  const happened: string[] = [];
  const run: ContainerRun = {
    process: { pid: 0, startTime: '', exitFile: '' },
    startedAt: clock.now(),
    containerID: '',
    directory: '',
    logPath: '',
  };
  const beganAt = clock.now();
  const note = (what: string): void => void happened.push(`${what} after ${clock.now() - beganAt} ms`);
  const exited = Promise.withResolvers<{ exitCode: number }>();
  const container = superviseContainer({
    deps: { clock, events: { record: () => undefined } } as unknown as PodDependencies,
    pod: { metadata: { name: 'p' }, spec: { containers: [] } },
    container: { name: 'c', ...(lifecycle !== undefined && { lifecycle }) },
    podIP: '',
    run,
    process: {
      record: run.process,
      io: { listen: () => () => undefined, openStdin: () => undefined, resize: () => undefined },
      exited: exited.promise,
      signal: note,
      kill: () => {
        note('SIGKILL');
        exited.resolve({ exitCode: 137 });
      },
      release: () => undefined,
    },
    known: newContainerRecord('c'),
    change: () => undefined,
  });
  return { clock, happened, stop: (graceMs: number) => container.stop(graceMs) };
}

describe('a container that is asked to end', () => {
  it('gets its signal at once and SIGKILL after the grace period', async () => {
    const { clock, happened, stop } = stubborn(undefined);
    const stopped = stop(3000);
    await clock.advance(3000);
    await stopped;
    assert.deepEqual(happened, ['SIGTERM after 0 ms', 'SIGKILL after 3000 ms']);
  });
  it('has less time when it is asked again with less', async () => {
    const { clock, happened, stop } = stubborn(undefined);
    void stop(30_000);
    await clock.advance(1000);
    void stop(2000);
    await clock.advance(2000);
    assert.deepEqual(happened, ['SIGTERM after 0 ms', 'SIGKILL after 3000 ms']);
  });
  it('has two seconds after a hook that ate the grace period, also when it is asked again', async () => {
    const { clock, happened, stop } = stubborn({ preStop: { sleep: { seconds: 60 } } });
    void stop(3000);
    await clock.advance(500);
    void stop(3000);
    await clock.advance(10_000);
    assert.deepEqual(happened, ['SIGTERM after 3000 ms', 'SIGKILL after 5000 ms']);
  });
});
