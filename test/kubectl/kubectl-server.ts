import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ApiServerOptions } from '../../src/apiserver/config.ts';
import {
  createTestPki,
  type Running,
  startServer,
  type TestPki,
} from '../../src/apiserver/fixtures/running-server.ts';
import { renderKubeconfig } from '../../src/apiserver/pki/kubeconfig.ts';
import { runProgram, type TestCluster } from '../../src/testing/test-cluster.ts';
import { type Case, kubectlIn } from './kubectl-cases.ts';

/** An API server alone, and what the real kubectl needs to speak to it. */
export interface KubectlServer {
  /** As far as kubectl needs it: no nodes, no controllers. */
  readonly cluster: TestCluster;
  stop(): Promise<void>;
}

export async function startKubectlServer(config: Partial<ApiServerOptions> = {}): Promise<KubectlServer> {
  const pki = await createTestPki();
  const server = await startServer(pki.pki, { config });
  return {
    cluster: clusterOf(server, pki),
    stop: async () => {
      await server.stop();
      await pki.remove();
    },
  };
}

/**
 * Runs each case of the table against an API server alone: no controllers, no nodes, so that an object stays as it was
 * written. Each has a namespace of its own, and several run at a time.
 */
export function kubectlServerCases(
  title: string,
  cases: Readonly<Record<string, Case>>,
  {
    concurrency = 3,
    config,
  }: { readonly concurrency?: number; readonly config?: Partial<ApiServerOptions> } = {},
): void {
  describe(title, { concurrency }, () => {
    let server: KubectlServer | undefined;
    before(async () => {
      server = await startKubectlServer(config);
      const namespaces = Object.keys(cases).map((_, index) => ({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: `case-${index}` },
      }));
      await kubectlIn(server.cluster, 'default').ok('create -f -', namespaces);
    });
    after(() => server?.stop());
    Object.entries(cases).forEach(([sentence, run], index) => {
      it(sentence, async () => {
        assert.ok(server !== undefined);
        await run(kubectlIn(server.cluster, `case-${index}`));
      });
    });
  });
}

/** The flags that bring kubectl there, in a file as people have it. */
function clusterOf({ url, addresses }: Running, { dir, pki }: TestPki): TestCluster {
  const kubeconfig = join(dir, 'kubectl.conf');
  writeFileSync(kubeconfig, renderKubeconfig({ server: url, caCert: pki.caCert, client: pki.admin }));
  const env = { KUBECONFIG: kubeconfig, KUBECACHEDIR: join(dir, 'cache'), GOGC: 'off' };
  const kubectl: TestCluster['kubectl'] = (args, input) =>
    runProgram(['kubectl', ...args], { env, ...(input === undefined ? {} : { input }) });
  return { kubectl, kubeconfig, root: dir, apiPort: addresses[0]?.port ?? 0 } as TestCluster;
}
