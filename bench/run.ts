// `npm run bench -- NAME [--json] [--option value …]`: runs bench/NAME.ts and prints its figures.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { REFUSED, RefusedError } from './figure.ts';
import type { Benchmark, Figure, Params } from './figure.ts';

const own = new Set(['run.ts', 'figure.ts', 'resident.ts']);

function names(): string[] {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.ts') && !own.has(file) && !file.includes('.probe.'))
    .map((file) => file.slice(0, -3));
}

/** `--services 1000 --json` → { services: '1000', json: 'true' }. */
function parse(args: readonly string[]): Params {
  const params: Record<string, string> = {};
  args.forEach((arg, i) => {
    if (!arg.startsWith('--')) return;
    const next = args[i + 1];
    params[arg.slice(2)] = next === undefined || next.startsWith('--') ? 'true' : next;
  });
  return params;
}

function print(figure: Figure, isJson: boolean): void {
  if (isJson) return void process.stdout.write(`${JSON.stringify(figure)}\n`);
  const { bench, metric, value, unit, params } = figure;
  const given = Object.entries(params).map(([k, v]) => `${k}=${v}`);
  process.stdout.write(
    `${bench}  ${metric.padEnd(16)} ${String(value).padStart(10)} ${unit}  ${given.join(' ')}\n`,
  );
}

const [name = '', ...rest] = process.argv.slice(2);
if (!names().includes(name)) {
  process.stderr.write(`bench: no benchmark ${JSON.stringify(name)}; there are ${names().join(', ')}\n`);
  process.exit(2);
}
const params = parse(rest);
const { run } = (await import(join(import.meta.dirname, `${name}.ts`))) as Benchmark;
try {
  for await (const figure of run(params)) print({ bench: name, ...figure }, params['json'] === 'true');
} catch (error) {
  if (!(error instanceof RefusedError)) throw error;
  process.exit(REFUSED);
}
