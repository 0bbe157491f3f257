import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import { freePort, runProgram } from '../../src/testing/test-cluster.ts';
import { kubeconfigOf, startApiserver, type Program } from '../stores/programs.ts';

const VARIABLE = 'PORTICO_KUBERNETES_BIN';

/** Path of a program of Kubernetes that `build.sh` has built; undefined when it is not there. */
function binary(name: string): string | undefined {
  const folder = process.env[VARIABLE];
  const path = folder === undefined ? undefined : join(folder, name);
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** Why tests of these programs cannot run here; undefined when they can. */
export function whyNot(names: readonly string[]): string | undefined {
  const folder = process.env[VARIABLE];
  if (folder === undefined) return `${VARIABLE} does not name a folder of Kubernetes’ programs`;
  const missing = names.filter((name) => binary(name) === undefined);
  return missing.length === 0 ? undefined : `${VARIABLE}=${folder} has no ${missing.join(', ')}`;
}

/** Like `describe`, but reported as skipped, with the reason, where the programs are not there. */
export function describeWith(names: readonly string[], title: string, body: () => void): void {
  const reason = whyNot(names);
  describe(title, reason === undefined ? {} : { skip: reason }, body);
}

export interface Component extends Program {
  /** Lines of its log that its authors call errors, those apart that match one of `expected`. */
  errors(expected?: readonly RegExp[]): string[];
  stop(): Promise<void>;
}

/** Starts one of Kubernetes' programs; `prefix` is what starts it, such as `nsenter`. */
export function startComponent(
  name: string,
  flags: readonly string[],
  prefix: readonly string[] = [],
): Component {
  const path = binary(name);
  assert.ok(path !== undefined, `no ${name} in ${process.env[VARIABLE]}`);
  const [command = path, ...args] = [...prefix, path, ...flags];
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  return {
    pid: child.pid ?? 0,
    ended,
    log: () => text,
    signal: (signal) => void child.kill(signal),
    // klog: the level's letter and the date, as in `E1121 06:36:11.149471`.
    errors: (expected = []) =>
      text.split('\n').filter((line) => /^[EF]\d{4} /.test(line) && !expected.some((e) => e.test(line))),
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Whom the API server of these tests knows by a token, besides the administrator: name and groups. */
const IDENTITIES = {
  'kube-proxy': ['system:kube-proxy'],
  'kube-controller-manager': ['system:kube-controller-manager'],
  'kube-scheduler': ['system:kube-scheduler'],
  'node-1': ['system:node:node-1', 'system:nodes'],
  'node-2': ['system:node:node-2', 'system:nodes'],
} as const satisfies Readonly<Record<string, readonly [string, ...string[]]>>;

export type Identity = keyof typeof IDENTITIES;

/** Our API server as a process of its own, and who works with it. */
export interface ServerPlace {
  readonly dir: string;
  readonly url: string;
  readonly port: number;
  readonly program: Program;
  /** The administrator's. */
  readonly kubeconfig: string;
  /** One for a component: its usual name, and the rights that RBAC gives to it. */
  kubeconfigFor(identity: Identity): string;
  /** Runs kubectl as the administrator and expects success; resolves with what it printed. */
  kubectl(line: string, input?: unknown): Promise<string>;
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly prefix?: readonly string[];
  readonly flags?: readonly string[];
}

export async function startServer({ prefix = [], flags = [] }: ServerOptions = {}): Promise<ServerPlace> {
  const dir = mkdtempSync(join(tmpdir(), 'portico-components-'));
  const port = await freePort();
  const tokens = join(dir, 'tokens.csv');
  writeFileSync(tokens, Object.entries(IDENTITIES).map(rowOf).join('\n'));
  const place = { dir, port, prefix };
  const own = [`--data-dir=${join(dir, 'data')}`, `--token-auth-file=${tokens}`];
  const program = await startApiserver(place, [...own, ...flags]);
  const kubeconfig = kubeconfigOf(place);
  const url = `https://127.0.0.1:${port}`;
  return {
    dir,
    url,
    port,
    program,
    kubeconfig,
    kubeconfigFor: (identity) => {
      const path = join(dir, `${identity}.kubeconfig`);
      writeFileSync(path, kubeconfigText(readFileSync(join(dir, 'pki', 'ca.crt')), url, tokenOf(identity)));
      return path;
    },
    kubectl: async (line, input) => {
      const argv = [...prefix, 'kubectl', '--kubeconfig', kubeconfig, '--cache-dir', join(dir, 'cache')];
      const outcome = await runProgram([...argv, ...line.split(' ')] as [string, ...string[]], {
        ...(input === undefined ? {} : { input: JSON.stringify(listOf(input)) }),
        timeoutMs: 60_000,
      });
      assert.equal(outcome.code, 0, `kubectl ${line}: ${outcome.stderr}`);
      return outcome.stdout.trim();
    },
    stop: async () => {
      program.signal('SIGKILL');
      await program.ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const tokenOf = (identity: string): string => `token-of-${identity}`;

function rowOf([identity, [name, ...groups]]: readonly [string, readonly [string, ...string[]]]): string {
  return `${tokenOf(identity)},${name},${identity},"${groups.join(',')}"`;
}

const listOf = (input: unknown): unknown =>
  Array.isArray(input) ? { apiVersion: 'v1', kind: 'List', items: input } : input;

/** JSON is YAML. */
export function kubeconfigText(ca: Buffer, server: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': ca.toString('base64') } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  });
}
