import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container } from '../../api/core/v1/container.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import {
  newContainerRecord,
  withContainer,
  type ContainerRecord,
  type PodRecord,
  type Termination,
} from './model.ts';
import { afterExit, afterStart, containersOf, countRestart, planPod, terminationOf } from './plan.ts';
import { podStatus } from './status.ts';

const container = (name: string, more: Partial<Container> = {}): Container => ({
  name,
  image: 'host',
  ...more,
});
const run = {
  process: { pid: 1, startTime: '1', exitFile: '' },
  startedAt: 0,
  containerID: 'x',
  directory: '',
  logPath: '',
};
const ended = (exitCode: number, finishedAt = 0): Termination => ({
  exitCode,
  reason: exitCode === 0 ? 'Completed' : 'Error',
  startedAt: 0,
  finishedAt,
  containerID: 'x',
});

/** `run`: runs and is ready; a number: ended with that code; `new`: never started. */
type Known = 'run' | 'new' | 'sick' | number;

interface Example {
  readonly inits?: readonly Container[];
  readonly known: Readonly<Record<string, Known>>;
  readonly spec?: Partial<Pod['spec']>;
  readonly deleted?: boolean;
  readonly nowMs?: number;
  readonly start?: readonly string[];
  readonly stop?: readonly string[];
  readonly finished?: string;
  readonly phase?: string;
}

const knownAs = (name: string, known: Known): ContainerRecord => {
  const record = newContainerRecord(name);
  if (known === 'new') return record;
  if (known === 'run') return { ...record, run, isReady: true, hasStarted: true };
  if (known === 'sick') return { ...record, run, isReady: true, hasStarted: true, isUnhealthy: true };
  return { ...record, terminated: ended(known) };
};

function situation({ inits = [], known, spec = {}, deleted = false }: Example): {
  pod: Pod;
  record: PodRecord;
} {
  const names = Object.keys(known).filter((name) => !inits.some((init) => init.name === name));
  const pod: Pod = {
    metadata: { name: 'p', namespace: 'default', uid: 'u', ...(deleted && { deletionTimestamp: 'now' }) },
    spec: {
      restartPolicy: 'Always',
      initContainers: inits,
      containers: names.map((name) => container(name)),
      ...spec,
    },
  };
  const containers = containersOf(pod).map(({ name }) => knownAs(name, known[name] ?? 'new'));
  return {
    pod,
    record: { uid: 'u', namespace: 'default', name: 'p', ip: '10.0.0.1', startedAt: 0, containers },
  };
}

const cases: Readonly<Record<string, Example>> = {
  'all containers start together': { known: { a: 'new', b: 'new' }, start: ['a', 'b'], phase: 'Pending' },
  'what runs is left alone': { known: { a: 'run', b: 'new' }, start: ['b'], phase: 'Pending' },
  'nothing to do': { known: { a: 'run' }, phase: 'Running' },
  'init containers come first, one at a time': {
    inits: [container('i'), container('j')],
    known: { i: 'new', j: 'new', a: 'new' },
    start: ['i'],
    phase: 'Pending',
  },
  'an init container that runs is waited for': {
    inits: [container('i'), container('j')],
    known: { i: 'run', j: 'new', a: 'new' },
    phase: 'Pending',
  },
  'the next init container follows success': {
    inits: [container('i'), container('j')],
    known: { i: 0, j: 'new', a: 'new' },
    start: ['j'],
    phase: 'Pending',
  },
  'the others follow the last init container': {
    inits: [container('i')],
    known: { i: 0, a: 'new' },
    start: ['a'],
    phase: 'Pending',
  },
  'a failed init container is tried again': {
    inits: [container('i')],
    known: { i: 1, a: 'new' },
    start: ['i'],
    phase: 'Pending',
  },
  'a failed init container ends a Pod that never restarts': {
    inits: [container('i')],
    known: { i: 1, a: 'new' },
    spec: { restartPolicy: 'Never' },
    finished: 'Failed',
  },
  'a sidecar has to run before the next': {
    inits: [container('s', { restartPolicy: 'Always' }), container('j')],
    known: { s: 'new', j: 'new', a: 'new' },
    start: ['s'],
  },
  'a sidecar that runs holds nobody up': {
    inits: [container('s', { restartPolicy: 'Always' }), container('j')],
    known: { s: 'run', j: 'new', a: 'new' },
    start: ['j'],
  },
  'a sidecar that ended is restarted beside the others': {
    inits: [container('s', { restartPolicy: 'Always' })],
    known: { s: 1, a: 'run' },
    start: ['s'],
  },
  'sidecars end with the Pod': {
    inits: [container('s', { restartPolicy: 'Always' })],
    known: { s: 'run', a: 0 },
    spec: { restartPolicy: 'Never' },
    stop: ['s:done'],
    finished: 'Succeeded',
  },
  'Always restarts success': { known: { a: 0 }, start: ['a'], phase: 'Running' },
  'OnFailure restarts failure': { known: { a: 0, b: 2 }, spec: { restartPolicy: 'OnFailure' }, start: ['b'] },
  'OnFailure ends with success': {
    known: { a: 0 },
    spec: { restartPolicy: 'OnFailure' },
    finished: 'Succeeded',
  },
  'Never ends with failure': { known: { a: 0, b: 2 }, spec: { restartPolicy: 'Never' }, finished: 'Failed' },
  'Never waits for all': { known: { a: 2, b: 'run' }, spec: { restartPolicy: 'Never' }, phase: 'Running' },
  'the unhealthy is stopped': { known: { a: 'sick', b: 'run' }, stop: ['a:unhealthy'] },
  'a deleted Pod is stopped, and nothing is started': {
    known: { a: 'run', b: 1 },
    deleted: true,
    stop: ['a:deleted'],
  },
  'time is up': {
    known: { a: 'run' },
    spec: { activeDeadlineSeconds: 5 },
    nowMs: 5000,
    stop: ['a:deadline'],
    finished: 'Failed',
  },
};

describe('the plan of a Pod', () => {
  for (const [name, example] of Object.entries(cases)) {
    it(name, () => {
      const { pod, record } = situation(example);
      const nowMs = example.nowMs ?? 1000;
      const plan = planPod({ pod, record, nowMs });
      assert.deepEqual(
        plan.start.map((c) => c.name),
        example.start ?? [],
      );
      assert.deepEqual(
        plan.stop.map(({ container: c, why }) => `${c.name}:${why}`),
        example.stop ?? [],
      );
      assert.equal(plan.finished?.phase, example.finished);
      if (example.phase !== undefined) {
        assert.equal(podStatus({ pod, record, nowMs, hostIP: '1.1.1.1' }).phase, example.phase);
      }
    });
  }
  it('wakes for a deadline and for the end of a pause', () => {
    const { pod, record } = situation({ known: { a: 1 }, spec: { activeDeadlineSeconds: 50 } });
    const paused = withContainer(record, 'a', (c) => ({ ...c, notBefore: 9000 }));
    assert.deepEqual(planPod({ pod, record: paused, nowMs: 1000 }), { start: [], stop: [], wakeAt: 9000 });
    const later = withContainer(record, 'a', (c) => ({ ...c, notBefore: 90_000 }));
    assert.equal(planPod({ pod, record: later, nowMs: 1000 }).wakeAt, 50_000);
    const over = { ...record, finished: { phase: 'Failed' } as const };
    assert.deepEqual(planPod({ pod, record: over, nowMs: 0 }), { start: [], stop: [] });
  });
});

describe('restarts', () => {
  it('come at once, then after 10 s doubling to 5 min, and at once again after a long life', () => {
    let record: ContainerRecord = { ...newContainerRecord('a'), run };
    const pauses = [];
    for (let i = 0; i < 8; i++) {
      record = afterExit({ ...record, run }, ended(1));
      pauses.push(record.notBefore / 1000);
    }
    assert.deepEqual(pauses, [0, 10, 20, 40, 80, 160, 300, 300]);
    record = afterExit({ ...record, run }, ended(1, 600_000));
    assert.equal(record.notBefore, 600_000);
    assert.equal(afterExit({ ...record, run }, ended(1, 600_010)).notBefore, 600_010);
  });
  it('are counted, and the last end is kept', () => {
    const first = afterStart(newContainerRecord('a'), container('a'), run);
    assert.deepEqual([first.restartCount, first.isReady, first.hasStarted], [0, true, true]);
    const probes = { readinessProbe: {}, startupProbe: {} };
    const second = afterStart(afterExit(first, ended(3)), container('a', probes), run);
    assert.deepEqual([second.restartCount, second.isReady, second.hasStarted], [1, false, false]);
    assert.equal(second.previous?.exitCode, 3);
    assert.equal(second.terminated, undefined);
    assert.equal(countRestart(afterExit(second, ended(4))).restartCount, 2);
    assert.equal(countRestart(newContainerRecord('a')).restartCount, 0);
  });
  it('say what is known of the end', () => {
    assert.equal(terminationOf(run, { exitCode: 0 }, 5).reason, 'Completed');
    assert.equal(terminationOf(run, { exitCode: 2 }, 5).reason, 'Error');
    const lost = terminationOf(run, { exitCode: 137, isUnknown: true }, 5);
    assert.deepEqual([lost.reason, lost.exitCode], ['ContainerStatusUnknown', 137]);
  });
});

describe('the status of a Pod', () => {
  const statusOf = (example: Example, change: (record: PodRecord) => PodRecord = (r) => r) => {
    const { pod, record } = situation(example);
    return podStatus({ pod, record: change(record), nowMs: 1000, hostIP: '172.18.0.2' });
  };
  const condition = (status: ReturnType<typeof statusOf>, type: string) =>
    status.conditions?.find((c) => c.type === type);

  it('is ready when all containers are', () => {
    const status = statusOf({ known: { a: 'run', b: 'run' } });
    for (const type of ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled']) {
      assert.equal(condition(status, type)?.status, 'True', type);
    }
    assert.deepEqual(
      [status.podIP, status.podIPs, status.hostIP],
      ['10.0.0.1', [{ ip: '10.0.0.1' }], '172.18.0.2'],
    );
  });
  it('names the containers that are not ready', () => {
    const unready = (record: PodRecord): PodRecord =>
      withContainer(record, 'b', (c) => ({ ...c, isReady: false }));
    const ready = condition(statusOf({ known: { a: 'run', b: 'run' } }, unready), 'Ready');
    assert.deepEqual(
      [ready?.status, ready?.reason, ready?.message],
      ['False', 'ContainersNotReady', 'containers with unready status: [b]'],
    );
  });
  it('names the init containers that are not done', () => {
    const status = statusOf({
      inits: [container('i'), container('j')],
      known: { i: 'run', j: 'new', a: 'new' },
    });
    assert.equal(condition(status, 'Initialized')?.message, 'containers with incomplete status: [i j]');
    assert.equal(status.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing');
    assert.equal(status.initContainerStatuses?.[0]?.ready, false);
  });
  it('waits for readiness gates', () => {
    const ready = condition(
      statusOf({ known: { a: 'run' }, spec: { readinessGates: [{ conditionType: 'lb' }] } }),
      'Ready',
    );
    assert.deepEqual([ready?.status, ready?.reason], ['False', 'ReadinessGatesNotReady']);
  });
  it('tells of the pause between restarts', () => {
    const paused = statusOf({ known: { a: 1 } }, (r) =>
      withContainer(r, 'a', (c) => ({ ...c, notBefore: 80_000 })),
    );
    const { waiting } = paused.containerStatuses?.[0]?.state ?? {};
    assert.deepEqual(waiting, {
      reason: 'CrashLoopBackOff',
      message: 'back-off 1m20s restarting failed container=a pod=p_default(u)',
    });
    assert.equal(paused.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 1);
  });
  it('is final', () => {
    const done = statusOf({ known: { a: 0 }, spec: { restartPolicy: 'Never' } }, (r) => ({
      ...r,
      finished: { phase: 'Succeeded' },
    }));
    assert.deepEqual([done.phase, condition(done, 'Ready')?.reason], ['Succeeded', 'PodCompleted']);
    const late = { phase: 'Failed', reason: 'DeadlineExceeded', message: 'late' } as const;
    const failed = statusOf({ known: { a: 0 } }, (r) => ({ ...r, finished: late }));
    assert.deepEqual(
      [failed.phase, failed.reason, failed.message, condition(failed, 'Ready')?.reason],
      ['Failed', 'DeadlineExceeded', 'late', 'PodFailed'],
    );
  });
});
