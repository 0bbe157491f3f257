import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { certificateRequests } from '../../src/apiserver/fixtures/certificate-requests.ts';
import { eventually, freePort } from '../../src/testing/test-cluster.ts';
import { describeWith, startComponent, startServer } from './components.ts';
import type { Component, Identity, ServerPlace } from './components.ts';
import { deployment, paperNode, service } from './manifests.ts';

/** On a busy machine these programs need a while. */
const LONG_MS = 60_000;

/**
 * What they say of themselves and not of the server: clouds that are not there, and the header of a proxy before the API
 * that nobody configured (a kube-apiserver without that flag gets the same complaint).
 */
const expected = [
  /cloud provider|cloud node lifecycle/,
  /requestheader-client-ca-file/,
  /extension-apiserver-authentication/,
  // A write that came too late; they try again.
  /the object has been modified/,
  // The account of a namespace that goes: its token would be written into it.
  /because it is being terminated/,
];

async function start(name: Identity, kubeconfig: string, flags: readonly string[]): Promise<Component> {
  return startComponent(name, [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${await freePort()}`,
    '--port=0',
    ...flags,
  ]);
}

const programs = ['kube-controller-manager', 'kube-scheduler'];

for (const accounts of [true, false]) {
  const title = `kube-controller-manager and kube-scheduler 1.20 with our API server, ${accounts ? 'each controller' : 'all controllers'} with ${accounts ? 'its own account' : 'one'}`;
  describeWith(programs, title, () => {
    let server: ServerPlace;
    let components: readonly Component[] = [];
    before(async () => {
      server = await startServer();
      const pki = join(server.dir, 'pki');
      // Its own identity may only make the accounts that do the work; without them it must be the administrator.
      const kubeconfig = accounts ? server.kubeconfigFor('kube-controller-manager') : server.kubeconfig;
      components = await Promise.all([
        start('kube-controller-manager', kubeconfig, [
          `--root-ca-file=${join(pki, 'ca.crt')}`,
          `--service-account-private-key-file=${join(pki, 'sa.key')}`,
          `--use-service-account-credentials=${accounts}`,
          `--cluster-signing-cert-file=${join(pki, 'ca.crt')}`,
          `--cluster-signing-key-file=${join(pki, 'ca.key')}`,
        ]),
        start('kube-scheduler', server.kubeconfigFor('kube-scheduler'), []),
      ]);
    });
    after(async () => {
      for (const component of components) await component.stop();
      await server.stop();
    });
    const until = (what: string, line: string, wanted: string): Promise<true> =>
      eventually(
        what,
        async () => ((await server.kubectl(line)) === wanted ? true : undefined),
        LONG_MS,
      ).catch((error: unknown) => {
        throw new Error(components.map((component) => component.log().slice(-3000)).join('\n'), {
          cause: error,
        });
      });

    it('they lead by Leases', async () => {
      const line = '-n kube-system get leases -o jsonpath={.items[*].metadata.name} --ignore-not-found';
      await eventually(
        'both Leases',
        async () => {
          const names = (await server.kubectl(line)).split(' ');
          return programs.every((name) => names.includes(name)) ? true : undefined;
        },
        LONG_MS,
      );
    });

    it('a namespace gets its account, its token and the root certificate', async () => {
      await server.kubectl('create namespace team');
      await until(
        'the certificate',
        '-n team get cm kube-root-ca.crt -o name --ignore-not-found',
        'configmap/kube-root-ca.crt',
      );
      const line = '-n team get serviceaccount default -o jsonpath={.secrets[0].name} --ignore-not-found';
      const secret = await eventually(
        'a token',
        async () => (await server.kubectl(line)) || undefined,
        LONG_MS,
      );
      const token = await server.kubectl(`-n team get secret ${secret} -o jsonpath={.data.token}`);
      const whoami = ['--token', Buffer.from(token, 'base64').toString(), 'auth', 'can-i', 'get', '/version'];
      assert.equal(await server.kubectl(whoami.join(' ')), 'yes');
    });

    it('a Deployment becomes Pods on a node, and endpoints when they are ready', async () => {
      await server.kubectl('apply -f -', [paperNode('paper'), deployment('web', 3), service('web')]);
      const nodes = 'get pods -l app=web -o jsonpath={.items[*].spec.nodeName}';
      await until('Pods on the node', nodes, 'paper paper paper');
      const pods = (await server.kubectl('get pods -l app=web -o name')).split('\n');
      for (const [i, pod] of pods.entries()) {
        const status = {
          phase: 'Running',
          podIP: `10.244.0.${i + 2}`,
          podIPs: [{ ip: `10.244.0.${i + 2}` }],
          conditions: [{ type: 'Ready', status: 'True' }],
        };
        await server.kubectl(`patch ${pod} --subresource=status -p ${JSON.stringify({ status })}`);
      }
      await until('a rollout', 'get deployment web -o jsonpath={.status.availableReplicas}', '3');
      const addresses = '{.subsets[*].addresses[*].ip}';
      await until(
        'Endpoints',
        `get endpoints web -o jsonpath=${addresses}`,
        '10.244.0.2 10.244.0.3 10.244.0.4',
      );
      const slices =
        'get endpointslices -l kubernetes.io/service-name=web -o jsonpath={.items[*].endpoints[*].conditions.ready}';
      await until('a slice', slices, 'true true true');
    });

    it('what a deleted Deployment owned is collected, and a namespace with all that is in it', async () => {
      await server.kubectl('delete deployment web --wait=false');
      await until('the ReplicaSet to go', 'get replicasets -o name', '');
      await server.kubectl('-n team create configmap kept --from-literal=a=b');
      await server.kubectl('delete namespace team --timeout=60s');
      assert.equal(
        await server.kubectl('get configmaps -A --field-selector metadata.namespace=team -o name'),
        '',
      );
    });

    it('a request for a certificate that is approved is signed', async () => {
      const request = {
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { name: 'jane' },
        spec: {
          request: Buffer.from(certificateRequests.jane).toString('base64'),
          signerName: 'kubernetes.io/kube-apiserver-client',
          usages: ['client auth'],
        },
      };
      await server.kubectl('create -f -', request);
      await server.kubectl('certificate approve jane');
      const condition = 'get csr jane --no-headers -o custom-columns=:.status.conditions[*].type';
      await until('its approval', condition, 'Approved');
      const certificate = await eventually(
        'its certificate',
        async () => (await server.kubectl('get csr jane -o jsonpath={.status.certificate}')) || undefined,
        LONG_MS,
      );
      const { subject, issuer } = new X509Certificate(Buffer.from(certificate, 'base64'));
      const authority = new X509Certificate(readFileSync(join(server.dir, 'pki', 'ca.crt')));
      assert.deepEqual(
        [subject.split(/\n| \+ /).sort(), issuer],
        [['CN=jane', 'O=dev', 'O=ops'], authority.subject],
      );
    });

    it('nothing went wrong', () => {
      for (const component of components) assert.deepEqual(component.errors(expected), []);
    });
  });
}
