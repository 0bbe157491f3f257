import { readFileSync } from 'node:fs';
import { messageOf } from '../../base/thrown.ts';
import { wrongFlag } from '../component/flags.ts';
import type { Flags } from '../component/flags.ts';
import type { ApiserverFlag } from './flags.ts';

/** The text of the file a flag names; undefined without the flag. Throws a UserError when it cannot be read. */
export function readFlagFile(flags: Flags<ApiserverFlag>, name: ApiserverFlag): string | undefined {
  const path = flags.text(name);
  return path === undefined ? undefined : readNamedFile(name, path);
}

/** The text of one of the files a flag names. */
export function readNamedFile(name: ApiserverFlag, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw wrongFlag(`--${name}=${path}: cannot read the file (${messageOf(error)})`);
  }
}
