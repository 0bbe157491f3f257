import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { UpOptions } from './options.ts';
import { UserError } from './user-error.ts';

function checkTarget(file: string): void {
  const refuse = (why: string): never => {
    throw new UserError(`--write-kubeconfig ${file}: ${why}`);
  };
  const folder = dirname(file);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    refuse(`there is no folder ${folder}; make it first, or name a file elsewhere`);
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) {
    refuse('that is a folder; name a file in it');
  }
  try {
    // The file is replaced as a whole, so it is the folder that must let it.
    accessSync(folder, constants.W_OK);
  } catch {
    refuse(`this user may not write in ${folder}; name a file elsewhere`);
  }
}

/** Checks what this machine and user must allow, before anything starts. Throws a UserError that names the mend. */
export function checkMachine({ network, writeKubeconfig }: UpOptions): void {
  if (network === 'host' && process.getuid?.() !== 0) {
    throw new UserError(
      "--network host: only root may program this machine's network; run it as root, or use --network sandbox",
    );
  }
  if (writeKubeconfig !== undefined) checkTarget(writeKubeconfig);
}
