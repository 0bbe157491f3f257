import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IptablesBackend } from '../../src/kernel/iptables/iptables.ts';
import { withNetns } from '../../src/kernel/netns/named-netns.ts';
import { NODE_NAME } from './objects.ts';
import { POD_CIDR } from './place.ts';

/** One proxy in one mode. */
export interface Contender {
  readonly proxy: 'portico' | 'kube-proxy';
  readonly mode: 'iptables' | 'userspace' | 'nftables';
  /** Of the iptables that the mode uses; kube-proxy's userspace mode uses it too. */
  readonly backend?: IptablesBackend;
  /** Least time between two syncs, as in a KubeProxyConfiguration. */
  readonly minSyncPeriod: string;
}

export interface StartOptions {
  readonly dir: string;
  readonly kubeconfig: string;
  readonly netns: string;
  /** Folder with kube-proxy. */
  readonly kubernetesBin: string | undefined;
}

const PORTICO = join(import.meta.dirname, '..', '..', 'bin', 'portico');

/** kube-proxy's userspace mode knows no EndpointSlices. */
export const readsEndpoints = ({ proxy, mode }: Contender): boolean =>
  proxy === 'kube-proxy' && mode === 'userspace';

/** The same file for both, as far as both know what stands in it. */
function configuration(contender: Contender, kubeconfig: string): object {
  const { proxy, mode, minSyncPeriod } = contender;
  const periods = { minSyncPeriod, syncPeriod: '30s' };
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig },
    mode,
    clusterCIDR: POD_CIDR,
    hostnameOverride: NODE_NAME,
    iptables: periods,
    ...(proxy === 'portico' ? { nftables: periods } : {}),
    ...(readsEndpoints(contender) ? { featureGates: { EndpointSliceProxying: false } } : {}),
    // A namespace may not change the machine's table of connections.
    conntrack: { maxPerCore: 0, min: 0, tcpCloseWaitTimeout: '0s', tcpEstablishedTimeout: '0s' },
  };
}

/** A folder in which `iptables` and its sisters are those of one backend. */
function programsOf(dir: string, backend: IptablesBackend): string {
  const folder = join(dir, `iptables-${backend}`);
  mkdirSync(folder, { recursive: true });
  for (const name of ['iptables', 'ip6tables']) {
    for (const verb of ['', '-save', '-restore']) {
      symlinkSync(`/usr/sbin/${name}-${backend}${verb}`, join(folder, `${name}${verb}`));
    }
  }
  return folder;
}

/** As many open files as kube-proxy's userspace mode asks for, and ends if it may not have them. */
const WANTED_FILES = 64_000;

/**
 * Where this machine's limit is lower, a tracer answers that one call in the kernel's place; all others go on untouched (a seccomp filter
 * picks it out), and so does Go when it does not interrupt its own threads by signals. What is opened is still counted.
 */
function liftedLimit(contender: Contender): readonly string[] {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  if (!readsEndpoints(contender) || hard === undefined || Number(hard) >= WANTED_FILES) return [];
  const inject = ['-e', 'trace=setrlimit', '-e', 'inject=setrlimit:retval=0'];
  const strace = [
    'strace',
    '-D',
    '-f',
    '--seccomp-bpf',
    '-qq',
    '-e',
    'signal=none',
    '-o',
    '/dev/null',
    ...inject,
  ];
  return ['env', 'GODEBUG=asyncpreemptoff=1', ...strace];
}

/** Starts it in a network namespace; its log goes to the folder. */
export function startContender(contender: Contender, options: StartOptions): ChildProcess {
  const { proxy, backend } = contender;
  const { dir, kubeconfig, netns, kubernetesBin } = options;
  const config = join(dir, 'config.json');
  mkdirSync(dir, { recursive: true });
  writeFileSync(config, JSON.stringify(configuration(contender, kubeconfig)));
  if (backend !== undefined && proxy === 'portico') leaveHint(netns, backend);
  const path = backend === undefined ? [] : [programsOf(dir, backend)];
  const theirs = [...liftedLimit(contender), join(kubernetesBin ?? '', 'kube-proxy')];
  const program = proxy === 'portico' ? [PORTICO, 'proxy'] : theirs;
  return withNetns(netns, () =>
    spawn(
      'sh',
      ['-c', 'ulimit -n "$(ulimit -Hn)"; exec "$@" 2>"$0"', join(dir, 'log'), ...program, '--config', config],
      {
        stdio: 'ignore',
        env: { ...process.env, PATH: [...path, process.env['PATH']].join(':') },
      },
    ),
  );
}

/** What a kubelet leaves for programs that look for the backend in use. */
function leaveHint(netns: string, backend: IptablesBackend): void {
  const args = ['-t', 'mangle', '-N', 'KUBE-IPTABLES-HINT'];
  withNetns(netns, () => spawnSync(`/usr/sbin/iptables-${backend}`, args));
}

export async function stopContender(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

/** The last lines of its log, for people. */
export const lastWords = (dir: string): string =>
  readFileSync(join(dir, 'log'), 'utf8').trim().split('\n').slice(-5).join('\n');
