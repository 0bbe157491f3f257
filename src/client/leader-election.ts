import { isAlreadyExists, isConflict, isNotFound } from '../api/errors/api-error.ts';
import { leases } from '../api/coordination/v1/lease.ts';
import type { Lease } from '../api/coordination/v1/lease.ts';
import { formatTime } from '../api/schema/time.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Client } from './client.ts';
import { retryOnConflict } from './retry-on-conflict.ts';

export interface LeaderElectionOptions {
  readonly client: Pick<Client, 'get' | 'create' | 'update'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The Lease that the candidates share. */
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Different for each candidate. */
  readonly identity: string;
  /** How long the others wait after the last sign of life (default 15 s, as client-go). */
  readonly leaseDurationMs?: number;
  /** The leader gives up when it could not renew for so long (default 10 s); less than the lease's duration. */
  readonly renewDeadlineMs?: number;
  /** Between two attempts (default 2 s); candidates wait up to 2.2 times as long, by chance. */
  readonly retryPeriodMs?: number;
  /** 0 <= value < 1; a test gives its own. */
  readonly random?: () => number;
}

export interface LeaderElection {
  /**
   * Waits until the lease is ours, then runs `lead`, whose signal aborts when the lease is lost or `signal` aborts.
   * Resolves after `signal` has aborted, with the lease given back when it was ours; rejects with LeadershipLostError
   * when it was lost, and with the error of `lead` when that fails, in both cases after `lead` has come to its end.
   */
  run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void>;
  /** Who held the lease when it was looked at last; undefined before, and when nobody did. */
  leader(): string | undefined;
}

/** Someone else may lead now; what the leader was doing must have stopped. */
export class LeadershipLostError extends Error {
  override readonly name = 'LeadershipLostError';
}

/**
 * Leader election over a Lease, by the protocol of client-go's `tools/leaderelection`, so that candidates of both kinds
 * may share one. Clocks need not agree, only run at the same pace: a candidate counts the lease's duration from when it
 * saw the record change. A leader counts from when it sent the renewal that succeeded, so a slow answer makes its term
 * shorter, never longer than what the others grant.
 */
export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const settings = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000, ...options };
  const { clock, logger, random = Math.random, renewDeadlineMs, retryPeriodMs } = settings;
  checkSettings(settings);
  const candidate = createCandidate(settings);
  const acquire = async (signal: AbortSignal): Promise<number | undefined> => {
    while (!signal.aborted) {
      const sentAt = clock.now();
      if (await within({ clock, ms: renewDeadlineMs, outer: signal }, candidate.attempt)) return sentAt;
      await clock.sleep(retryPeriodMs * (1 + 1.2 * random()), signal);
    }
    return undefined;
  };
  return {
    leader: () => candidate.leader(),
    async run(signal, lead) {
      const sentAt = await acquire(signal);
      if (sentAt === undefined) return;
      // Acquired so slowly that the others may have given up on us.
      if (clock.now() - sentAt >= renewDeadlineMs) throw lost(settings);
      logger.info('became the leader', { lease: settings.lease.name, identity: settings.identity });
      const term = createTerm(settings, sentAt);
      const stop = (): void => term.end();
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      const renewing = term.renew(candidate);
      try {
        await lead(term.signal);
      } finally {
        term.end();
        signal.removeEventListener('abort', stop);
        await renewing;
      }
      if (term.isLost()) throw lost(settings);
      await within({ clock, ms: renewDeadlineMs }, candidate.release);
    },
  };
}

type Settings = Required<Omit<LeaderElectionOptions, 'random'>>;

function checkSettings({ leaseDurationMs, renewDeadlineMs, retryPeriodMs, identity }: Settings): void {
  if (leaseDurationMs <= renewDeadlineMs) throw new Error('leaseDuration must be greater than renewDeadline');
  if (renewDeadlineMs <= 1.2 * retryPeriodMs)
    throw new Error('renewDeadline must be greater than retryPeriod*1.2');
  if (retryPeriodMs <= 0) throw new Error('retryPeriod must be greater than zero');
  if (identity === '') throw new Error('a candidate needs an identity');
}

const lost = ({ lease, identity }: Settings): LeadershipLostError =>
  new LeadershipLostError(`${identity} no longer holds the lease ${lease.namespace}/${lease.name}`);

/** Runs `work` with a signal that aborts after `ms`, or with `outer`. */
async function within<T>(
  { clock, ms, outer }: { readonly clock: Clock; readonly ms: number; readonly outer?: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const cancel = clock.after(ms, () => deadline.abort());
  try {
    return await work(outer === undefined ? deadline.signal : AbortSignal.any([outer, deadline.signal]));
  } finally {
    cancel();
  }
}

/** The time as leader: over when `end` is called, or when no renewal that was sent in time has succeeded. */
interface Term {
  readonly signal: AbortSignal;
  /** Until the term is over. */
  renew(candidate: Candidate): Promise<void>;
  isLost(): boolean;
  end(): void;
}

function createTerm({ clock, renewDeadlineMs, retryPeriodMs }: Settings, acquiredAt: number): Term {
  const over = new AbortController();
  let isLost = false;
  const lose = (): void => {
    isLost ||= !over.signal.aborted;
    over.abort();
  };
  let cancel = clock.after(Math.max(0, acquiredAt + renewDeadlineMs - clock.now()), lose);
  return {
    signal: over.signal,
    async renew(candidate) {
      for (;;) {
        await clock.sleep(retryPeriodMs, over.signal);
        if (over.signal.aborted) return;
        const sentAt = clock.now();
        const isOurs = await candidate.attempt(over.signal);
        if (over.signal.aborted) return;
        if (isOurs) {
          cancel();
          cancel = clock.after(Math.max(0, sentAt + renewDeadlineMs - clock.now()), lose);
        } else if (candidate.leader() !== undefined && !candidate.isOurs()) lose();
      }
    },
    isLost: () => isLost,
    end() {
      cancel();
      over.abort();
    },
  };
}

interface Candidate {
  /** Takes or renews the lease; false when another holds it or the server cannot be asked. Never rejects. */
  readonly attempt: (signal: AbortSignal) => Promise<boolean>;
  /** Lets the next one lead at once. Failures are logged: the lease then ends by itself. */
  readonly release: (signal: AbortSignal) => Promise<void>;
  leader(): string | undefined;
  isOurs(): boolean;
}

function createCandidate({ client, clock, logger, lease, identity, leaseDurationMs }: Settings): Candidate {
  /** The newest record seen, and when we saw that it had changed. */
  let observed: Lease | undefined;
  let observedAt = 0;
  const observe = (record: Lease): void => {
    if (observed?.metadata.resourceVersion !== record.metadata.resourceVersion) observedAt = clock.now();
    observed = record;
  };
  const holder = (): string | undefined => observed?.spec.holderIdentity || undefined;
  const claimed = (spec: Lease['spec'] | undefined): Lease['spec'] =>
    claimOf(spec, { identity, leaseDurationMs, now: formatTime(clock.now(), 6) });
  const takeOrRenew = async (signal: AbortSignal): Promise<boolean> => {
    const standing = await client.get(leases, lease, { signal }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
    if (standing === undefined) {
      const made = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: lease,
        spec: claimed(undefined),
      };
      observe(await client.create(leases, made, { signal }));
      return true;
    }
    observe(standing);
    const seconds = standing.spec.leaseDurationSeconds ?? leaseDurationMs / 1000;
    const isHeld = holder() !== undefined && clock.now() < observedAt + seconds * 1000;
    if (isHeld && holder() !== identity) return false;
    observe(await client.update(leases, { ...standing, spec: claimed(standing.spec) }, { signal }));
    return true;
  };
  /** Reads the lease first: a renewal that was given up on may have been carried out all the same. */
  const giveBack = async (signal: AbortSignal): Promise<void> => {
    observe(await client.get(leases, lease, { signal }));
    if (observed === undefined || holder() !== identity) return;
    const spec = freed(observed.spec, formatTime(clock.now(), 6));
    observe(await client.update(leases, { ...observed, spec }, { signal }));
  };
  return {
    attempt: (signal) =>
      takeOrRenew(signal).catch((error: unknown) => {
        const isUsual = isConflict(error) || isAlreadyExists(error) || signal.aborted;
        if (!isUsual) logger.warn('could not take or renew the lease', { lease: lease.name, err: error });
        return false;
      }),
    async release(signal) {
      if (observed === undefined || holder() !== identity) return;
      try {
        await retryOnConflict(() => giveBack(signal), { clock });
      } catch (error) {
        logger.warn('could not give the lease back; it ends by itself', { lease: lease.name, err: error });
      }
    },
    leader: holder,
    isOurs: () => holder() === identity,
  };
}

/** The record that lets the next one lead at once. */
const freed = (spec: Lease['spec'], now: string): Lease['spec'] => ({
  ...spec,
  holderIdentity: '',
  leaseDurationSeconds: 1,
  acquireTime: now,
  renewTime: now,
});

interface Claim {
  readonly identity: string;
  readonly leaseDurationMs: number;
  readonly now: string;
}

/** The record that says the lease is ours from now on; `spec` is what stands, undefined for a lease yet to be made. */
function claimOf(spec: Lease['spec'] | undefined, { identity, leaseDurationMs, now }: Claim): Lease['spec'] {
  const isRenewal = spec?.holderIdentity === identity;
  return {
    ...spec,
    holderIdentity: identity,
    leaseDurationSeconds: Math.max(1, Math.round(leaseDurationMs / 1000)),
    acquireTime: isRenewal ? (spec.acquireTime ?? now) : now,
    renewTime: now,
    leaseTransitions: (spec?.leaseTransitions ?? 0) + (isRenewal || spec === undefined ? 0 : 1),
  };
}
