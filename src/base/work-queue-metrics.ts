import type { Clock } from './clock.ts';
import {
  createCounter,
  createGauge,
  createHistogram,
  createInstruments,
  exponentialBounds,
} from './instruments.ts';
import type { Instrument } from './instruments.ts';

/** What one queue reports of its keys; `depth` is how many wait. */
export interface WorkQueueMetrics<K> {
  readonly added: (key: K, depth: number) => void;
  /** The key is handed to a worker. */
  readonly taken: (key: K, depth: number) => void;
  readonly done: (key: K) => void;
  readonly retried: () => void;
}

/** The queues of this process, under client-go's names; one process has one set, as it has one memory. */
export const workQueueInstruments = createInstruments();

const labels = ['name'];
/** From 10 ns to 10 s, as client-go. */
const bounds = exponentialBounds(1e-8, 10, 10);
const add = <T extends Instrument>(instrument: T): T => workQueueInstruments.add(instrument);
const depths = add(createGauge({ name: 'workqueue_depth', help: 'Current depth of workqueue', labels }));
const adds = add(
  createCounter({
    name: 'workqueue_adds_total',
    help: 'Total number of adds handled by workqueue',
    labels,
  }),
);
const waits = add(
  createHistogram(
    {
      name: 'workqueue_queue_duration_seconds',
      help: 'How long in seconds an item stays in workqueue before being requested.',
      labels,
    },
    bounds,
  ),
);
const works = add(
  createHistogram(
    {
      name: 'workqueue_work_duration_seconds',
      help: 'How long in seconds processing an item from workqueue takes.',
      labels,
    },
    bounds,
  ),
);
const retries = add(
  createCounter({
    name: 'workqueue_retries_total',
    help: 'Total number of retries handled by workqueue',
    labels,
  }),
);

/** The figures of the queue of this name; several queues of one name are counted together. */
export function workQueueMetrics<K>(name: string, clock: Clock): WorkQueueMetrics<K> {
  const own = [name];
  /** When a key was added or, later, taken. */
  const since = new Map<K, number>();
  const secondsSince = (key: K): number => (clock.now() - (since.get(key) ?? clock.now())) / 1000;
  return {
    added: (key, depth) => {
      since.set(key, clock.now());
      adds.add(own);
      depths.set(own, depth);
    },
    taken: (key, depth) => {
      depths.set(own, depth);
      waits.observe(own, secondsSince(key));
      since.set(key, clock.now());
    },
    done: (key) => {
      works.observe(own, secondsSince(key));
      since.delete(key);
    },
    retried: () => retries.add(own),
  };
}
