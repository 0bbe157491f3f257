// `npm test`: every test of the project, with line coverage of src. Arguments narrow it to files or globs.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
/** Share of the lines of src that the tests must run. */
const LEAST_COVERED_PERCENT = 85;

const globs = process.argv.slice(2);
const isWhole = globs.length === 0;
const coverage = [
  '--experimental-test-coverage',
  '--test-coverage-include=src/**/*.ts',
  '--test-coverage-exclude=src/**/*.test.ts',
  '--test-coverage-exclude=src/testing/**',
  `--test-coverage-lines=${LEAST_COVERED_PERCENT}`,
];
/** A test that hangs fails, however much else the machine does; the slowest file takes a minute or two. */
const LIMIT_MS = 10 * 60_000;
const flags = [
  '--test',
  '--test-concurrency=3',
  `--test-timeout=${LIMIT_MS}`,
  `--test-reporter=${join(root, 'test', 'reporter.ts')}`,
];
const { status } = spawnSync(
  process.execPath,
  [...flags, ...(isWhole ? [...coverage, 'src/**/*.test.ts', 'test/**/*.test.ts'] : globs)],
  { cwd: root, stdio: 'inherit' },
);
process.exitCode = status ?? 1;
