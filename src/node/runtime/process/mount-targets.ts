import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { bindFunction, checked } from '../../../kernel/libc/function.ts';
import {
  mount,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
} from '../../../kernel/libc/mounts.ts';
import { hasCode } from '../../../kernel/libc/system-error.ts';
import type { BindMount } from '../model.ts';

const cChroot = bindFunction('int chroot(str path)');

/** The nearest folder above `path` that exists. */
function existingAncestor(path: string): string {
  const parent = dirname(path);
  return existsSync(parent) ? parent : existingAncestor(parent);
}

/** Makes `copy` look like the folder `original`: a tmpfs whose entries are mounts of the original ones. */
function mirror(original: string, copy: string): void {
  mkdirSync(copy, { recursive: true });
  mount({ target: copy, type: 'tmpfs', data: 'mode=755' });
  for (const name of readdirSync(original)) {
    const [source, target] = [join(original, name), join(copy, name)];
    const stat = lstatSync(source);
    if (stat.isSymbolicLink()) {
      symlinkSync(readlinkSync(source), target);
      continue;
    }
    if (stat.isDirectory()) mkdirSync(target);
    else writeFileSync(target, '');
    mount({ source, target, flags: MS_BIND | MS_REC });
  }
}

function makeTarget({ source, target }: BindMount): void {
  if (statSync(source).isDirectory()) return void mkdirSync(target, { recursive: true });
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, '');
}

/** What a mount made outside of this user namespace may have; nobody in it can take that away, so a remount must name it. */
const lockedFlags = [0, MS_NOSUID | MS_NODEV, MS_NOSUID | MS_NODEV | MS_NOEXEC];

function makeReadOnly(target: string): void {
  for (const locked of lockedFlags) {
    try {
      return mount({ target, flags: MS_BIND | MS_REMOUNT | MS_RDONLY | locked });
    } catch (error) {
      if (!hasCode(error, 'EPERM') || locked === lockedFlags.at(-1)) throw error;
    }
  }
}

/**
 * Makes the bind mounts in the calling thread's own mount namespace. Where a target does not exist, the folder above it is replaced by a mirror that has
 * it, so that nothing is ever made on the machine's disk; for a target in `/` itself the thread's root becomes the mirror. `staging` is an empty folder.
 */
export function bindMounts(mounts: readonly BindMount[], staging: string): void {
  const isMissing = ({ target }: BindMount): boolean => !existsSync(target);
  for (const missing of mounts.filter(isMissing)) {
    if (!isMissing(missing)) continue;
    const folder = existingAncestor(missing.target);
    const copy = join(staging, folder === '/' ? 'root' : folder.replaceAll('/', '-').slice(1));
    if (!existsSync(copy)) {
      mirror(folder, copy);
      if (folder === '/') {
        checked('chroot', cChroot(copy), copy);
        process.chdir('/');
      } else mount({ source: copy, target: folder, flags: MS_BIND | MS_REC });
    }
    makeTarget(missing);
  }
  for (const { source, target, isReadOnly } of mounts) {
    mount({ source, target, flags: MS_BIND | MS_REC });
    if (isReadOnly) makeReadOnly(target);
  }
}
