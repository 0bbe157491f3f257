import { collectDefaultMetrics, Registry, type Metric } from '@prometheus-io/client';
import { isMainThread } from 'node:worker_threads';
import type { Instrument } from '../../base/instruments.ts';

/** The library, with the figures of the process and of Node, which it measures from now on. */
export interface Exposition {
  readonly contentType: string;
  /** All figures as text for Prometheus. */
  readonly text: (instruments: readonly Instrument[]) => Promise<string>;
}

export function createExposition(): Exposition {
  const own = new Registry();
  // Its own sampling: once in ten seconds is enough for a figure nobody may ever ask for.
  if (isMainThread) collectDefaultMetrics({ register: own, eventLoopUtilizationTimeout: 10_000 });
  return {
    contentType: own.contentType,
    text: async (instruments) => {
      const registry = new Registry();
      for (const instrument of instruments) registry.registerMetric(metricOf(instrument));
      return `${await registry.metrics()}\n${await own.metrics()}`;
    },
  };
}

/** What the registry asks a metric for; the type it declares names the library's own classes only. */
function metricOf(instrument: Instrument): Metric {
  const { name, help, type } = instrument;
  const metric = {
    name,
    get: () => ({
      name,
      help,
      type,
      aggregator: 'sum',
      values: [...instrument.samples()].map(({ suffix, labels, value }) => ({
        ...(suffix === '' ? {} : { metricName: name + suffix }),
        labels,
        value,
      })),
    }),
  };
  return metric as unknown as Metric;
}
