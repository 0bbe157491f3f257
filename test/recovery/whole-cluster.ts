import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Service } from '../../src/api/core/v1/service.ts';
import { loadKubeconfig } from '../../src/client/kubeconfig.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { transportFromKubeconfig } from '../../src/client/kubeconfig.ts';
import { childrenOf, commandLine, descendantsOf, type ProcessId } from '../../src/testing/processes.ts';

/** A folder for a data directory that survives several clusters. */
export function makeDataDir(): { readonly path: string; remove(): void } {
  const root = mkdtempSync(join(tmpdir(), 'portico-recovery-'));
  return { path: join(root, 'data'), remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** Our own client over TLS, from the kubeconfig that the cluster wrote. */
export async function connect(kubeconfig: string): Promise<Client> {
  return createClient(await transportFromKubeconfig(readFileSync(kubeconfig, 'utf8')));
}

/** Posts JSON over a connection of its own with nothing but Node's https; the status, or the error's code. */
export async function plainPost(kubeconfig: string, path: string, body: object): Promise<number | string> {
  const { server, ca, cert, key } = await loadKubeconfig(readFileSync(kubeconfig, 'utf8'));
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  return new Promise((resolve) => {
    const call = request(
      new URL(path, server),
      { method: 'POST', headers, ca, cert, key, agent: false },
      (answer) => {
        answer.resume();
        answer.once('error', () => resolve('cut'));
        answer.once('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    call.once('error', (error) => resolve(error.message));
    call.end(text);
  });
}

/** The processes of one part of the cluster below the supervisor. */
export interface Part {
  /** What the supervisor itself started: nsenter in the sandbox. */
  readonly wrapper: ProcessId;
  /** The program. */
  readonly program: ProcessId;
}

/** Finds `control-plane/main.ts` or `node/main.ts` (with the node's name) by walking down from the supervisor. */
export function findPart(supervisor: number, main: string, name = ''): Part {
  const isPart = ({ pid }: ProcessId): boolean => {
    const line = commandLine(pid);
    return line.includes(`/cmd/${main}`) && (name === '' || line.includes(`"name":"${name}"`));
  };
  const wrapper = childrenOf(supervisor).find(isPart);
  assert.ok(wrapper, `${main} runs below the supervisor`);
  const program = descendantsOf(wrapper.pid).find(isPart) ?? wrapper;
  return { wrapper, program };
}

/** Asserts that every Service has one cluster IP of its own, and that the server knows each as taken. */
export function assertClusterIPs(services: readonly Service[]): void {
  const owners = new Map<string, string>();
  for (const { metadata, spec } of services) {
    const ip = spec.clusterIP ?? '';
    if (ip === 'None' || spec.type === 'ExternalName') continue;
    assert.match(ip, /^10\./, metadata.name);
    assert.equal(owners.get(ip), undefined, `${metadata.name} has the address of another Service, ${ip}`);
    owners.set(ip, metadata.name);
  }
}
