import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job } from '../../api/batch/v1/job.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { formatIndexes, parseIndexes, trackingFinalizer } from './model.ts';
import { planJob } from './plan.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number): string => `${new Date(start + seconds * 1000).toISOString().slice(0, 19)}Z`;

const job = (spec: Partial<Job['spec']> = {}, status: Job['status'] = { startTime: at(0) }): Job => ({
  metadata: { name: 'work', namespace: 'shop', uid: 'j' },
  spec: {
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    template: { spec: { containers: [], restartPolicy: 'Never' } },
    ...spec,
  },
  status,
});

let nPods = 0;
/** `r`: running, `s`: succeeded, `f9`: failed after 9 s, `x`: stopping; with `=2` of number 2. */
function podOf(text: string): Pod {
  const [, phase = '', seconds = '0', index] = /^([rsfx])(\d*)(?:=(\d+))?$/.exec(text) ?? [];
  const phases: Readonly<Record<string, string>> = {
    r: 'Running',
    s: 'Succeeded',
    f: 'Failed',
    x: 'Running',
  };
  const terminated = { exitCode: 1, finishedAt: at(Number(seconds)) };
  const annotations = { 'batch.kubernetes.io/job-completion-index': index ?? '' };
  return {
    metadata: {
      name: text,
      uid: `u${nPods++}`,
      finalizers: [trackingFinalizer],
      ...(index === undefined ? {} : { annotations }),
      ...(phase === 'x' ? { deletionTimestamp: at(0) } : {}),
    },
    spec: { containers: [] },
    status: {
      phase: phases[phase],
      containerStatuses: [
        {
          name: 'c',
          ready: true,
          restartCount: 0,
          image: '',
          imageID: '',
          state: 'sf'.includes(phase) ? { terminated } : {},
        },
      ],
    },
  };
}

interface Row {
  readonly pods: string;
  readonly spec?: Partial<Job['spec']>;
  readonly now?: number;
  readonly creates?: number | string;
  readonly deletes?: string;
  readonly verdict?: string;
  readonly againMs?: number;
}

const several = { completions: 3, parallelism: 2 };
const anyOne = { completions: undefined, parallelism: 2 };
const indexed = { completionMode: 'Indexed', completions: 4, parallelism: 3 };

const rows: Readonly<Record<string, Row>> = {
  'nothing runs: one begins': { pods: '', creates: 1 },
  'as many as may run at a time': { pods: '', spec: several, creates: 2 },
  'no more than are still needed': { pods: 's s', spec: several, creates: 1 },
  'enough run': { pods: 'r r', spec: several },
  'too many run: one goes': { pods: 'r r', deletes: 'r' },
  'all have succeeded': { pods: 's s s', spec: several, verdict: 'CompletionsReached' },
  'all have succeeded, and one too many runs': {
    pods: 's s s r',
    spec: several,
    deletes: 'r',
    verdict: 'CompletionsReached',
  },
  'a work queue: all begin': { pods: '', spec: anyOne, creates: 2 },
  'a work queue: after a success none begins': { pods: 's r', spec: anyOne },
  'a work queue: the success of one and the end of all': {
    pods: 's f',
    spec: anyOne,
    verdict: 'CompletionsReached',
  },
  'after a failure the next waits ten seconds': { pods: 'f9', now: 10, againMs: 9_000 },
  'and comes then': { pods: 'f9', now: 19, creates: 1 },
  'after two failures it waits twice as long': { pods: 'f3 f9', now: 10, againMs: 19_000 },
  'a success takes failures before it away': { pods: 'f3 s9', spec: several, now: 10, creates: 2 },
  'too many failures': { pods: 'f f', spec: { backoffLimit: 1 }, verdict: 'BackoffLimitExceeded' },
  'too many failures: what runs goes': {
    pods: 'f r',
    spec: { ...several, backoffLimit: 0 },
    deletes: 'r',
    verdict: 'BackoffLimitExceeded',
  },
  'a Pod that stops has failed': { pods: 'x', now: 20, creates: 1 },
  'a Pod that stops is waited for where the Job says so': {
    pods: 'x',
    spec: { podReplacementPolicy: 'Failed' },
  },
  'too late': {
    pods: 'r',
    spec: { activeDeadlineSeconds: 5 },
    now: 5,
    deletes: 'r',
    verdict: 'DeadlineExceeded',
  },
  'not too late yet': { pods: 'r', spec: { activeDeadlineSeconds: 5 }, now: 2, againMs: 3_000 },
  'suspended: all go': { pods: 'r', spec: { suspend: true }, deletes: 'r' },
  'numbers: the lowest free ones': { pods: 's=0 r=2', spec: indexed, creates: '1 3' },
  'numbers: each counts once': { pods: 's=0 s=0 s=1 s=2', spec: indexed, creates: '3' },
  'numbers: all': { pods: 's=0 s=1 s=2 s=3', spec: indexed, verdict: 'CompletionsReached' },
};

const planOf = (which: Job, pods: readonly Pod[], now = 0) =>
  planJob({ job: which, pods, now: start + now * 1000 });

describe('one step of a Job', () => {
  for (const [sentence, { pods, spec, now, creates = 0, deletes = '', verdict, againMs }] of Object.entries(
    rows,
  )) {
    it(sentence, () => {
      const plan = planOf(job(spec), pods === '' ? [] : pods.split(' ').map(podOf), now);
      const made = typeof creates === 'number' ? plan.creates.length : plan.creates.join(' ');
      const reason = plan.status.conditions?.find(({ type }) => type !== 'Suspended')?.reason;
      assert.deepEqual(
        [made, plan.deletes.map(({ metadata }) => metadata.name).join(' '), reason, plan.againMs],
        [creates, deletes, verdict, againMs],
      );
    });
  }

  it('counts a Pod that has ended in three steps: noted, released, counted', () => {
    const pod = podOf('s');
    const uid = pod.metadata.uid ?? '';
    const noted = planOf(job({ completions: 2 }), [pod]);
    assert.deepEqual(
      [noted.status.succeeded, noted.status.uncountedTerminatedPods?.succeeded, noted.release],
      [0, [uid], []],
    );
    const released = planOf(job({ completions: 2 }, noted.status), [pod]);
    assert.deepEqual([released.status.succeeded, released.release], [0, [pod]]);
    const counted = planOf(job({ completions: 2 }, released.status), [
      { ...pod, metadata: { ...pod.metadata, finalizers: [] } },
    ]);
    assert.deepEqual([counted.status.succeeded, counted.status.uncountedTerminatedPods?.succeeded], [1, []]);
    const gone = planOf(job({ completions: 2 }, counted.status), []);
    assert.equal(gone.status.succeeded, 1);
  });

  it('is not complete before all is counted and nothing runs', () => {
    const types = (plan: ReturnType<typeof planOf>) => plan.status.conditions?.map(({ type }) => type);
    const pod = podOf('s');
    const first = planOf(job(), [pod]);
    assert.deepEqual(types(first), ['SuccessCriteriaMet']);
    const last = planOf(job({}, first.status), []);
    assert.deepEqual([types(last), last.status.succeeded], [['SuccessCriteriaMet', 'Complete'], 1]);
  });

  it('counts restarts where containers start again in their Pod', () => {
    const pod = podOf('r');
    const [container] = pod.status?.containerStatuses ?? [];
    assert.ok(container !== undefined);
    const again = {
      ...pod,
      status: { ...pod.status, containerStatuses: [{ ...container, restartCount: 2 }] },
    };
    const template = { spec: { containers: [], restartPolicy: 'OnFailure' } };
    const reasonFor = (backoffLimit: number) =>
      planOf(job({ template, backoffLimit }), [again]).status.conditions?.[0]?.reason;
    assert.deepEqual(
      [reasonFor(3), reasonFor(2), reasonFor(0)],
      [undefined, 'BackoffLimitExceeded', 'BackoffLimitExceeded'],
    );
  });

  it('is removed when it has been finished for long enough', () => {
    const done = { type: 'Complete', status: 'True', lastTransitionTime: at(0) };
    const finished = job({ ttlSecondsAfterFinished: 10 }, { conditions: [done] });
    const facts = (now: number) => [planOf(finished, [], now).isExpired, planOf(finished, [], now).againMs];
    assert.deepEqual(
      [facts(4), facts(10)],
      [
        [false, 6_000],
        [true, undefined],
      ],
    );
  });
});

it('indexes are written in short', () => {
  const texts = ['', '0', '0,1', '0-2', '1,3-5,7', '0,1,3,4,6-9'];
  for (const text of texts) assert.equal(formatIndexes(parseIndexes(text)), text);
});
