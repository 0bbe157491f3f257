import { chmodSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { codeOf, messageOf, UserError } from './user-error.ts';

/** One cluster's files. */
export interface DataDir {
  readonly root: string;
  readonly kubeconfig: string;
  readonly pki: string;
  readonly logs: string;
  /** State of the nodes' Pods, and in a sandbox the mount point of its network namespaces. */
  readonly run: string;
  /** Frees the folder for the next `up`; a temporary one is removed. */
  release(): void;
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

/** Where a cluster lives that was given no `--data-dir`: one per user, forgotten when it ends. */
export function temporaryDataDir(): string {
  return join(tmpdir(), `portico-${process.getuid?.() ?? 'user'}`);
}

function makePrivate(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const stat = lstatSync(path);
    if (!stat.isDirectory())
      throw new UserError(`the data directory ${path} is not a folder: choose another with --data-dir`);
    if (process.getuid && stat.uid !== process.getuid()) {
      throw new UserError(
        `the data directory ${path} belongs to another user: choose another with --data-dir`,
      );
    }
    chmodSync(path, 0o700);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `cannot use the data directory ${path}: ${messageOf(error)}; choose another with --data-dir`,
      { cause: error },
    );
  }
}

/** An exclusive lock that the kernel releases when this process ends, however it ends. */
function lock(path: string): DatabaseSync {
  const file = join(path, 'lock');
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
  makePrivate(root);
  const db = lock(root);
  const isTemporary = path === undefined;
  const dir = {
    root,
    kubeconfig: join(root, 'kubeconfig'),
    pki: join(root, 'pki'),
    logs: join(root, 'logs'),
    run: join(root, 'run'),
  };
  // What the nodes of a killed cluster left behind (nodes/) is theirs to clean: it names processes that may still run.
  const empty = (...more: readonly string[]): void => {
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
  if (isTemporary) empty();
  for (const folder of [dir.logs, dir.run]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    ...dir,
    release: () => {
      rmSync(join(root, 'cluster.json'), { force: true });
      if (isTemporary) empty('nodes');
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
