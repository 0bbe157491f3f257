import { closeSync, mkdirSync, openSync, rmSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { mount, MS_BIND, unmount } from '../libc/mounts.ts';
import {
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWUTS,
  enterNetns,
  setns,
  unshare,
  withNetns,
} from '../libc/namespaces.ts';
import { setHostname } from '../libc/processes.ts';
import { openNetworkStack } from '../route/network-stack.ts';

export { enterNetns, withNetns };

const ownNs = (name: string): string => `/proc/thread-self/ns/${name}`;

function bindOn(path: string, name: string): void {
  mkdirSync(dirname(path), { recursive: true });
  closeSync(openSync(path, 'w'));
  mount({ source: ownNs(name), target: path, flags: MS_BIND });
}

let hasClaimed = false;

/**
 * Gives the thread UTS and IPC namespaces of its own, once. One may only return to a namespace that belongs to the own user namespace: in a sandbox
 * made without `--uts --ipc` the first ones belong to the machine's.
 */
export function claimOwnNamespaces(): void {
  if (hasClaimed) return;
  unshare(CLONE_NEWUTS | CLONE_NEWIPC);
  hasClaimed = true;
}

/** Runs `fn` with the thread in new namespaces of one kind and moves back; the new ones live on where `fn` bound them. */
function inNewNamespace(kind: { readonly name: string; readonly flag: number }, fn: () => void): void {
  const home = openSync(ownNs(kind.name), 'r');
  try {
    unshare(kind.flag);
    try {
      fn();
    } finally {
      setns(home, kind.flag);
    }
  } finally {
    closeSync(home);
  }
}

/** Makes a network namespace with `lo` up and binds it on the file `path`, which keeps it alive without a process. What was bound there before is replaced. */
export function createNamedNetns(path: string): void {
  deleteNamedNamespace(path);
  inNewNamespace({ name: 'net', flag: CLONE_NEWNET }, () => {
    bindOn(path, 'net');
    const stack = openNetworkStack();
    stack.ensure({ kind: 'link', name: 'lo', isUp: true });
    stack.close();
  });
}

/** Makes a UTS namespace with that host name, bound on the file `path`. */
export function createNamedUts(path: string, hostname: string): void {
  deleteNamedNamespace(path);
  claimOwnNamespaces();
  inNewNamespace({ name: 'uts', flag: CLONE_NEWUTS }, () => {
    bindOn(path, 'uts');
    setHostname(hostname);
  });
}

/** Makes an IPC namespace, bound on the file `path`. */
export function createNamedIpc(path: string): void {
  deleteNamedNamespace(path);
  claimOwnNamespaces();
  inNewNamespace({ name: 'ipc', flag: CLONE_NEWIPC }, () => bindOn(path, 'ipc'));
}

/** NSFS_MAGIC of Linux include/uapi/linux/magic.h. */
const nsfs = 0x6e736673;

/** Whether a namespace is bound on the file `path`; false when there is none, or only the empty file a reboot left. */
export function isNamespaceBound(path: string): boolean {
  try {
    return statfsSync(path).type === nsfs;
  } catch {
    return false;
  }
}

/** Unbinds and removes the file; the namespace ends with its last process and descriptor. False when nothing was bound there. */
export function deleteNamedNamespace(path: string): boolean {
  const wasBound = unmount(path);
  rmSync(path, { force: true });
  return wasBound;
}

/** As `deleteNamedNamespace`; its devices go with the namespace, veth pairs with both ends. */
export const deleteNamedNetns = deleteNamedNamespace;
