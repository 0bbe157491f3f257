import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kubectlCases, type Kubectl } from './kubectl-cases.ts';
import { deployment } from './manifests.ts';

const at = (kubectl: Kubectl, what: string, path: string): Promise<string> =>
  kubectl.ok(`get ${what} -o 'jsonpath={${path}}'`);

const countOf = async (kubectl: Kubectl, what: string): Promise<number> =>
  (await kubectl.ok(`get ${what} -o name`)).split('\n').filter((line) => line !== '').length;

const until = (kubectl: Kubectl, what: string, count: number): Promise<true> =>
  eventually(`${count} ${what}`, async () => ((await countOf(kubectl, what)) === count ? true : undefined));

/** Waits until the Deployment's status is of its newest spec. */
const settled = (kubectl: Kubectl): Promise<true> =>
  eventually('the Deployment seen', async () => {
    const [observed, wanted] = (
      await at(kubectl, 'deployment web', '.status.observedGeneration} {.metadata.generation')
    ).split(' ');
    return observed === wanted ? true : undefined;
  });

const image = (kubectl: Kubectl): Promise<string> =>
  at(kubectl, 'deployment web', '.spec.template.spec.containers[0].image');

kubectlCases('kubectl scale and rollout, with Pods that nobody runs', {
  'scale, up, down, to nothing and only from a given number': async (kubectl) => {
    await kubectl.ok('create -f -', deployment('web'));
    await until(kubectl, 'pods', 2);
    assert.equal(await kubectl.ok('scale deployment/web --replicas=4'), 'deployment.apps/web scaled');
    await until(kubectl, 'pods', 4);
    assert.match(
      await kubectl.refuses('scale deployment/web --current-replicas=2 --replicas=9'),
      /Expected replicas to be 2, was 4/,
    );
    await kubectl.ok('scale deployment/web --current-replicas=4 --replicas=1');
    await until(kubectl, 'pods', 1);
    await kubectl.ok('scale deployment --all --replicas=0');
    await until(kubectl, 'pods', 0);
    await kubectl.ok('patch deployment web --subresource=scale --type=merge -p {"spec":{"replicas":2}}');
    await until(kubectl, 'pods', 2);
    const scale = JSON.parse(
      await kubectl.ok(`get --raw /apis/apps/v1/namespaces/${kubectl.namespace}/deployments/web/scale`),
    ) as { kind: string; spec: object; status: { selector: string } };
    assert.deepEqual([scale.kind, scale.spec, scale.status.selector], ['Scale', { replicas: 2 }, 'app=web']);
  },
  'a ReplicaSet is scaled back by its Deployment': async (kubectl) => {
    await kubectl.ok('create -f -', deployment('web'));
    await until(kubectl, 'pods', 2);
    await kubectl.ok('scale replicaset -l app=web --replicas=5');
    await eventually('two wanted again', async () =>
      (await at(kubectl, 'replicasets', '.items[0].spec.replicas')) === '2' ? true : undefined,
    );
    await until(kubectl, 'pods', 2);
  },
  'the history has a revision for every template, and undo goes back': async (kubectl) => {
    await kubectl.ok('create -f -', deployment('web'));
    await until(kubectl, 'replicasets', 1);
    await kubectl.ok("annotate deployment web 'kubernetes.io/change-cause=another image'");
    await kubectl.ok('set image deployment/web main=portico/echo');
    await until(kubectl, 'replicasets', 2);
    await eventually('two revisions', async () => {
      const history = await kubectl.ok('rollout history deployment/web');
      return /^1 +\S+.*\n2 +another image$/m.test(history) ? true : undefined;
    });
    assert.match(await kubectl.ok('rollout history deployment/web --revision=1'), /Image:\s+host\n/);
    assert.match(await kubectl.ok('rollout history deployment/web --revision=2'), /Image:\s+portico\/echo\n/);
    assert.equal(await kubectl.ok('rollout undo deployment/web'), 'deployment.apps/web rolled back');
    assert.equal(await image(kubectl), 'host');
    await eventually('the first revision as the third', async () => {
      const history = await kubectl.ok('rollout history deployment/web');
      return /^2 .*\n3 /m.test(history) && !/^1 /m.test(history) ? true : undefined;
    });
    await kubectl.ok('rollout undo deployment/web --to-revision=2');
    assert.equal(await image(kubectl), 'portico/echo');
    assert.equal(await countOf(kubectl, 'replicasets'), 2);
    assert.match(
      await kubectl.refuses('rollout undo deployment/web --to-revision=9'),
      /unable to find specified revision 9 in history/,
    );
  },
  'restart makes a new revision of the same template': async (kubectl) => {
    await kubectl.ok('create -f -', deployment('web'));
    await until(kubectl, 'replicasets', 1);
    assert.equal(await kubectl.ok('rollout restart deployment/web'), 'deployment.apps/web restarted');
    await until(kubectl, 'replicasets', 2);
    const annotations = '.spec.template.metadata.annotations';
    assert.match(await at(kubectl, 'deployment web', annotations), /kubectl\.kubernetes\.io\/restartedAt/);
  },
  'a paused Deployment gathers changes and rolls out once': async (kubectl) => {
    await kubectl.ok('create -f -', deployment('web'));
    await until(kubectl, 'replicasets', 1);
    assert.equal(await kubectl.ok('rollout pause deployment/web'), 'deployment.apps/web paused');
    await kubectl.ok('set image deployment/web main=portico/echo');
    await kubectl.ok('set env deployment/web A=B');
    await settled(kubectl);
    assert.equal(await countOf(kubectl, 'replicasets'), 1);
    assert.match(await kubectl.refuses('rollout pause deployment/web'), /is already paused/);
    assert.match(await kubectl.refuses('rollout restart deployment/web'), /can't restart paused deployment/);
    await kubectl.ok('scale deployment/web --replicas=3');
    await until(kubectl, 'pods', 3);
    assert.equal(await kubectl.ok('rollout resume deployment/web'), 'deployment.apps/web resumed');
    await until(kubectl, 'replicasets', 2);
    const revision = '.metadata.annotations.deployment\\.kubernetes\\.io/revision';
    await eventually('revision 2', async () =>
      (await at(kubectl, 'deployment web', revision)) === '2' ? true : undefined,
    );
  },
  'a rollout without ready Pods is said to be waiting, and to be late': async (kubectl) => {
    // Long enough for kubectl to begin looking before it is too late.
    await kubectl.ok('create -f -', deployment('web', { progressDeadlineSeconds: 5 }));
    await until(kubectl, 'pods', 2);
    const { code, stdout, stderr } = await kubectl.run('rollout status deployment/web --timeout=25s');
    assert.equal(code, 1);
    assert.match(
      stdout,
      /Waiting for deployment "web" rollout to finish: 0 of 2 updated replicas are available/,
    );
    assert.match(stderr, /deployment "web" exceeded its progress deadline/);
    assert.match(await kubectl.ok('describe deployment web'), /Progressing +False +ProgressDeadlineExceeded/);
  },
  'a rollout that Pods do not hinder ends': async (kubectl) => {
    await kubectl.ok('create -f -', deployment('web', { replicas: 0 }));
    assert.match(
      await kubectl.ok('rollout status deployment/web --timeout=10s'),
      /deployment "web" successfully rolled out$/,
    );
  },
});
