// `npm test`: every test of the project. Arguments narrow it to files or globs; `npm run coverage` counts lines of src as well.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { RunResult } from './failures.ts';

const root = join(import.meta.dirname, '..');
/** Share of the lines of src that the tests must run, where lines are counted. */
const LEAST_COVERED_PERCENT = 85;
const COUNT_LINES = '--coverage';
/** So many files may fail among the others and pass alone: more is no coincidence. */
const MOST_AGAIN = 2;
/** A test that hangs fails, however much else the machine does; the slowest file takes a minute or two. */
const LIMIT_MS = 10 * 60_000;

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
const scratch = mkdtempSync(join(tmpdir(), 'portico-tests-'));
const resultFile = join(scratch, 'result.json');

interface Run {
  readonly status: number;
  /** Undefined when the runner itself was ended. */
  readonly result: RunResult | undefined;
}

function run(files: readonly string[], concurrency: number): Run {
  rmSync(resultFile, { force: true });
  const flags = [
    '--test',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${LIMIT_MS}`,
    `--test-reporter=${join(root, 'test', 'reporter.ts')}`,
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(root, 'test', 'failures.ts')}`,
    `--test-reporter-destination=${resultFile}`,
    ...(isCounted ? coverage : []),
  ];
  const { status } = spawnSync(process.execPath, [...flags, ...files], { cwd: root, stdio: 'inherit', env });
  const text = readResult();
  return { status: status ?? 1, result: text === '' ? undefined : (JSON.parse(text) as RunResult) };
}

function readResult(): string {
  try {
    return readFileSync(resultFile, 'utf8');
  } catch {
    return '';
  }
}

/**
 * The whole suite shares the cores with its own neighbours. A file or two that fail are run again, alone; when they pass
 * then, the run is good, and its last line names them: each of them is a fault to be found, in the test or in what it tests.
 */
function runAll(): number {
  const first = run(['src/**/*.test.ts', 'test/**/*.test.ts'], 3);
  const { files = [], counts } = first.result ?? {};
  if (counts === undefined || files.length === 0 || files.length > MOST_AGAIN || isCounted)
    return first.status;
  const names = files.map((file) => relative(root, file)).join(', ');
  process.stdout.write(`\nonce more, alone: ${names}\n\n`);
  const second = run(files, 1);
  if (second.status !== 0) return second.status;
  const nPassed = counts.passed + counts.failed + counts.cancelled;
  process.stdout.write(
    `${nPassed} passed, 0 failed, ${counts.skipped} skipped; passed only alone, to be looked into: ${names}\n`,
  );
  return 0;
}

try {
  process.exitCode = globs.length === 0 ? runAll() : run(globs, 3).status;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
