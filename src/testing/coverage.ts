import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * For processes in process namespaces of their own. Node names a coverage file by process id and millisecond; two
 * namespaces give the same ids, and two processes that write one file at once leave neither's.
 */
export const uncovered = { NODE_V8_COVERAGE: '' };

/** What a process in a namespace of its own covers is kept apart, and handed to the runner under names of this process. */
export interface CoverageFolder {
  readonly env: Readonly<Record<string, string>>;
  collect(): void;
}

export function openCoverageFolder(): CoverageFolder {
  const shared = process.env['NODE_V8_COVERAGE'];
  if (shared === undefined || shared === '') return { env: {}, collect: () => undefined };
  const own = mkdtempSync(join(shared, 'namespace-'));
  const collect = (): void => {
    readdirSync(own).forEach((name, i) => {
      const [, ms] = /^coverage-\d+-(\d{13})-\d+\.json$/.exec(name) ?? [];
      // This process writes its own file as number 0.
      if (ms !== undefined)
        renameSync(join(own, name), join(shared, `coverage-${process.pid}-${ms}-${i + 1}.json`));
    });
    rmSync(own, { recursive: true, force: true });
  };
  return { env: { NODE_V8_COVERAGE: own }, collect };
}
