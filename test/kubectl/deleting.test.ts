import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kubectlCases, withoutRootCertificate, type Kubectl } from './kubectl-cases.ts';
import { configMap, deployment, pod, service } from './manifests.ts';

/** But for the ConfigMap that every namespace has. */
const names = async (kubectl: Kubectl, what: string): Promise<string> =>
  withoutRootCertificate(await kubectl.ok(`get ${what} -o name`));

/** A Deployment `web` with its ReplicaSet and two Pods. */
async function startWeb(kubectl: Kubectl): Promise<void> {
  await kubectl.ok('create -f -', deployment('web'));
  await eventually('two Pods', async () =>
    (await names(kubectl, 'pods')).split('\n').length === 2 ? true : undefined,
  );
}

const gone = (kubectl: Kubectl, what: string): Promise<true> =>
  eventually(`no ${what}`, async () => ((await names(kubectl, what)) === '' ? true : undefined));

kubectlCases('kubectl delete', {
  'by name, by label, by file and all': async (kubectl) => {
    const objects = ['a', 'b', 'c', 'd', 'e'].map((n) => configMap(n, {}, { labels: { is: n } }));
    await kubectl.ok('create -f -', objects);
    assert.equal(await kubectl.ok('delete configmap a'), 'configmap "a" deleted');
    assert.equal(await kubectl.ok('delete configmap -l is=b'), 'configmap "b" deleted');
    await kubectl.ok('delete -f -', configMap('c'));
    assert.equal(await names(kubectl, 'configmaps'), 'configmap/d\nconfigmap/e');
    await kubectl.ok('delete configmaps,services --all');
    assert.equal(await names(kubectl, 'configmaps'), '');
    assert.equal(await kubectl.ok('delete configmap a --ignore-not-found'), '');
  },
  'a Service gives back its address and its port, and its endpoints go with it': async (kubectl) => {
    const spec = {
      type: 'NodePort',
      clusterIP: '10.96.20.1',
      selector: { app: 'x' },
      ports: [{ port: 80, nodePort: 30220 }],
    };
    await kubectl.ok('create -f -', service('a', spec));
    await eventually('endpoints', async () => (await names(kubectl, 'endpointslices')) || undefined);
    await kubectl.ok('delete service a');
    await kubectl.ok('create -f -', service('b', spec));
    await eventually('the endpoints of b alone', async () => {
      const labels = '-o jsonpath={.items[*].metadata.labels.kubernetes\\.io/service-name}';
      const slices = await kubectl.ok(`get endpointslices ${labels}`);
      return slices === 'b' && (await names(kubectl, 'endpoints')) === 'endpoints/b' ? true : undefined;
    });
  },
  'in the background: the owner first, the rest follows': async (kubectl) => {
    await startWeb(kubectl);
    await kubectl.ok('delete deployment web');
    assert.equal(await names(kubectl, 'deployments'), '');
    await gone(kubectl, 'replicasets,pods');
  },
  'in the foreground: the owner last': async (kubectl) => {
    await startWeb(kubectl);
    // What holds one Pod holds its owners, too.
    const [first = ''] = (await names(kubectl, 'pods')).split('\n');
    await kubectl.ok(`patch ${first} -p {"metadata":{"finalizers":["example.com/hold"]}}`);
    await kubectl.ok('delete deployment web --cascade=foreground --wait=false');
    await eventually('one Pod left', async () =>
      (await names(kubectl, 'pods')) === first ? true : undefined,
    );
    const state = '{.metadata.deletionTimestamp} {.metadata.finalizers[0]}';
    assert.match(
      await kubectl.ok(`get deployment web -o 'jsonpath=${state}'`),
      /^20\S+Z foregroundDeletion$/,
    );
    await kubectl.ok(`patch ${first} --type=merge -p {"metadata":{"finalizers":null}}`);
    await gone(kubectl, 'deployments,replicasets,pods');
  },
  'as orphans: what is owned stays, and is taken over again': async (kubectl) => {
    await startWeb(kubectl);
    const replicaSet = await names(kubectl, 'replicasets');
    await kubectl.ok('delete deployment web --cascade=orphan');
    assert.equal(await names(kubectl, 'deployments'), '');
    assert.equal(await kubectl.ok(`get ${replicaSet} -o jsonpath={.metadata.ownerReferences}`), '');
    assert.equal((await names(kubectl, 'pods')).split('\n').length, 2);
    await kubectl.ok('create -f -', deployment('web'));
    await eventually('adoption', async () => {
      const owner = '-o jsonpath={.items[*].metadata.ownerReferences[*].name}';
      return (await kubectl.ok(`get replicasets ${owner}`)) === 'web' ? true : undefined;
    });
    assert.equal(await names(kubectl, 'replicasets'), replicaSet);
  },
  'finalizers hold an object, and --wait waits for them': async (kubectl) => {
    await kubectl.ok('create -f -', configMap('a', {}, { finalizers: ['example.com/hold'] }));
    await kubectl.ok('delete configmap a --wait=false');
    assert.match(await kubectl.ok('get configmap a -o jsonpath={.metadata.deletionTimestamp}'), /^20\S+Z$/);
    assert.match(
      await kubectl.refuses('delete configmap a --timeout=300ms'),
      /timed out waiting for the condition on configmaps\/a/,
    );
    const waiting = kubectl.ok('wait --for=delete configmap/a --timeout=20s');
    await kubectl.ok('patch configmap a --type=merge -p {"metadata":{"finalizers":[]}}');
    await waiting;
    assert.equal(await names(kubectl, 'configmaps'), '');
  },
  'a Namespace takes everything with it, and lets nothing new in': async (kubectl) => {
    const inside = `${kubectl.namespace}-end`;
    await kubectl.ok(`create namespace ${inside}`);
    const held = configMap('held', {}, { finalizers: ['example.com/hold'] });
    await kubectl.ok(`create -n ${inside} -f -`, [
      held,
      configMap('free'),
      service('s'),
      pod('p'),
      deployment('d'),
    ]);
    await kubectl.ok(`delete namespace ${inside} --wait=false`);
    await eventually('only what is held', async () =>
      (await kubectl.ok(`get services,pods,configmaps,deployments -n ${inside} -o name`)) === 'configmap/held'
        ? true
        : undefined,
    );
    assert.match(await kubectl.ok(`get namespace ${inside}`), / Terminating /);
    assert.match(
      await kubectl.refuses(`create -n ${inside} -f -`, configMap('late')),
      /^Error from server \(Forbidden\): .*unable to create new content in namespace \S+ because it is being terminated$/,
    );
    await kubectl.ok(`patch configmap held -n ${inside} --type=merge -p {"metadata":{"finalizers":null}}`);
    await kubectl.ok(`wait --for=delete namespace/${inside} --timeout=20s`);
  },
  'a Pod that no node has goes at once, by force as well': async (kubectl) => {
    await kubectl.ok('create -f -', [pod('a'), pod('b')]);
    await kubectl.ok('delete pod a --now');
    const { code, stderr } = await kubectl.run('delete pod b --force --grace-period=0');
    assert.equal(code, 0, stderr);
    assert.equal(await names(kubectl, 'pods'), '');
  },
});
