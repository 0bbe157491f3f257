import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { processesNaming } from '../../src/testing/processes.ts';
import { runProgram, type Outcome } from '../../src/testing/test-cluster.ts';

export const PORTICO = join(import.meta.dirname, '..', '..', 'bin', 'portico');

/** A folder of a test's own; the programs it starts have their temporary folder (`tmp`) there, too. */
export interface Scratch {
  readonly root: string;
  readonly tmp: string;
  readonly env: Readonly<Record<string, string>>;
  /** Everything below the folder, by path, in order. */
  files(): string[];
  remove(): void;
}

export function makeScratch(): Scratch {
  const root = mkdtempSync(join(tmpdir(), 'portico-cli-'));
  const tmp = join(root, 'tmp');
  mkdirSync(tmp);
  return {
    root,
    tmp,
    env: { TMPDIR: tmp },
    files: () => readdirSync(root, { recursive: true }).map(String).sort(),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Asserts that no process names the folder and nothing is mounted in it, as the host sees it. */
export function assertNothingRuns(root: string): void {
  // The kernel ends the processes of a namespace one after the other, and says so to nobody.
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let i = 0; i < 100 && processesNaming(root).length > 0; i++) Atomics.wait(pause, 0, 0, 20);
  assert.deepEqual(processesNaming(root), [], 'processes that were left behind');
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  assert.deepEqual(
    mounts.filter((line) => line.includes(root)),
    [],
    'mounts that were left behind',
  );
}

/** Runs portico to its end in the scratch folder. */
export function attempt(
  scratch: Scratch,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return runProgram([PORTICO, ...args], { env: { ...scratch.env, ...env }, timeoutMs: 20_000 });
}

/** Asserts a refusal: one sentence that contains `says`, the exit code, and that nothing runs or is mounted. */
export function assertRefused(
  outcome: Outcome,
  expected: { readonly says: RegExp; readonly code: number; readonly root: string },
): void {
  const lines = outcome.stderr.trimEnd().split('\n');
  const problems = lines.filter((line) => !line.startsWith('✓ '));
  assert.equal(problems.length, 1, outcome.stderr);
  assert.match(problems[0] ?? '', /^portico: /);
  assert.match(problems[0] ?? '', expected.says);
  assert.equal(outcome.stdout, '');
  assert.equal(outcome.code, expected.code);
  if (existsSync(expected.root)) assertNothingRuns(expected.root);
}
