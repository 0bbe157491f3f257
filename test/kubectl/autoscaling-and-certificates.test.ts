import assert from 'node:assert/strict';
import { certificateRequests } from '../../src/apiserver/fixtures/certificate-requests.ts';
import { eventually } from '../../src/testing/test-cluster.ts';
import type { Case } from './kubectl-cases.ts';
import { kubectlServerCases } from './kubectl-server.ts';
import { deployment } from './manifests.ts';

const signingRequest = (name: string, signerName: string): object => ({
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  metadata: { name },
  spec: {
    request: Buffer.from(certificateRequests.jane).toString('base64'),
    signerName,
    usages: ['client auth'],
    expirationSeconds: 86_400,
  },
});

const cases: Readonly<Record<string, Case>> = {
  'certificate approve and deny judge a request, by who may': async (kubectl) => {
    const [one, two] = ['example.com/any', 'example.org/any'].map((signer, i) =>
      signingRequest(`request-${i}`, signer),
    );
    await kubectl.ok('create -f -', [one, two]);
    assert.match(
      await kubectl.ok('get csr request-0'),
      /^NAME +AGE +SIGNERNAME +REQUESTOR +REQUESTEDDURATION +CONDITION\nrequest-0 +\d+s +example\.com\/any +\S+ +24h +Pending$/,
    );
    const door = 'certificatesigningrequests/approval';
    await kubectl.ok(
      `create clusterrole judge --verb=get,update --resource=certificatesigningrequests,${door}`,
    );
    await kubectl.ok('create clusterrolebinding judge --clusterrole=judge --user=bob');
    const mayUpdate = 'auth can-i update csr --subresource=approval --as=bob -q';
    await eventually('the role', async () => (await kubectl.run(mayUpdate)).code === 0 || undefined);
    assert.match(
      await kubectl.refuses('certificate approve request-0 --as=bob'),
      /"request-0" is forbidden: user not permitted to approve requests with signerName "example.com\/any"$/,
    );
    await kubectl.ok('create -f -', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'judge-of-com' },
      rules: [
        {
          apiGroups: ['certificates.k8s.io'],
          resources: ['signers'],
          resourceNames: ['example.com/*'],
          verbs: ['approve'],
        },
      ],
    });
    await kubectl.ok('create clusterrolebinding judge-of-com --clusterrole=judge-of-com --user=bob');
    const said = 'certificatesigningrequest.certificates.k8s.io/request';
    // The grant counts once it has been heard of.
    const approve = 'certificate approve request-0 --as=bob';
    const approved = await eventually('the grant', async () => {
      const { code, stdout } = await kubectl.run(approve);
      return code === 0 ? stdout.trim() : undefined;
    });
    assert.equal(approved, `${said}-0 approved`);
    assert.match(await kubectl.refuses('certificate deny request-1 --as=bob'), /not permitted to approve/);
    assert.equal(await kubectl.ok('certificate deny request-1'), `${said}-1 denied`);
    assert.match(await kubectl.ok('get csr request-0 --no-headers'), / Approved$/);
    assert.match(await kubectl.ok('get csr request-1 --no-headers'), / Denied$/);
    assert.match(await kubectl.refuses('certificate approve request-1'), /"request-1" is already Denied$/);
    const chosen = 'get csr --field-selector=spec.signerName=example.org/any -o name';
    assert.equal(await kubectl.ok(chosen), `${said}-1`);
    const text = await kubectl.ok('describe csr request-0');
    assert.match(text, /^Signer: +example\.com\/any$/m);
    assert.match(text, /^Status: +Approved$/m);
    assert.match(text, /Common Name: +jane\n[^]*Organization: +dev/);
  },

  'autoscale makes an autoscaler, which get and describe show': async (kubectl) => {
    await kubectl.ok('create -f -', deployment('web'));
    assert.equal(
      await kubectl.ok('autoscale deployment web --min=2 --max=5 --cpu-percent=60'),
      'horizontalpodautoscaler.autoscaling/web autoscaled',
    );
    const again = 'horizontalpodautoscalers.autoscaling "web" already exists';
    assert.match(await kubectl.refuses('autoscale deployment web --max=5'), new RegExp(again));
    assert.match(
      await kubectl.ok('get hpa'),
      /^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\nweb +Deployment\/web +cpu: <unknown>\/60% +2 +5 +0 +\d+s$/,
    );
    const text = await kubectl.ok('describe hpa web');
    assert.match(text, /^Reference: +Deployment\/web$/m);
    assert.match(text, /resource cpu on pods +\(as a percentage of request\): +<unknown> \/ 60%/);
    assert.match(text, /^Min replicas: +2\nMax replicas: +5$/m);
    assert.match(await kubectl.ok('get all'), /horizontalpodautoscaler\.autoscaling\/web /);
  },
  'each version shows what the other wrote': async (kubectl) => {
    const cpu = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } };
    const memory = { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } };
    const metrics = [cpu, memory].map((resource) => ({ type: 'Resource', resource }));
    const spec = { scaleTargetRef: { kind: 'Deployment', name: 'a' }, maxReplicas: 3, metrics };
    const behavior = { scaleDown: { stabilizationWindowSeconds: 60 } };
    const metadata = { name: 'a' };
    const autoscaler = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata };
    await kubectl.ok('apply -f -', { ...autoscaler, spec: { ...spec, behavior } });
    assert.match(
      await kubectl.ok('get hpa a --no-headers'),
      /^a +Deployment\/a +cpu: <unknown>\/70%, memory: <unknown>\/1Gi +1 +3 +0 /,
    );
    const old = 'horizontalpodautoscalers.v1.autoscaling/a';
    const shown = '{.spec.targetCPUUtilizationPercentage} {.metadata.annotations}';
    const text = await kubectl.ok(`get ${old} -o 'jsonpath=${shown}'`);
    assert.match(text, /^70 /);
    assert.match(text, /\\"targetAverageValue\\":\\"1Gi\\"/);
    assert.match(text, /\\"ScaleDown\\":\{[^}]*\}?[^}]*\\"StabilizationWindowSeconds\\":60/);
    await kubectl.ok(`patch ${old} -p '{"spec":{"targetCPUUtilizationPercentage":50}}'`);
    const both = '{.spec.metrics[*].resource.name} {.spec.behavior.scaleDown.stabilizationWindowSeconds}';
    assert.equal(await kubectl.ok(`get hpa a -o 'jsonpath=${both}'`), 'memory cpu 60');
    assert.match(
      await kubectl.refuses(`patch hpa a -p '{"spec":{"maxReplicas":0}}'`),
      /spec\.maxReplicas: Invalid value: 0: must be greater than 0/,
    );
  },
};

kubectlServerCases('kubectl, what scales, and certificates', cases, {
  config: { authorizationMode: 'RBAC' },
});
