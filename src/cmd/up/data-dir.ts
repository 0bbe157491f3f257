import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { codeOf, messageOf } from '../../base/thrown.ts';
import { unmountBelow } from './leftover-mounts.ts';
import { UserError } from './user-error.ts';

/** One cluster's files. */
export interface DataDir {
  readonly root: string;
  readonly kubeconfig: string;
  readonly pki: string;
  readonly logs: string;
  /** State of the nodes' Pods, and in a sandbox the mount point of its network namespaces. */
  readonly run: string;
  /** An earlier cluster in it did not stop in good order. */
  readonly wasKilled: boolean;
  /** Frees the folder for the next `up` and empties a temporary one. After a failed start a folder made for it is removed. */
  release(end: 'stopped' | 'failed to start'): void;
}

/** What `portico shell` needs to find its way into a running cluster. */
export interface ClusterFile {
  readonly pid: number;
  readonly network: string;
  readonly kubeconfig: string;
  readonly runDir: string;
  readonly sandbox?: { readonly pid: number; readonly hasUserNamespace: boolean };
  readonly nodes: readonly { readonly name: string; readonly ip: string }[];
  readonly clusterDNS: string;
  readonly clusterDomain: string;
}

const LOCK = 'lock';

/** Where a cluster lives that was given no `--data-dir`: one per user, forgotten when it ends. */
export function temporaryDataDir(): string {
  return join(tmpdir(), `portico-${process.getuid?.() ?? 'user'}`);
}

/** Like `mkdir -p` for its owner alone; whether it was missing. Node's own never returns for a path like /proc/x. */
function makeFolder(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (codeOf(error) !== 'ENOENT' || !makeFolder(dirname(path))) throw error;
    mkdirSync(path, { mode: 0o700 });
    return true;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is not a folder',
  ENOENT: 'it cannot be made',
  ENOSPC: 'the file system is full',
};

/** What keeps a folder that exists from being a cluster's; undefined when nothing does. */
function objection(path: string, stat: Stats): string | undefined {
  if (!stat.isDirectory()) return 'is not a folder';
  if (process.getuid && stat.uid !== process.getuid()) return 'belongs to another user';
  const names = readdirSync(path);
  return names.length === 0 || names.includes(LOCK) ? undefined : "holds files that are not a cluster's";
}

/** Makes the folder, or checks the one that is there; whether it was made. */
function takeFolder(path: string, isTemporary: boolean): boolean {
  const mend = 'choose another with --data-dir';
  try {
    if (makeFolder(path)) return true;
    // Everybody may make links in the folder of temporary files; where they lead is not for us to follow.
    const problem = objection(path, isTemporary ? lstatSync(path) : statSync(path));
    if (problem !== undefined) throw new UserError(`the data directory ${path} ${problem}: ${mend}`);
    chmodSync(path, 0o700);
    return false;
  } catch (error) {
    if (error instanceof UserError) throw error;
    const reason = REASONS[codeOf(error) ?? ''] ?? messageOf(error);
    throw new UserError(`cannot use the data directory ${path}: ${reason}; ${mend}`, { cause: error });
  }
}

/** Makes a folder of the data directory that may be there already. */
function ensureInside(path: string): void {
  if (makeFolder(path) || lstatSync(path).isDirectory()) return;
  throw new UserError(`${path} is not a folder: remove it, or choose another folder with --data-dir`);
}

/** An exclusive lock that the kernel releases when this process ends, however it ends. */
function lock(path: string): DatabaseSync {
  const file = join(path, LOCK);
  try {
    const db = new DatabaseSync(file, { timeout: 0 });
    db.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    if (/locked|busy/.test(messageOf(error))) {
      const owner = readCluster(path)?.pid;
      const who = owner === undefined ? 'another process' : `process ${owner}`;
      throw new UserError(
        `the data directory ${path} is in use by ${who}: stop that cluster, or choose another folder with --data-dir`,
      );
    }
    throw new UserError(
      `cannot lock the data directory ${path}: ${messageOf(error)}; remove ${file} or choose another folder with --data-dir`,
      { cause: error },
    );
  }
}

/** Opens and locks a cluster's folder. `path` undefined = the user's temporary one, which starts empty. */
export function openDataDir(path: string | undefined): DataDir {
  const root = resolve(path ?? temporaryDataDir());
  const isTemporary = path === undefined;
  const isNew = takeFolder(root, isTemporary);
  const db = lock(root);
  const dir = {
    root,
    kubeconfig: join(root, 'kubeconfig'),
    pki: join(root, 'pki'),
    logs: join(root, 'logs'),
    run: join(root, 'run'),
  };
  // What the nodes of a killed cluster left behind (nodes/) is theirs to clean: it names processes that may still run.
  const empty = (...more: readonly string[]): void => {
    unmountBelow(dir.run);
    for (const name of [
      'kubeconfig',
      'kubeconfig.sandbox',
      'resolv.conf',
      'pki',
      'logs',
      'run',
      'store',
      'cluster.json',
      ...more,
    ]) {
      rmSync(join(root, name), { recursive: true, force: true });
    }
  };
  const wasKilled = readCluster(root) !== undefined;
  try {
    // What an earlier process wrote of itself is over: nobody else has the lock.
    if (isTemporary) empty();
    else rmSync(join(root, 'cluster.json'), { force: true });
    for (const folder of [dir.logs, dir.run]) ensureInside(folder);
  } catch (error) {
    db.close();
    throw error;
  }
  return {
    ...dir,
    wasKilled,
    release: (end) => {
      rmSync(join(root, 'cluster.json'), { force: true });
      if (isNew && end === 'failed to start') rmSync(root, { recursive: true, force: true });
      else if (isTemporary) empty('nodes');
      db.close();
    },
  };
}

/** Tells other commands where the cluster is. */
export function writeCluster(root: string, cluster: ClusterFile): void {
  writeFileSync(join(root, 'cluster.json'), `${JSON.stringify(cluster, null, 2)}\n`, { mode: 0o600 });
}

/** The resolv.conf of `portico shell`: the cluster's names first, from the namespace `default`. */
export function writeResolvConf(root: string, cluster: ClusterFile): void {
  const { clusterDomain, clusterDNS } = cluster;
  const search = `default.svc.${clusterDomain} svc.${clusterDomain} ${clusterDomain}`;
  writeFileSync(join(root, 'resolv.conf'), `nameserver ${clusterDNS}\nsearch ${search}\noptions ndots:5\n`);
}

/** The cluster that runs (or ran) in a folder; undefined when there is none. */
export function readCluster(root: string): ClusterFile | undefined {
  try {
    return JSON.parse(readFileSync(join(root, 'cluster.json'), 'utf8')) as ClusterFile;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
