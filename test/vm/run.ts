/**
 * `npm run test:vm`: what the host's kernel need not have, tested in a virtual machine with Debian's: IPVS and SCTP. All files in
 * one boot. Arguments are the files to run in place of all in `inside/`; `--command TEXT` runs that in place of tests, at the root of this
 * tree. `--connections N` and `--services N` are the size of the zero-loss run, `--minutes N` (45) the limit. Where a machine cannot be
 * started it says so and is successful, but not in CI.
 */
import { globSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { prepareMachine, runInMachine } from './machine.ts';

const root = join(import.meta.dirname, '..', '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    command: { type: 'string' },
    connections: { type: 'string' },
    services: { type: 'string' },
    /** Emulated processors are ten to forty times slower, and others may want this one. */
    minutes: { type: 'string', default: '45' },
  },
});

function tests(): string {
  const named = positionals.map((file) => relative(root, join(root, file)));
  const files = named.length > 0 ? named : globSync('test/vm/inside/*.ts', { cwd: root }).sort();
  const quoted = files.map((file) => `'${file}'`).join(' ');
  const sizes = [
    ...(values.connections === undefined ? [] : [`PORTICO_CONNECTIONS=${Number(values.connections)}`]),
    ...(values.services === undefined ? [] : [`PORTICO_SERVICES=${Number(values.services)}`]),
  ];
  const flags = '--test --test-isolation=none --test-reporter=spec';
  return `${sizes.join(' ')} '${process.execPath}' ${flags} ${quoted}`;
}

const machine = prepareMachine();
if (machine.isAvailable) {
  const started = Date.now();
  process.exitCode = await runInMachine(
    machine.files,
    `cd '${root}' && PATH="${dirname(process.execPath)}:$PATH" && ${values.command ?? tests()}`,
    {
      onLine: (line) => console.log(line),
      limitMs: Number(values.minutes) * 60_000,
    },
  );
  console.log(
    `virtual machine: exit code ${process.exitCode} after ${Math.round((Date.now() - started) / 1000)} s`,
  );
} else {
  console.log(`SKIPPED: tests in the virtual machine (IPVS, SCTP): ${machine.reason}`);
  if (process.env.CI !== undefined) process.exitCode = 1;
}
