import { ApiError } from '../api/errors/api-error.ts';
import type { Kind, KubeObject } from '../api/kind.ts';
import { createBackoff } from '../base/backoff.ts';
import type { CancelTimer, Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Client, ListOptions } from './client.ts';
import type { Change, ObjectCache } from './object-cache.ts';
import { compareResourceVersions } from './resource-version.ts';
import { allServed, fromWire, wireKind } from './served-kinds.ts';
import { watch } from './watch.ts';
import type { WatchEvent } from './watch.ts';

export interface FollowOptions<T extends KubeObject> {
  readonly client: Client;
  readonly kind: Kind<T>;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Objects per page of a list (default 500). */
  readonly pageSize?: number;
}

/** A watch is asked to end after 5 to 10 minutes, as client-go does, so that a server can shed connections. */
const minWatchSeconds = 300;
/** How long after that the server may still hold it before it counts as lost. */
const watchGraceMs = 30_000;
/** A server that takes the connection but does not accept the watch in this time counts as lost. */
const openWithinMs = 30_000;
/** Servers send a bookmark every minute, so a watch that says nothing for this long counts as lost. */
const maxSilenceMs = 180_000;
/** A watch that stood this long was a success, even without an event. */
const provenAfterMs = 1_000;
const maxPauseMs = 5_000;

export interface FollowHooks<T> {
  readonly emit: (changes: readonly Change<T>[]) => void;
  readonly onListed: () => void;
}

/**
 * Where to go on. A commit may give several objects one version, so a watch is resumed before the newest version seen,
 * not after it: what comes twice is recognised, what never came would be lost.
 */
interface Position {
  readonly resume: string;
  readonly newest: string;
}

/** Keeps `cache` equal to the server until `signal` aborts, and never rejects. */
export function createFollower<T extends KubeObject>(
  options: FollowOptions<T>,
  cache: ObjectCache<T>,
  hooks: FollowHooks<T>,
): (signal: AbortSignal) => Promise<void> {
  const { clock, logger } = options;
  const backoff = createBackoff({ minMs: 50, maxMs: maxPauseMs });
  let position: Position | undefined;
  let mustVerify = false;
  let nFailures = 0;

  const onProgress = (): void => {
    if (nFailures > 0) logger.info('follows the server again', { afterFailures: nFailures });
    nFailures = 0;
    backoff.reset();
  };

  const onEvent = (event: WatchEvent<T>): void => {
    onProgress();
    const version = event.object.metadata.resourceVersion;
    if (version === undefined || position === undefined)
      throw new Error('an event without a resource version');
    const order = compareResourceVersions(version, position.newest);
    if (event.type === 'BOOKMARK') {
      if (order === undefined || order >= 0) position = { resume: version, newest: version };
      return;
    }
    if (event.type === 'DELETED') hooks.emit(cache.remove(lean(event.object)));
    else if (order === undefined || order >= 0) hooks.emit(cache.put(lean(event.object)));
    if (order === undefined || order > 0) position = { resume: position.newest, newest: version };
  };

  const step = async (signal: AbortSignal): Promise<void> => {
    if (position !== undefined && mustVerify && (await hasGoneBack(options, position.newest, signal))) {
      logger.warn('the server starts from an older state: reading everything again');
      position = undefined;
    }
    mustVerify = false;
    if (position === undefined) {
      const { items, version } = await listAll(options, signal);
      position = { resume: version, newest: version };
      hooks.emit(cache.replace(items));
      hooks.onListed();
    }
    await followOnce(options, position.resume, { signal, onEvent, onProven: onProgress });
  };

  return async (signal) => {
    while (!signal.aborted) {
      let pause = 0;
      try {
        await step(signal);
      } catch (err) {
        if (signal.aborted) return;
        if (isHistoryGone(err)) position = undefined;
        else mustVerify = true;
        pause = retryAfterMs(err);
        const isNews = nFailures++ === 0;
        logger[isNews ? 'warn' : 'debug']('lost sight of the server, trying again', { err });
      }
      await clock.sleep(Math.max(pause, backoff.next()), signal);
    }
  };
}

/** managedFields are half of an object's size and nobody reads them; a server keeps them when an update leaves them out. */
function lean<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

const scopeOf = <T extends KubeObject>(options: FollowOptions<T>): ListOptions => ({
  namespace: options.namespace,
  labelSelector: options.labelSelector,
  fieldSelector: options.fieldSelector,
});

/** Everything there is, page by page; in one piece when the pages' version expires on the way. */
async function listAll<T extends KubeObject>(
  options: FollowOptions<T>,
  signal: AbortSignal,
): Promise<{ readonly items: readonly T[]; readonly version: string }> {
  const { client, kind, pageSize = 500 } = options;
  const items: T[] = [];
  let next: string | undefined;
  let limit: number | undefined = pageSize;
  for (;;) {
    try {
      const page = await client.list(kind, { ...scopeOf(options), limit, continue: next, signal });
      for (const item of page.items) items.push(lean(item));
      next = page.metadata.continue;
      if (next !== undefined && next !== '') continue;
      const version = page.metadata.resourceVersion;
      if (version === undefined) throw new Error(`list ${kind.plural}: the answer has no resource version`);
      return { items, version };
    } catch (error) {
      if (next === undefined || !isHistoryGone(error)) throw error;
      items.length = 0;
      next = undefined;
      limit = undefined;
    }
  }
}

/**
 * Whether the server's newest version is older than one we have seen: it was restored from a backup or began anew. A
 * watch from a version of the future would be silent for long, so this is asked after every broken connection.
 */
async function hasGoneBack<T extends KubeObject>(
  options: FollowOptions<T>,
  newest: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { metadata } = await options.client.list(options.kind, { ...scopeOf(options), limit: 1, signal });
  const order = compareResourceVersions(metadata.resourceVersion, newest);
  return order !== undefined && order < 0;
}

interface WatchHooks<T> {
  readonly signal: AbortSignal;
  readonly onEvent: (event: WatchEvent<T>) => void;
  readonly onProven: () => void;
}

/** One watch, until the server ends it. Throws when nothing comes any more although something should. */
async function followOnce<T extends KubeObject>(
  options: FollowOptions<T>,
  resourceVersion: string,
  { signal, onEvent, onProven }: WatchHooks<T>,
): Promise<void> {
  const { client, kind, clock } = options;
  const timeoutSeconds = Math.round(minWatchSeconds * (1 + Math.random()));
  const silence = createSilenceAlarm(clock, timeoutSeconds * 1000 + watchGraceMs);
  let cancelProof: CancelTimer | undefined;
  try {
    const { transport, served = allServed } = client;
    const events = watch(transport, wireKind(served, kind), {
      ...scopeOf(options),
      resourceVersion,
      allowWatchBookmarks: true,
      timeoutSeconds,
      signal: AbortSignal.any([signal, silence.signal]),
      onOpen: () => {
        silence.heard();
        cancelProof = clock.after(provenAfterMs, onProven);
      },
    });
    for await (const event of events) {
      silence.heard();
      const isBookmark = event.type === 'BOOKMARK';
      onEvent(isBookmark ? event : { ...event, object: fromWire(served, kind, event.object) });
    }
    if (silence.signal.aborted) throw new Error('the watch fell silent');
  } finally {
    silence.end();
    cancelProof?.();
  }
}

/** Aborts its signal when a watch is not accepted in time, says nothing for long, or outlives `maxMs`. */
function createSilenceAlarm(clock: Clock, maxMs: number) {
  const alarm = new AbortController();
  const startedAt = clock.now();
  let heardAt: number | undefined;
  const look = (): void => {
    const now = clock.now();
    const isSilent = now - (heardAt ?? startedAt) >= (heardAt === undefined ? openWithinMs : maxSilenceMs);
    if (isSilent || now - startedAt >= maxMs) alarm.abort();
    else cancel = clock.after(openWithinMs, look);
  };
  let cancel = clock.after(openWithinMs, look);
  return {
    signal: alarm.signal,
    heard: () => void (heardAt = clock.now()),
    end: () => cancel(),
  };
}

/** The version to go on from is no longer (410), or not yet (ResourceVersionTooLarge), known to the server. */
function isHistoryGone(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return (
    error.code === 410 ||
    (error.status.details?.causes?.some((cause) => cause.reason === 'ResourceVersionTooLarge') ?? false)
  );
}

function retryAfterMs(error: unknown): number {
  const seconds = error instanceof ApiError ? (error.status.details?.retryAfterSeconds ?? 0) : 0;
  return Math.min(maxPauseMs, seconds * 1000);
}
