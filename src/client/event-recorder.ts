import { events } from '../api/core/v1/event.ts';
import type { Event } from '../api/core/v1/event.ts';
import { isNotFound } from '../api/errors/api-error.ts';
import { apiVersionOf } from '../api/kind.ts';
import type { Kind, KubeObject } from '../api/kind.ts';
import { formatTime } from '../api/schema/time.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { createWorkQueue } from '../base/work-queue.ts';
import type { Client } from './client.ts';

export interface EventNote {
  readonly type: 'Normal' | 'Warning';
  /** One CamelCase word, such as `FailedScheduling`. */
  readonly reason: string;
  readonly message: string;
}

/** Tells people what happened to an object. Never throws and never waits. */
export interface EventRecorder {
  record<T extends KubeObject>(kind: Kind<T>, object: T, note: EventNote): void;
  /** Writes what was recorded until `signal` aborts; what cannot be written is dropped with a log line. */
  run(signal: AbortSignal): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: Client;
  /** Shown as the event's source, such as `default-scheduler`. */
  readonly component: string;
  readonly host?: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** As client-go: the same note again within ten minutes raises a count instead of making another Event. */
const sameNoteMs = 10 * 60_000;
/** As client-go's spam filter: 25 notes per object at once, then one every five minutes. */
const burst = 25;
const refillMs = 5 * 60_000;
const maxKnown = 4096;

interface Series {
  event: Event;
  count: number;
  lastAt: number;
  /** The count that the server has; 0 before the first write. */
  nStored: number;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, logger } = options;
  const known = new Map<string, Series>();
  const queue = createWorkQueue<string>({ clock });
  const mayRecord = createSpamFilter(clock);
  const stamp = createStamps(clock);

  const write = async (key: string): Promise<void> => {
    const series = known.get(key);
    if (series === undefined || series.count === series.nStored) return;
    const { count, lastAt } = series;
    const { namespace, name } = series.event.metadata;
    if (series.nStored > 0) {
      const body = { count, lastTimestamp: formatTime(lastAt) };
      try {
        await client.patch(events, { namespace, name }, { type: 'merge', body });
        series.nStored = count;
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    await client.create(events, { ...series.event, count, lastTimestamp: formatTime(lastAt) });
    series.nStored = count;
  };

  return {
    record: (kind, object, note) => {
      const now = clock.now();
      const key = [object.metadata.uid, note.type, note.reason, note.message].join('\n');
      if (!mayRecord(object.metadata.uid ?? object.metadata.name)) return;
      const series = known.get(key);
      known.delete(key);
      if (series !== undefined && now - series.lastAt < sameNoteMs) {
        series.count++;
        series.lastAt = now;
        known.set(key, series);
      } else {
        known.set(key, {
          event: eventOf(options, { kind, object, note, unique: stamp() }),
          count: 1,
          lastAt: now,
          nStored: 0,
        });
      }
      const [oldest] = known.keys();
      if (known.size > maxKnown && oldest !== undefined) known.delete(oldest);
      queue.add(key);
    },
    run: async (signal) => {
      for (let key = await queue.next(signal); key !== undefined; key = await queue.next(signal)) {
        try {
          await write(key);
        } catch (err) {
          if (!signal.aborted) logger.debug('an event could not be written', { err });
        }
        queue.done(key);
      }
    },
  };
}

interface Told<T extends KubeObject> {
  readonly kind: Kind<T>;
  readonly object: T;
  readonly note: EventNote;
  /** What the name ends with. */
  readonly unique: string;
}

function eventOf<T extends KubeObject>(
  options: EventRecorderOptions,
  { kind, object, note, unique }: Told<T>,
): Event {
  const { component, host, clock } = options;
  const { name, namespace, uid, resourceVersion } = object.metadata;
  const now = clock.now();
  // Events of cluster-wide objects live in `default`, as everywhere.
  return {
    metadata: { name: `${name}.${unique}`, namespace: namespace ?? 'default' },
    involvedObject: {
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      name,
      namespace,
      uid,
      resourceVersion,
    },
    reason: note.reason,
    message: note.message.slice(0, 1024),
    type: note.type,
    source: { component, ...(host === undefined ? {} : { host }) },
    reportingComponent: component,
    reportingInstance: host ?? '',
    firstTimestamp: formatTime(now),
  };
}

/**
 * Ends of names, unique by time and chance. They sort as they were made, within a millisecond too: times of Events are
 * whole seconds, so it is by name that kubectl puts those of one second in order.
 */
function createStamps(clock: Clock): () => string {
  let last = 0;
  let nOfMs = 0;
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  return () => {
    const now = clock.now();
    nOfMs = now === last ? nOfMs + 1 : 0;
    last = now;
    return `${hex(now, 11)}${hex(nOfMs % 0x100, 2)}${hex(Math.floor(Math.random() * 0x10000), 4)}`;
  };
}

/** A bucket of tokens per object. */
function createSpamFilter(clock: Clock): (object: string) => boolean {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return (object) => {
    const now = clock.now();
    const bucket = buckets.get(object) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / refillMs);
    bucket.at = now;
    buckets.delete(object);
    buckets.set(object, bucket);
    const [oldest] = buckets.keys();
    if (buckets.size > maxKnown && oldest !== undefined) buckets.delete(oldest);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  };
}
