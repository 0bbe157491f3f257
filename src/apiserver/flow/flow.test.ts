import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../../base/clock.ts';
import { ApiError } from '../../api/errors/api-error.ts';
import type { Attributes } from '../authorization/authorize.ts';
import { createFairQueue, type Release } from './fair-queue.ts';
import { createFlowControl, levelOf } from './flow-control.ts';

const limits = { seats: 1, queueLength: 3, capacity: 5, waitMs: 1000 };

describe('a fair queue', () => {
  it('gives free seats at once', () => {
    const queue = createFairQueue({ ...limits, seats: 2 }, fakeClock(0));
    assert.equal(typeof queue.enter('a'), 'function');
    assert.equal(typeof queue.enter('a'), 'function');
    assert.ok(queue.enter('a') instanceof Promise);
    assert.deepEqual([queue.executing, queue.waiting], [2, 1]);
  });

  it('serves flows in turn, however many requests one of them has', async () => {
    const queue = createFairQueue(limits, fakeClock(0));
    const first = queue.enter('noisy') as Release;
    const served: string[] = [];
    const wait = async (flow: string, name: string): Promise<void> => {
      const release = await queue.enter(flow);
      served.push(name);
      release?.();
    };
    const all = [wait('noisy', 'n1'), wait('noisy', 'n2'), wait('noisy', 'n3'), wait('quiet', 'q1')];
    first();
    await Promise.all(all);
    assert.deepEqual(served, ['n1', 'q1', 'n2', 'n3']);
    assert.deepEqual([queue.executing, queue.waiting], [0, 0]);
  });

  it('refuses what is too much of one flow, and the last of the longest when it is too much of all', async () => {
    const queue = createFairQueue(limits, fakeClock(0));
    void queue.enter('x');
    const longest = [1, 2, 3].map(() => queue.enter('noisy'));
    assert.equal(queue.enter('noisy'), undefined);
    for (const flow of ['a', 'b', 'c']) void queue.enter(flow);
    assert.equal(await longest[2], undefined);
    assert.equal(queue.waiting, 5);
  });

  it('lets nobody wait for ever', async () => {
    const clock = fakeClock(0);
    const queue = createFairQueue(limits, clock);
    const release = queue.enter('a') as Release;
    const waiting = queue.enter('b');
    await clock.advance(1000);
    assert.equal(await waiting, undefined);
    release();
    assert.equal(typeof queue.enter('b'), 'function');
  });
});

const asked = (name: string, changes: Partial<Attributes> = {}, groups: string[] = []): Attributes => ({
  user: { name, groups },
  isResource: true,
  verb: 'get',
  namespace: 'default',
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  name: '',
  path: '',
  ...changes,
});

describe('flow control', () => {
  const lease = { group: 'coordination.k8s.io', resource: 'leases' };
  const nodes = ['system:nodes'];
  const levels: readonly [title: string, attributes: Attributes, level: string][] = [
    ['a user', asked('jane'), 'global-default'],
    ['a service account', asked('system:serviceaccount:default:x'), 'workload-low'],
    ['a controller', asked('system:kube-controller-manager'), 'workload-high'],
    ['an account of the system', asked('system:serviceaccount:kube-system:x'), 'workload-high'],
    [
      'the election of a leader',
      asked('system:kube-scheduler', { ...lease, namespace: 'kube-system' }),
      'leader-election',
    ],
    ['a node that lives', asked('system:node:a', lease, nodes), 'node-high'],
    ['a node', asked('system:node:a', {}, nodes), 'system'],
    ['nobody', asked('system:anonymous', {}, ['system:unauthenticated']), 'catch-all'],
  ];
  for (const [title, attributes, level] of levels) {
    it(`sorts ${title} under ${level}`, () => assert.equal(levelOf(attributes), level));
  }

  it('answers 429 with a time to come back when there is no place left', async () => {
    const clock = fakeClock(0);
    const flow = createFlowControl({ maxRequestsInflight: 1, maxMutatingRequestsInflight: 0 }, clock);
    void flow.enter(asked('jane'));
    const waiting = Array.from({ length: 200 }, () => Promise.resolve(flow.enter(asked('jane'))));
    for (const each of waiting) each.catch(() => undefined);
    assert.throws(
      () => flow.enter(asked('jane')),
      (error: unknown) =>
        error instanceof ApiError && error.code === 429 && error.status.details?.retryAfterSeconds === 1,
    );
    await clock.advance(15_000);
    await assert.rejects(waiting[0] ?? Promise.resolve(), /too many requests, please try again later/);
  });

  it('holds up neither health nor the privileged, and nothing without limits', () => {
    const flow = createFlowControl({ maxRequestsInflight: 1, maxMutatingRequestsInflight: 0 }, fakeClock(0));
    void flow.enter(asked('jane'));
    assert.ok(flow.enter(asked('jane')) instanceof Promise);
    assert.equal(typeof flow.enter(asked('root', {}, ['system:masters'])), 'function');
    assert.equal(typeof flow.enter(asked('jane', { isResource: false, path: '/readyz/etcd' })), 'function');
    const open = createFlowControl({ maxRequestsInflight: 0, maxMutatingRequestsInflight: 0 }, fakeClock(0));
    for (let i = 0; i < 10; i++) assert.equal(typeof open.enter(asked('jane')), 'function');
  });
});
