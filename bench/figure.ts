/** Options of the command line: `--services 1000` is `{ services: '1000' }`. */
export type Params = Readonly<Record<string, string>>;

/** One measured number: a median where several runs were made; `params` say of what. */
export interface Figure {
  readonly bench: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly params: Readonly<Record<string, string | number>>;
}

/** What a file of this folder exports. */
export interface Benchmark {
  readonly run: (params: Params) => AsyncIterable<Omit<Figure, 'bench'>>;
}

/** The value below which a share of the sample lies (0.5 = median); NaN for an empty sample. */
export function quantile(sample: readonly number[], share: number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** Two digits after the point at most. */
export const rounded = (value: number): number => Math.round(value * 100) / 100;

/** A whole-number option, or its default. */
export function wholeOption(params: Params, name: string, fallback: number): number {
  const value = Number(params[name] ?? fallback);
  if (!Number.isInteger(value) || value <= 0)
    throw new Error(`--${name} ${params[name]}: must be a whole number above 0`);
  return value;
}

/** The exit code of a benchmark that this machine cannot bear, or that was asked for what there is not; what it lacks is printed. */
export const REFUSED = 2;

/** What a benchmark throws once it has printed, in words for its user, why it measures nothing. */
export class RefusedError extends Error {
  constructor() {
    super('the benchmark was refused');
    this.name = 'RefusedError';
  }
}
