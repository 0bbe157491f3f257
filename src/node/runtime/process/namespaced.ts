import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bindFunction, checked } from '../../../kernel/libc/function.ts';
import { mount, MS_PRIVATE, MS_REC, unmount } from '../../../kernel/libc/mounts.ts';
import {
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUTS,
  setns,
  unshare,
} from '../../../kernel/libc/namespaces.ts';
import { claimOwnNamespaces } from '../../../kernel/netns/named-netns.ts';
import { podsSuffix } from '../../network/plan.ts';
import type { BindMount, PodNamespaces } from '../model.ts';
import { bindMounts } from './mount-targets.ts';

const cMkfifo = bindFunction('int mkfifo(str path, uint32_t mode)');

/** Makes a named pipe. */
export function makePipe(path: string): void {
  checked('mkfifo', cMkfifo(path, 0o600), path);
}

interface Kind {
  readonly flag: number;
  readonly file: string;
}

const kinds = {
  mnt: { flag: CLONE_NEWNS, file: 'mnt' },
  net: { flag: CLONE_NEWNET, file: 'net' },
  uts: { flag: CLONE_NEWUTS, file: 'uts' },
  ipc: { flag: CLONE_NEWIPC, file: 'ipc' },
  pid: { flag: CLONE_NEWPID, file: 'pid' },
} as const satisfies Readonly<Record<string, Kind>>;

export interface ContainerNamespaces {
  readonly shared: PodNamespaces;
  readonly mounts: readonly BindMount[];
  /** The folder of bound namespaces: the Pods' are taken away from the container, whose copies would keep them alive. */
  readonly netnsDir: string;
  /** An empty folder of the container. */
  readonly staging: string;
}

/**
 * Runs `fn` with the calling (main) thread where a container shall be: in the Pod's namespaces, a mount namespace of its own with the given mounts, and
 * with a new process namespace for the next child. Then moves back, also after an error. A child forked by `fn` stays there; because the thread
 * moves and not a helper program, a container costs one fork. `fn` must be synchronous.
 */
export function inContainerNamespaces<T>(
  { shared, mounts, netnsDir, staging }: ContainerNamespaces,
  fn: () => T,
): T {
  claimOwnNamespaces();
  const directory = process.cwd();
  const home: [Kind, number][] = [];
  const remember = (kind: Kind): void =>
    void home.push([kind, openSync(`/proc/thread-self/ns/${kind.file}`, 'r')]);
  try {
    for (const [name, path] of Object.entries(shared) as [keyof PodNamespaces, string | undefined][]) {
      if (path === undefined) continue;
      remember(kinds[name]);
      enter(path, kinds[name].flag);
    }
    remember(kinds.mnt);
    unshare(CLONE_NEWNS);
    mount({ target: '/', flags: MS_REC | MS_PRIVATE });
    for (const name of existsSync(netnsDir) ? readdirSync(netnsDir) : []) {
      if (name.endsWith(podsSuffix)) unmount(join(netnsDir, name));
    }
    bindMounts(mounts, staging);
    remember(kinds.pid);
    unshare(CLONE_NEWPID);
    return fn();
  } finally {
    for (const [kind, fd] of home.reverse()) {
      setns(fd, kind.flag);
      closeSync(fd);
    }
    process.chdir(directory);
  }
}

function enter(path: string, flag: number): void {
  const fd = openSync(path, 'r');
  try {
    setns(fd, flag);
  } finally {
    closeSync(fd);
  }
}
