/**
 * Counting what a program does, cheaply: no library, no objects per observation. Whoever shows the figures (`/metrics`)
 * turns them into a format when it is asked.
 */
export interface Instrument {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  samples(): Iterable<Sample>;
}

export interface Sample {
  /** Added to the instrument's name: '' or, in a histogram, '_bucket', '_sum' and '_count'. */
  readonly suffix: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

export interface Described {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** Label values come in the order of the description's labels. */
export interface Counter extends Instrument {
  add(labels: readonly string[], by?: number): void;
  /** The same for one and the same labels, many times: they are put together once. */
  of(labels: readonly string[]): (by?: number) => void;
}

export interface Gauge extends Instrument {
  set(labels: readonly string[], value: number): void;
}

export interface Histogram extends Instrument {
  observe(labels: readonly string[], value: number): void;
  /** The same for one and the same labels, many times: they are put together once. */
  of(labels: readonly string[]): (value: number) => void;
}

/** Which instruments a part has. */
export interface Instruments {
  readonly all: readonly Instrument[];
  add<T extends Instrument>(instrument: T): T;
}

export function createInstruments(): Instruments {
  const all: Instrument[] = [];
  return {
    all,
    add: (instrument) => {
      all.push(instrument);
      return instrument;
    },
  };
}

const SEPARATOR = '\u0000';

function labelled(names: readonly string[], key: string): Record<string, string> {
  if (names.length === 0) return {};
  const values = key.split(SEPARATOR);
  return Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
}

/** Numbers by their label values. */
function numbers(description: Described, type: 'counter' | 'gauge') {
  const { name, help, labels: names = [] } = description;
  const values = new Map<string, number>();
  return {
    name,
    help,
    type,
    values,
    *samples(): Generator<Sample> {
      for (const [key, value] of values) yield { suffix: '', labels: labelled(names, key), value };
    },
  };
}

/** Goes up only. */
export function createCounter(description: Described): Counter {
  const { values, ...rest } = numbers(description, 'counter');
  const add = (key: string, by: number): void => void values.set(key, (values.get(key) ?? 0) + by);
  return {
    ...rest,
    add: (labels, by = 1) => add(labels.join(SEPARATOR), by),
    of: (labels) => {
      const key = labels.join(SEPARATOR);
      return (by = 1) => add(key, by);
    },
  };
}

/** `read`, where given, is asked for all values whenever the gauge is. */
export function createGauge(
  description: Described,
  read?: () => Iterable<readonly [labels: readonly string[], value: number]>,
): Gauge {
  const { values, ...rest } = numbers(description, 'gauge');
  const set = (labels: readonly string[], value: number): void =>
    void values.set(labels.join(SEPARATOR), value);
  return {
    ...rest,
    set,
    samples: () => {
      if (read !== undefined) {
        values.clear();
        for (const [labels, value] of read()) set(labels, value);
      }
      return rest.samples();
    },
  };
}

interface Series {
  /** One more than there are bounds: what lies above the last one. Not cumulated. */
  readonly counts: Float64Array;
  sum: number;
}

/** `bounds` are the upper ends of the buckets, ascending. */
export function createHistogram(description: Described, bounds: readonly number[]): Histogram {
  const { name, help, labels: names = [] } = description;
  const all = new Map<string, Series>();
  const seriesOf = (key: string): Series => {
    let series = all.get(key);
    if (series === undefined) {
      series = { counts: new Float64Array(bounds.length + 1), sum: 0 };
      all.set(key, series);
    }
    return series;
  };
  const observe = (series: Series, value: number): void => {
    let i = 0;
    while (i < bounds.length && value > (bounds[i] ?? Infinity)) i++;
    series.counts[i] = (series.counts[i] ?? 0) + 1;
    series.sum += value;
  };
  return {
    name,
    help,
    type: 'histogram',
    observe: (labels, value) => observe(seriesOf(labels.join(SEPARATOR)), value),
    of: (labels) => {
      const key = labels.join(SEPARATOR);
      return (value) => observe(seriesOf(key), value);
    },
    *samples() {
      for (const [key, series] of all) {
        const labels = labelled(names, key);
        let count = 0;
        for (const [i, n] of series.counts.entries()) {
          count += n;
          yield { suffix: '_bucket', labels: { le: bounds[i] ?? '+Inf', ...labels }, value: count };
        }
        yield { suffix: '_sum', labels, value: series.sum };
        yield { suffix: '_count', labels, value: count };
      }
    },
  };
}

/** `count` bounds, each `factor` times the one before. */
export const exponentialBounds = (start: number, factor: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => start * factor ** i);
