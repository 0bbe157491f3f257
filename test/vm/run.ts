/**
 * `npm run test:vm`: what the host's kernel need not have, tested in a virtual machine with Debian's: IPVS and SCTP. All files in
 * one boot. Arguments are the files to run in place of all in `inside/`. Where a machine cannot be started it says so and is
 * successful, but not in CI.
 */
import { globSync } from 'node:fs';
import { join, relative } from 'node:path';
import { prepareMachine, runInMachine } from './machine.ts';

const root = join(import.meta.dirname, '..', '..');
/** Emulated processors are ten to forty times slower. */
const LIMIT_MS = 20 * 60_000;

function command(files: readonly string[]): string {
  const quoted = files.map((file) => `'${file}'`).join(' ');
  const flags = '--test --test-isolation=none --test-reporter=spec';
  return `cd '${root}' && '${process.execPath}' ${flags} ${quoted}`;
}

const named = process.argv.slice(2);
const files = named.length > 0 ? named : globSync('test/vm/inside/*.ts', { cwd: root }).sort();
const machine = prepareMachine();
if (machine.isAvailable) {
  const started = Date.now();
  process.exitCode = await runInMachine(
    machine.files,
    command(files.map((file) => relative(root, join(root, file)))),
    {
      onLine: (line) => console.log(line),
      limitMs: LIMIT_MS,
    },
  );
  console.log(
    `virtual machine: exit code ${process.exitCode} after ${Math.round((Date.now() - started) / 1000)} s`,
  );
} else {
  console.log(`SKIPPED: tests in the virtual machine (IPVS, SCTP): ${machine.reason}`);
  if (process.env.CI !== undefined) process.exitCode = 1;
}
