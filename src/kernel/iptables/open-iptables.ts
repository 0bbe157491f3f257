import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { IpFamily } from '../../net/ip.ts';
import { withNetns } from '../netns/named-netns.ts';
import { IptablesError } from './iptables.ts';
import type { ChainDropper } from './chain-dropper.ts';
import type { ChainDrop, Iptables, IptablesBackend, IptablesFailure, Place } from './iptables.ts';

/** How long another program may hold the lock before we give up, as kube-proxy waits. */
const lockSeconds = 5;
const lockFile = '/run/xtables.lock';
const folders = ['/usr/sbin', '/sbin', '/usr/local/sbin', '/usr/bin'];

export interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The path of `iptables-nft-save` and its like; undefined = this machine has none. */
export function findProgram(
  family: IpFamily,
  backend: IptablesBackend | undefined,
  verb: string,
): string | undefined {
  const name = [family === 'IPv4' ? 'iptables' : 'ip6tables', backend, verb].filter(Boolean).join('-');
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * The lock lies where only root may write. An ordinary user's namespaces are nobody else's, so that a lock that is taken
 * by nobody else will do; flock works on the null device.
 */
function lockSettings(backend: IptablesBackend | undefined): string[] {
  if (backend === 'nft') return [];
  try {
    accessSync(existsSync(lockFile) ? lockFile : '/run', constants.W_OK);
    return [];
  } catch {
    return ['XTABLES_LOCKFILE=/dev/null'];
  }
}

function output(child: ChildProcess, input: string): Promise<Output> {
  return new Promise((resolve, reject) => {
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program that gives up early closes its input; its exit code says why.
    child.stdin?.on('error', () => undefined);
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({
        code,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString().trim(),
      }),
    );
    child.stdin?.end(input);
  });
}

/** Runs one of the programs in a network namespace, to its end. */
export function runProgram(
  path: string,
  args: readonly string[],
  options: Place & { readonly backend: IptablesBackend | undefined; readonly input?: string },
): Promise<Output> {
  const settings = lockSettings(options.backend);
  const [file, ...all] = settings.length > 0 ? ['/usr/bin/env', ...settings, path, ...args] : [path, ...args];
  const child = withNetns(options.netnsPath, () =>
    spawn(file ?? path, all, { stdio: ['pipe', 'pipe', 'pipe'] }),
  );
  return output(child, options.input ?? '');
}

/** Exit codes of iptables: 2 = usage, 3 = kernel and program do not fit, 4 = the lock. */
function failureOf({ code, stderr }: Output): IptablesFailure {
  if (/Message too long/.test(stderr)) return 'too-long';
  if (code === 4 || /holding the xtables lock/.test(stderr)) return 'busy';
  return /Permission denied|Operation not permitted|must be root|do you need to insmod/i.test(stderr)
    ? 'unusable'
    : 'refused';
}

function failed(what: string, result: Output): IptablesError {
  const detail = result.stderr.split('\n')[0] ?? '';
  const line = /\bline:? (\d+) failed/.exec(result.stderr)?.[1];
  const options = line === undefined ? {} : { line: Number(line) };
  return new IptablesError(failureOf(result), `${what}: exit code ${result.code}: ${detail}`, options);
}

/** The tables of the namespace at `netnsPath` (default: the calling thread's) through the programs of one backend. Starts nothing. */
export function openIptables(options: Place & { readonly backend: IptablesBackend }): Iptables {
  const { family, backend } = options;
  let last: Promise<unknown> = Promise.resolve();

  const run = async (verb: string, args: readonly string[], input?: string): Promise<Output> => {
    const path = findProgram(family, backend, verb) ?? findProgram(family, undefined, verb);
    if (path === undefined) {
      throw new IptablesError(
        'unusable',
        `${family} iptables is not installed: install the package iptables`,
      );
    }
    // One at a time: programs of one process need not fight for the lock.
    const turn = last.then(() =>
      runProgram(path, args, { ...options, ...(input === undefined ? {} : { input }) }),
    );
    last = turn.catch(() => undefined);
    return turn;
  };
  let dropper: Promise<ChainDropper> | undefined;
  const dropChains = (drop: ChainDrop): Promise<boolean> => {
    dropper ??= import('./chain-dropper.ts').then((module) => new module.ChainDropper(options));
    const turn = Promise.all([dropper, last]).then(([ready]) => ready.drop(drop));
    last = turn.catch(() => undefined);
    return turn;
  };
  const isWaiting = backend === 'legacy' ? ['-w', String(lockSeconds)] : [];

  return {
    family,
    backend,
    save: async (...tables) => {
      // An ordinary user may not list the tables of the legacy backend, but look into each.
      const all = backend === 'nft' && tables.length > 1 ? [[]] : tables.map((table) => ['-t', table]);
      const texts: string[] = [];
      for (const args of all) {
        const result = await run('save', args);
        if (result.code !== 0) throw failed([family, 'iptables-save', ...args].join(' '), result);
        texts.push(result.stdout);
      }
      return texts.join('');
    },
    restore: async (text) => {
      const result = await run('restore', [...isWaiting, '--noflush'], text);
      if (result.code !== 0) throw failed(`${family} iptables-restore`, result);
    },
    hasChain: async (table, chain) => {
      const { code } = await run('', [...isWaiting, '-t', table, '-S', chain, '1']);
      return code === 0;
    },
    ...(backend === 'nft' ? { dropChains } : {}),
  };
}
