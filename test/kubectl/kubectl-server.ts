import { after, before, describe, it } from 'node:test';
import {
  createTestPki,
  type Running,
  startServer,
  type TestPki,
} from '../../src/apiserver/fixtures/running-server.ts';
import { runProgram, type TestCluster } from '../../src/testing/test-cluster.ts';
import { type Case, kubectlIn } from './kubectl-cases.ts';

/**
 * Runs each case of the table against an API server alone: no controllers, no nodes, so that an object stays as it was
 * written. Each has a namespace of its own, and several run at a time.
 */
export function kubectlServerCases(
  title: string,
  cases: Readonly<Record<string, Case>>,
  { concurrency = 3 }: { readonly concurrency?: number } = {},
): void {
  describe(title, { concurrency }, () => {
    let pki: TestPki | undefined;
    let server: Running | undefined;
    let cluster: TestCluster;
    before(async () => {
      pki = await createTestPki();
      server = await startServer(pki.pki);
      cluster = clusterOf(server, pki);
      const namespaces = Object.keys(cases).map((_, index) => ({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: `case-${index}` },
      }));
      await kubectlIn(cluster, 'default').ok('create -f -', namespaces);
    });
    after(async () => {
      await server?.stop();
      await pki?.remove();
    });
    Object.entries(cases).forEach(([sentence, run], index) => {
      it(sentence, () => run(kubectlIn(cluster, `case-${index}`)));
    });
  });
}

/** As far as these cases need it. */
function clusterOf({ url }: Running, { dir, pki }: TestPki): TestCluster {
  const flags = ['--server', url, '--certificate-authority', `${dir}/ca.crt`, '--token', pki.adminToken];
  const kubectl: TestCluster['kubectl'] = (args, input) =>
    runProgram(['kubectl', ...flags, '--kubeconfig', '/dev/null', '--cache-dir', `${dir}/cache`, ...args], {
      ...(input === undefined ? {} : { input }),
    });
  return { kubectl } as TestCluster;
}
