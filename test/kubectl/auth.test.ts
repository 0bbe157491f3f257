import assert from 'node:assert/strict';
import { eventually } from '../../src/testing/test-cluster.ts';
import { kubectlCases, type Kubectl } from './kubectl-cases.ts';

const asAccount = ({ namespace }: Kubectl, account: string): string =>
  `--as=system:serviceaccount:${namespace}:${account}`;

/** A Pod whose program asks the API with what it finds in its own files. */
const asker = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'asker' },
  spec: {
    restartPolicy: 'Never',
    serviceAccountName: 'robot',
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'main',
        image: 'host',
        command: [
          'sh',
          '-c',
          'cd /var/run/secrets/kubernetes.io/serviceaccount; curl -s --cacert ca.crt -H "Authorization: Bearer $(cat token)" "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/api/v1/namespaces/$(cat namespace)/configmaps?limit=1"',
        ],
      },
    ],
  },
};

kubectlCases('kubectl auth', {
  'whoami says who asks, and for whom one may be taken': async (kubectl) => {
    assert.match(await kubectl.ok('auth whoami'), /Username +kubernetes-admin/);
    const robot = await kubectl.ok(`auth whoami ${asAccount(kubectl, 'robot')} -o json`);
    const { status } = JSON.parse(robot) as { status: { userInfo: { groups: string[] } } };
    assert.deepEqual(status.userInfo.groups, [
      'system:serviceaccounts',
      `system:serviceaccounts:${kubectl.namespace}`,
      'system:authenticated',
    ]);
  },
  'can-i answers yes and no, and lists': async (kubectl) => {
    assert.equal(await kubectl.ok("auth can-i '*' '*'"), 'yes');
    const robot = asAccount(kubectl, 'robot');
    assert.equal((await kubectl.run(`auth can-i list pods ${robot}`)).stdout.trim(), 'no');
    await kubectl.ok(
      `create rolebinding robot --clusterrole=view --serviceaccount=${kubectl.namespace}:robot`,
    );
    assert.equal(await kubectl.ok(`auth can-i list pods ${robot}`), 'yes');
    assert.equal((await kubectl.run(`auth can-i list secrets ${robot}`)).stdout.trim(), 'no');
    assert.match(await kubectl.ok(`auth can-i --list ${robot}`), /pods\/log +\[\] +\[\] +\[get list watch\]/);
  },
  'create role and rolebinding give just what they say': async (kubectl) => {
    await kubectl.ok('create role reader --verb=get,list --resource=configmaps,deployments.apps/scale');
    await kubectl.ok('create rolebinding reader --role=reader --user=jane');
    await kubectl.ok('get configmaps --as=jane');
    assert.match(
      await kubectl.refuses('get secrets --as=jane'),
      /^Error from server \(Forbidden\): secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace/,
    );
    assert.match(
      await kubectl.ok('get rolebinding reader -o wide --no-headers'),
      /^reader +Role\/reader +\S+ +jane/,
    );
    assert.match(await kubectl.ok('describe role reader'), /configmaps +\[\] +\[\] +\[get list\]/);
    assert.match(
      await kubectl.refuses('create rolebinding more --clusterrole=edit --user=jane --as=jane'),
      /cannot create resource "rolebindings"/,
    );
  },
  'auth reconcile adds what is missing and keeps the rest': async (kubectl) => {
    await kubectl.ok('create role worker --verb=get --resource=pods');
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'worker', namespace: kubectl.namespace },
      rules: [{ apiGroups: [''], resources: ['services'], verbs: ['list'] }],
    };
    await kubectl.ok('auth reconcile -f -', role);
    const { rules } = await kubectl.json<{ rules: { resources: string[] }[] }>('role worker');
    assert.deepEqual(
      rules.map(({ resources }) => resources),
      [['pods'], ['services']],
    );
  },
  'create token gives a token that the API takes': async (kubectl) => {
    await kubectl.ok('create serviceaccount robot');
    const token = await kubectl.ok('create token robot --duration=20m');
    const review = JSON.stringify({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      metadata: {},
      spec: { token },
    });
    const answer = JSON.parse(await kubectl.ok('create -f - -o json', review)) as {
      status: { authenticated: boolean; user: { username: string } };
    };
    assert.equal(answer.status.authenticated, true);
    assert.equal(answer.status.user.username, `system:serviceaccount:${kubectl.namespace}:robot`);
    assert.match(
      await kubectl.refuses('create token robot --duration=1m'),
      /may not specify a duration less than 10 minutes/,
    );
    assert.match(await kubectl.refuses('create token nobody'), /serviceaccounts "nobody" not found/);
  },
  'a Secret of an account is filled, and goes with it': async (kubectl) => {
    await kubectl.ok('create serviceaccount old');
    await kubectl.ok('create -f -', {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/service-account-token',
      metadata: { name: 'old', annotations: { 'kubernetes.io/service-account.name': 'old' } },
    });
    await eventually('the token', async () => {
      const { data = {} } = await kubectl.json<{ data?: Record<string, string> }>('secret old');
      return data.token === undefined
        ? undefined
        : Object.keys(data).sort().join() === 'ca.crt,namespace,token' || undefined;
    });
    await kubectl.ok('delete serviceaccount old');
    await kubectl.ok('wait --for=delete secret/old --timeout=20s');
  },
  'a program in a Pod speaks to the API as its account': async (kubectl) => {
    await kubectl.ok('create serviceaccount robot');
    await kubectl.ok(
      `create rolebinding robot --clusterrole=view --serviceaccount=${kubectl.namespace}:robot`,
    );
    await kubectl.ok('create -f -', asker);
    await kubectl.ok('wait --for=jsonpath={.status.phase}=Succeeded pod/asker --timeout=25s');
    assert.equal((JSON.parse(await kubectl.ok('logs asker')) as { kind: string }).kind, 'ConfigMapList');
  },
  'what admin, edit and view may do can be added to': async (kubectl) => {
    await kubectl.ok(`create clusterrole ${kubectl.namespace}-more --verb=get --resource=nodes`);
    await kubectl.ok(
      `label clusterrole ${kubectl.namespace}-more rbac.authorization.k8s.io/aggregate-to-view=true`,
    );
    await eventually('the rule in admin', async () => {
      const { rules } = await kubectl.json<{ rules: { resources?: string[] }[] }>('clusterrole admin');
      return rules.some(({ resources = [] }) => resources.includes('nodes')) || undefined;
    });
    await kubectl.ok(`delete clusterrole ${kubectl.namespace}-more`);
  },
});
