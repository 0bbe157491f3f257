import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { alreadyExists, conflict, notFound } from '../api/errors/api-error.ts';
import { leases } from '../api/coordination/v1/lease.ts';
import type { Lease } from '../api/coordination/v1/lease.ts';
import { fakeClock } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { startInProcessApi } from '../testing/in-process-api.ts';
import { createLeaderElection, LeadershipLostError } from './leader-election.ts';
import type { LeaderElectionOptions } from './leader-election.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

type ElectionClient = LeaderElectionOptions['client'];

const lease = { namespace: 'kube-system', name: 'election' };

/** One lease with optimistic concurrency, as an API server has it. */
function createLeaseServer() {
  let standing: Lease | undefined;
  let revision = 0;
  const stamp = (next: Lease): Lease => {
    standing = { ...next, metadata: { ...next.metadata, resourceVersion: String(++revision) } };
    return standing;
  };
  return {
    read: (): Lease => {
      if (standing === undefined) throw notFound(leases, lease.name);
      return standing;
    },
    create: (next: Lease): Lease => {
      if (standing !== undefined) throw alreadyExists(leases, lease.name);
      return stamp(next);
    },
    update: (next: Lease): Lease => {
      if (standing?.metadata.resourceVersion !== next.metadata.resourceVersion)
        throw conflict(leases, lease.name);
      return stamp(next);
    },
  };
}

type LeaseServer = ReturnType<typeof createLeaseServer>;

/** What happens to one call: how long each way takes, and whether it gets through. */
interface Fate {
  readonly thereMs: number;
  readonly backMs: number;
  readonly isLost: 'no' | 'there' | 'back';
}

const swift: Fate = { thereMs: 1, backMs: 1, isLost: 'no' };

function clientOf(server: LeaseServer, clock: Clock, nextFate: () => Fate): ElectionClient {
  const call = async <T>(signal: AbortSignal | undefined, work: () => T): Promise<T> => {
    const fate = nextFate();
    const carried = (async () => {
      await clock.sleep(fate.thereMs);
      if (fate.isLost === 'there') throw new Error('the request was lost');
      const answer = work();
      await clock.sleep(fate.backMs);
      if (fate.isLost === 'back') throw new Error('the answer was lost');
      return answer;
    })();
    carried.catch(() => undefined);
    // Giving up does not call a request back that is on its way.
    const aborted = new Promise<never>((_, reject) => {
      const fail = (): void => reject(new Error('aborted'));
      if (signal?.aborted) fail();
      signal?.addEventListener('abort', fail, { once: true });
    });
    return Promise.race([carried, aborted]);
  };
  return {
    get: (_kind, _ref, options) => call(options?.signal, () => server.read()) as never,
    create: (_kind, object, options) => call(options?.signal, () => server.create(object as never)) as never,
    update: (_kind, object, options) => call(options?.signal, () => server.update(object as never)) as never,
  };
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

interface Starting {
  readonly clock: Clock;
  readonly client: ElectionClient;
  readonly identity: string;
  readonly onLead?: () => void;
}

function start({ onLead, ...parts }: Starting) {
  const stopping = new AbortController();
  const election = createLeaderElection({ ...parts, lease, logger: silentLogger, random: () => 0 });
  const state = { isLeading: false };
  const ended = election
    .run(stopping.signal, async (signal) => {
      state.isLeading = true;
      onLead?.();
      // The moment the signal aborts the leader counts as stopped.
      signal.addEventListener('abort', () => (state.isLeading = false), { once: true });
      await untilAborted(signal);
    })
    .then(
      () => 'stopped',
      (error: Error) => error.name,
    );
  return { election, state, ended, stop: () => stopping.abort() };
}

describe('leader election', () => {
  it('makes the first one leader, and the next as soon as the lease is given back', async () => {
    const clock = fakeClock(1_700_000_000_123);
    const server = createLeaseServer();
    const [a, b] = ['a', 'b'].map((identity) =>
      start({ clock, client: clientOf(server, clock, () => swift), identity }),
    );
    assert.ok(a && b);
    await clock.advance(60_000);
    assert.deepEqual([a.state.isLeading, b.state.isLeading], [true, false]);
    assert.deepEqual([a.election.leader(), b.election.leader()], ['a', 'a']);
    const { spec } = server.read();
    assert.match(String(spec.renewTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.deepEqual([spec.leaseDurationSeconds, spec.leaseTransitions], [15, 0]);
    assert.ok(String(spec.renewTime) > String(spec.acquireTime));
    a.stop();
    await clock.advance(100);
    assert.equal(await a.ended, 'stopped');
    assert.notEqual(server.read().spec.holderIdentity, 'a');
    await clock.advance(3000);
    assert.equal(b.state.isLeading, true);
    assert.deepEqual([server.read().spec.holderIdentity, server.read().spec.leaseTransitions], ['b', 1]);
    b.stop();
    await clock.advance(100);
    await b.ended;
  });

  it('gives the lease back even when it is stopped in the middle of a renewal', async () => {
    for (let stoppedAfterMs = 0; stoppedAfterMs <= 2000; stoppedAfterMs += 10) {
      const clock = fakeClock();
      const server = createLeaseServer();
      const slow: Fate = { thereMs: 30, backMs: 30, isLost: 'no' };
      const a = start({ clock, client: clientOf(server, clock, () => slow), identity: 'a' });
      await clock.advance(4000 + stoppedAfterMs);
      assert.equal(server.read().spec.holderIdentity, 'a');
      a.stop();
      await clock.advance(1000);
      assert.equal(await a.ended, 'stopped');
      assert.equal(server.read().spec.holderIdentity, '', `stopped ${stoppedAfterMs} ms later`);
    }
  });

  it('waits for the whole lease of a leader that vanished, counted from when its last renewal was seen', async () => {
    const clock = fakeClock();
    const server = createLeaseServer();
    server.create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: lease,
      // Its clock is years behind: only how long the record stands unchanged counts.
      spec: { holderIdentity: 'gone', leaseDurationSeconds: 15, renewTime: '1999-01-01T00:00:00.000000Z' },
    });
    const b = start({ clock, client: clientOf(server, clock, () => swift), identity: 'b' });
    await clock.advance(14_900);
    assert.equal(b.state.isLeading, false);
    await clock.advance(3000);
    assert.equal(b.state.isLeading, true);
    b.stop();
    await clock.advance(100);
    assert.equal(await b.ended, 'stopped');
  });

  it('ends its term by itself when it cannot renew, before anyone else may begin', async () => {
    const clock = fakeClock();
    const server = createLeaseServer();
    let isCut = false;
    const cut: Fate = { ...swift, isLost: 'there' };
    const a = start({ clock, client: clientOf(server, clock, () => (isCut ? cut : swift)), identity: 'a' });
    await clock.advance(5000);
    assert.equal(a.state.isLeading, true);
    isCut = true;
    await clock.advance(7900);
    assert.equal(a.state.isLeading, true);
    await clock.advance(2200);
    assert.equal(a.state.isLeading, false);
    assert.equal(await a.ended, LeadershipLostError.name);
  });

  it('reports the failure of what the leader does, after it has given the term up', async () => {
    const clock = fakeClock();
    const client = clientOf(createLeaseServer(), clock, () => swift);
    const election = createLeaderElection({ client, clock, lease, logger: silentLogger, identity: 'a' });
    const run = election.run(new AbortController().signal, () => Promise.reject(new Error('no luck')));
    const failed = assert.rejects(run, /no luck/);
    await clock.advance(1000);
    await failed;
  });

  it('refuses durations that could make two leaders', () => {
    const clock = fakeClock();
    const client = clientOf(createLeaseServer(), clock, () => swift);
    const make = (more: object) =>
      createLeaderElection({ client, clock, lease, logger: silentLogger, identity: 'a', ...more });
    assert.throws(
      () => make({ leaseDurationMs: 10_000 }),
      /leaseDuration must be greater than renewDeadline/,
    );
    assert.throws(
      () => make({ retryPeriodMs: 9000 }),
      /renewDeadline must be greater than retryPeriod\*1\.2/,
    );
    assert.throws(() => make({ retryPeriodMs: 0 }), /retryPeriod must be greater than zero/);
    assert.throws(() => make({ identity: '' }), /identity/);
  });

  it('never has two leaders, however calls are delayed and lost', async () => {
    const fate = fc.record({
      thereMs: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 20_000 })),
      backMs: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 20_000 })),
      isLost: fc.constantFrom('no' as const, 'no' as const, 'no' as const, 'there' as const, 'back' as const),
    });
    let nTerms = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant(swift) }, { weight: 1, arbitrary: fate }), {
          minLength: 1,
          maxLength: 60,
        }),
        fc.integer({ min: 0, max: 25 }),
        async (fates, stopAfter) => {
          const clock = fakeClock();
          const server = createLeaseServer();
          let n = 0;
          const client = clientOf(server, clock, () => fates[n++ % fates.length] ?? swift);
          const candidates: ReturnType<typeof start>[] = [];
          let most = 0;
          const onLead = (): void => {
            nTerms++;
            most = Math.max(most, candidates.filter(({ state }) => state.isLeading).length);
          };
          const add = (i: number): void =>
            void candidates.push(start({ clock, client, identity: `candidate ${i}`, onLead }));
          for (const i of [0, 1, 2]) add(i);
          for (let second = 0; second < 120; second++) {
            // One stops on purpose and comes back under another name.
            if (second === stopAfter) candidates[0]?.stop();
            if (second === stopAfter + 5) add(3);
            await clock.advance(1000);
          }
          for (const { stop } of candidates) stop();
          await clock.advance(60_000);
          await Promise.all(candidates.map(({ ended }) => ended));
          assert.ok(most <= 1, `${most} leaders at once`);
        },
      ),
      { numRuns: 25 },
    );
    assert.ok(nTerms > 25, `only ${nTerms} terms ever began`);
  });

  it('works on a real API server, and leaves the lease free', async () => {
    const api = startInProcessApi();
    const { realClock } = await import('../base/clock.ts');
    const a = start({ clock: realClock, client: api.client, identity: 'a' });
    for (let i = 0; i < 1000 && !a.state.isLeading; i++) await realClock.sleep(5);
    a.stop();
    assert.equal(await a.ended, 'stopped');
    assert.equal((await api.client.get(leases, lease)).spec.holderIdentity ?? '', '');
    await api.stop();
  });
});
