import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { readCluster, temporaryDataDir, type ClusterFile } from '../up/data-dir.ts';
import { enterSandbox, type Argv } from '../up/sandbox.ts';
import { UserError } from '../up/user-error.ts';
import { findPodProcess } from './pod-process.ts';

export interface ShellFlags {
  readonly dataDir?: string;
  readonly node?: string;
  readonly pod?: string;
}

// Inside the sandbox: into the node's network, with the cluster's names.
const ON_NODE = `netns=$1 resolv=$2; shift 2
exec nsenter --net="$netns" -- unshare --mount -- sh -c '
mount --bind "$0" "$(readlink -f /etc/resolv.conf)" 2>/dev/null
exec "$@"' "$resolv" "$@"`;

// Inside the sandbox: into every namespace of a Pod's process; its root and environment come along.
const IN_POD = `pid=$1; shift
exec nsenter --target "$pid" --mount --uts --ipc --net --pid --wd=/ -- "$@"`;

/** The cluster that runs in the folder; a UserError when there is none with a sandbox. */
function runningCluster(dataDir: string | undefined): {
  readonly root: string;
  readonly cluster: ClusterFile;
} {
  const root = dataDir === undefined ? temporaryDataDir() : resolve(dataDir);
  const cluster = readCluster(root);
  if (cluster === undefined || !existsSync(`/proc/${cluster.pid}`)) {
    throw new UserError(
      `no cluster runs in ${root}: start one with \`portico up\`, or name its folder with --data-dir`,
    );
  }
  if (cluster.sandbox === undefined) {
    throw new UserError(
      `the cluster in ${root} runs with --network ${cluster.network}, without a sandbox: run the command directly`,
    );
  }
  return { root, cluster };
}

function nodeOf(cluster: ClusterFile, name: string | undefined): string {
  const names = cluster.nodes.map((n) => n.name);
  const found = name ?? names[0] ?? '';
  if (!names.includes(found))
    throw new UserError(`--node ${found}: there is no such node; there are ${names.join(', ')}`);
  return found;
}

interface Entry {
  readonly argv: Argv;
  readonly env: NodeJS.ProcessEnv;
}

/** The command line and environment that run `command` where the flags say. */
function entryOf(command: Argv, flags: ShellFlags): Entry {
  const { root, cluster } = runningCluster(flags.dataDir);
  const { pid, hasUserNamespace } = cluster.sandbox ?? { pid: 0, hasUserNamespace: false };
  const inside = (script: string, args: readonly string[]): Argv =>
    enterSandbox(pid, hasUserNamespace, ['sh', '-c', script, 'portico-shell', ...args, ...command]);
  if (flags.pod !== undefined) {
    const found = findPodProcess(cluster, root, flags.pod);
    return { argv: inside(IN_POD, [String(found.pid)]), env: { TERM: process.env['TERM'], ...found.env } };
  }
  const netns = join(cluster.runDir, 'netns', nodeOf(cluster, flags.node));
  const env = { ...process.env, KUBECONFIG: `${cluster.kubeconfig}.sandbox` };
  return { argv: inside(ON_NODE, [netns, join(root, 'resolv.conf')]), env };
}

/** `portico shell`: runs the command inside and ends with its exit code. */
export async function shell(command: readonly string[], flags: ShellFlags): Promise<void> {
  const [program = process.env['SHELL'] ?? '/bin/sh', ...args] = command;
  const { argv, env } = entryOf([program, ...args], flags);
  const [file, ...rest] = argv;
  const child = spawn(file, rest, { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  process.exitCode = await new Promise<number>((done, fail) => {
    child.once('error', fail);
    child.once('exit', (code, signal) =>
      done(code ?? 128 + (signal === null ? 1 : constants.signals[signal])),
    );
  });
}
