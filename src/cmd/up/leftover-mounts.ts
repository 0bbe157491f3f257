import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Mount points below a folder, the deepest first, from the text of /proc/self/mountinfo. */
export function mountsBelow(folder: string, mountInfo: string): readonly string[] {
  return mountInfo
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((path) =>
      path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    )
    .filter((path) => path.startsWith(`${folder}/`))
    .reverse();
}

/**
 * Unmounts what a killed cluster left mounted below a folder of this machine (namespaces of Pods with `--network host`), so that the folder can
 * be emptied. Costs one small file to read where there is nothing.
 */
export function unmountBelow(folder: string): void {
  let mountInfo: string;
  try {
    mountInfo = readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return; // not Linux: nothing of ours is mounted
  }
  for (const path of mountsBelow(folder, mountInfo)) spawnSync('umount', ['--lazy', path]);
}
