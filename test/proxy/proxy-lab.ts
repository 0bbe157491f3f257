import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '../../src/kernel/netns/named-netns.ts';
import { createPacketLab, labAddresses } from '../../src/testing/packet-lab.ts';
import type { PacketLab } from '../../src/testing/packet-lab.ts';
import { sandboxFolder } from '../../src/testing/sandbox.ts';
import { uncovered } from '../../src/testing/coverage.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cmd', 'portico.ts');
const PATIENCE_MS = 120_000;

/** A program on the lab's node, and what it printed. */
export interface Program {
  readonly output: () => string;
  /** Resolves when the output holds the text, after its first `from` characters; rejects when the program ended before that. */
  says(text: string, from?: number): Promise<void>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** A line of its input. */
  tell(line: string): void;
  /** SIGHUP: read the configuration again. */
  hangUp(): void;
  /** The exit code; null after a signal. */
  readonly ended: Promise<number | null>;
}

/** A node with Pods, an API server and `portico proxy` on it, each a process of its own. Needs `inSandbox`. */
export interface ProxyLab {
  readonly packets: PacketLab;
  readonly folder: string;
  readonly kubeconfig: string;
  /** Starts the API server, on the same data as before. */
  startApi(...flags: readonly string[]): Promise<Program>;
  startProxy(...flags: readonly string[]): Program;
  /** Starts a program of this folder on the node. */
  startProbe(file: string, ...args: readonly string[]): Program;
  /** Runs a command on the node to its end; rejects unless it ends with 0. */
  run(command: string, args: readonly string[], input?: string): Promise<string>;
  /** `kubectl apply`. */
  apply(...objects: readonly object[]): Promise<void>;
  close(): Promise<void>;
}

function program(child: ChildProcess): Program {
  let text = '';
  child.stdout?.on('data', (data) => (text += String(data)));
  child.stderr?.on('data', (data) => (text += String(data)));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return {
    output: () => text,
    says: async (wanted, from = 0) => {
      const end = Date.now() + PATIENCE_MS;
      while (!text.includes(wanted, from)) {
        if (child.exitCode !== null || Date.now() > end) throw new Error(`it never said ${wanted}:\n${text}`);
        await sleep(20);
      }
    },
    kill: async (signal) => {
      child.kill(signal);
      await ended;
    },
    tell: (line) => void child.stdin?.write(`${line}\n`),
    hangUp: () => void child.kill('SIGHUP'),
    ended,
  };
}

export function createProxyLab(nPods: number): ProxyLab {
  const packets = createPacketLab(nPods);
  const folder = sandboxFolder('portico-proxy-');
  const kubeconfig = join(folder, 'kubeconfig');
  const running = new Set<ChildProcess>();
  const start = (command: string, args: readonly string[]): ChildProcess => {
    const child = withNetns(packets.netns('node'), () =>
      spawn(command, args, { env: { ...process.env, ...uncovered }, stdio: ['pipe', 'pipe', 'pipe'] }),
    );
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  };
  const portico = (...args: readonly string[]): Program => program(start(process.execPath, [MAIN, ...args]));
  const run: ProxyLab['run'] = async (command, args, input) => {
    const child = start(command, args);
    child.stdin?.end(input);
    const { ended, output } = program(child);
    const code = await ended;
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output()}`);
    return output();
  };
  const address = labAddresses.IPv4.node;
  return {
    packets,
    folder,
    kubeconfig,
    startApi: async (...more) => {
      const flags = [`--data-dir=${folder}/data`, `--write-kubeconfig=${kubeconfig}`, ...more];
      const api = portico(
        'apiserver',
        ...flags,
        `--bind-address=${address}`,
        `--advertise-address=${address}`,
      );
      await api.says('"msg":"serving"');
      return api;
    },
    startProbe: (file, ...args) =>
      program(start(process.execPath, [join(import.meta.dirname, file), ...args])),
    startProxy: (...flags) => portico('proxy', `--hostname-override=node-1`, '--log-level=debug', ...flags),
    run,
    apply: async (...objects) => {
      const items = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      await run(
        'kubectl',
        ['--kubeconfig', kubeconfig, '--cache-dir', `${folder}/cache`, 'apply', '-f', '-'],
        items,
      );
    },
    close: async () => {
      await Promise.all(
        [...running].map(async (child) => {
          const closed = once(child, 'close');
          child.kill('SIGKILL');
          await closed;
        }),
      );
      await packets.close();
    },
  };
}

/** Writes a KubeProxyConfiguration for the lab's API server. */
export function writeProxyConfig(lab: ProxyLab, fields: Readonly<Record<string, unknown>>): string {
  const path = join(lab.folder, 'config.conf');
  const document = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: lab.kubeconfig },
    clusterCIDR: `${labAddresses.IPv4.podCIDR},${labAddresses.IPv6.podCIDR}`,
    ...fields,
  };
  writeFileSync(path, JSON.stringify(document));
  return path;
}

/** Writes the status of a Node, which an apply leaves out; by a path, since older kubectl know no flag for it. */
export async function writeStatus(
  lab: ProxyLab,
  node: { readonly metadata: { readonly name: string } },
): Promise<void> {
  const path = `/api/v1/nodes/${node.metadata.name}/status`;
  const flags = ['--kubeconfig', lab.kubeconfig, 'replace', '--raw', path, '-f', '-'];
  await lab.run('kubectl', flags, JSON.stringify(node));
}
