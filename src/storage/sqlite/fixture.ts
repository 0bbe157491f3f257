import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A path for a store in a directory of its own, removed after the tests of the calling file. */
export function temporaryPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'portico-store-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'store.db');
}

/** Runs statements as another process, with `open()` for the store at `path` in scope. */
export function runProgram(path: string, statements: string): ChildProcess {
  const module = new URL('./sqlite-store.ts', import.meta.url).href;
  const program = `import { openSqliteStore } from ${JSON.stringify(module)};
    const open = () => openSqliteStore({ path: ${JSON.stringify(path)} });
    ${statements}`;
  return spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
