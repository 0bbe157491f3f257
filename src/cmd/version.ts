import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The package's version, e.g. `0.1.0`. */
export function packageVersion(): string {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

export function printVersion(): void {
  process.stdout.write(`portico ${packageVersion()} (Node ${process.versions.node})\n`);
}
