// `npm test`: every test of the project. Arguments narrow it to files or globs; `npm run coverage` counts lines of src as well.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
/** Share of the lines of src that the tests must run, where lines are counted. */
const LEAST_COVERED_PERCENT = 85;
const COUNT_LINES = '--coverage';

const isCounted = process.argv.includes(COUNT_LINES);
const globs = process.argv.slice(2).filter((argument) => argument !== COUNT_LINES);
const coverage = [
  '--experimental-test-coverage',
  '--test-coverage-include=src/**/*.ts',
  '--test-coverage-exclude=src/**/*.test.ts',
  '--test-coverage-exclude=src/testing/**',
  `--test-coverage-lines=${LEAST_COVERED_PERCENT}`,
];
/**
 * Each test file is a process that loads some hundred modules: what was compiled once is kept for the next, which halves
 * the time of the whole. V8 counts lines of such code less exactly, so it is left out where they are counted.
 */
const env = isCounted
  ? process.env
  : { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'portico') };
/** A test that hangs fails, however much else the machine does; the slowest file takes a minute or two. */
const LIMIT_MS = 10 * 60_000;
const flags = [
  '--test',
  '--test-concurrency=3',
  `--test-timeout=${LIMIT_MS}`,
  `--test-reporter=${join(root, 'test', 'reporter.ts')}`,
  ...(isCounted ? coverage : []),
];
const { status } = spawnSync(
  process.execPath,
  [...flags, ...(globs.length === 0 ? ['src/**/*.test.ts', 'test/**/*.test.ts'] : globs)],
  { cwd: root, stdio: 'inherit', env },
);
process.exitCode = status ?? 1;
