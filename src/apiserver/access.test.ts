import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../base/json.ts';
import type { Status } from '../api/meta/v1/status.ts';
import { bindingTo, bindingsPath, ns, rbac, startAccessServer, user } from './fixtures/access-server.ts';
import type { AccessServer } from './fixtures/access-server.ts';
import { jsonOf, postJson } from './fixtures/running-server.ts';
import type { Ask } from './fixtures/running-server.ts';

let server: AccessServer;
before(async () => (server = await startAccessServer()));
after(() => server.stop());
const as: AccessServer['as'] = (name, path, ask) => server.as(name, path, ask);
const withToken: AccessServer['withToken'] = (token, path) => server.withToken(token, path);
const make: AccessServer['make'] = (path, body) => server.make(path, body);
const nobody: AccessServer['nobody'] = (path) => server.nobody(path);

const secretBody = { metadata: { generateName: 's-' } };
const roleWith = (...verbs: string[]) => ({
  metadata: { generateName: 'r-' },
  rules: [{ verbs, apiGroups: [''], resources: ['pods'] }],
});
const rolesPath = `${rbac}/namespaces/default/roles`;

type Row = readonly [who: string, path: string, ask: Ask, expected: number | string];
const cannot = (
  who: string,
  verb: string,
  ...[what, where = 'in the namespace "default"']: [string, string?]
) => `User "${who}" cannot ${verb} resource "${what}" in API group "" ${where}`;
/** What somebody asks -> the code of the answer, or the message of a 403. */
const table: Readonly<Record<string, Row>> = {
  'members of system:masters do everything': ['root', '/api/v1/secrets', {}, 200],
  'nobody in particular reads no Pods': [
    'helper',
    ns('pods'),
    {},
    `pods is forbidden: ${cannot('helper', 'list', 'pods')}`,
  ],
  'nor a single one': [
    'helper',
    ns('pods/web'),
    {},
    `pods "web" is forbidden: ${cannot('helper', 'get', 'pods')}`,
  ],
  'nor its log': [
    'helper',
    ns('pods/web/log'),
    {},
    `pods "web" is forbidden: ${cannot('helper', 'get', 'pods/log')}`,
  ],
  'nor nodes': [
    'helper',
    '/api/v1/nodes',
    {},
    `nodes is forbidden: ${cannot('helper', 'list', 'nodes', 'at the cluster scope')}`,
  ],
  'nor a namespace, which counts as being in itself': [
    'helper',
    '/api/v1/namespaces/default',
    {},
    `namespaces "default" is forbidden: ${cannot('helper', 'get', 'namespaces')}`,
  ],
  'nor metrics': ['helper', '/metrics', {}, 'forbidden: User "helper" cannot get path "/metrics"'],
  'a message for the web is harmless': [
    'helper',
    '/%3Cb%3E',
    {},
    'forbidden: User "helper" cannot get path "/&lt;b&gt;"',
  ],
  'everybody finds out what there is': ['helper', '/apis', {}, 200],
  'view sees Pods': ['vic', ns('pods'), {}, 200],
  'view watches Services': ['vic', `${ns('services')}?watch=1&timeoutSeconds=1`, {}, 200],
  'view sees no Secrets': [
    'vic',
    ns('secrets'),
    {},
    `secrets is forbidden: ${cannot('vic', 'list', 'secrets')}`,
  ],
  'view sees nothing elsewhere': [
    'vic',
    '/api/v1/namespaces/kube-system/pods',
    {},
    `pods is forbidden: ${cannot('vic', 'list', 'pods', 'in the namespace "kube-system"')}`,
  ],
  'view sees not all namespaces at once': [
    'vic',
    '/api/v1/pods',
    {},
    `pods is forbidden: ${cannot('vic', 'list', 'pods', 'at the cluster scope')}`,
  ],
  'view writes nothing': [
    'vic',
    ns('configmaps'),
    postJson({ metadata: { name: 'x' } }),
    `configmaps is forbidden: ${cannot('vic', 'create', 'configmaps')}`,
  ],
  'edit writes Secrets': ['ed', ns('secrets'), postJson(secretBody), 201],
  'edit writes no roles': [
    'ed',
    rolesPath,
    postJson(roleWith('get')),
    'roles.rbac.authorization.k8s.io is forbidden: User "ed" cannot create resource "roles" in API group "rbac.authorization.k8s.io" in the namespace "default"',
  ],
  'admin writes roles with what it holds': ['adam', rolesPath, postJson(roleWith('get', 'delete')), 201],
  'a granter grants what it holds': ['jane', rolesPath, postJson(roleWith('get')), 201],
  'a granter binds a role it does not hold': [
    'jane',
    bindingsPath,
    postJson({ ...bindingTo('escalate'), metadata: { name: 'x' } }),
    'rolebindings.rbac.authorization.k8s.io "x" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:["rbac.authorization.k8s.io"], Resources:["roles"], Verbs:["escalate"]}',
  ],
  'a granter grants more than it holds': [
    'jane',
    rolesPath,
    postJson({ ...roleWith('get', 'list', 'watch'), metadata: { name: 'x' } }),
    'roles.rbac.authorization.k8s.io "x" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}',
  ],
  'a granter binds cluster-admin': [
    'jane',
    bindingsPath,
    postJson({ ...bindingTo('cluster-admin'), metadata: { name: 'x' } }),
    'rolebindings.rbac.authorization.k8s.io "x" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}',
  ],
  'a granter binds a role that is not there': ['jane', bindingsPath, postJson(bindingTo('none')), 404],
  'who may bind a role binds it without holding it': [
    'binder',
    bindingsPath,
    postJson(bindingTo('view')),
    201,
  ],
  'who may bind one role binds no other': ['binder', bindingsPath, postJson(bindingTo('edit')), 403],
  'who may escalate writes any rule': ['escalator', rolesPath, postJson(roleWith('*')), 201],
  'who may escalate binds no more for that': ['escalator', bindingsPath, postJson(bindingTo('edit')), 403],
  'a granter writes nothing for the whole cluster': [
    'jane',
    `${rbac}/clusterrolebindings`,
    postJson(bindingTo('view')),
    403,
  ],
  'who may, is taken for another': ['helper', ns('pods'), { headers: { 'impersonate-user': 'vic' } }, 200],
  'and has no more rights than that other': [
    'helper',
    ns('secrets'),
    { headers: { 'impersonate-user': 'vic' } },
    `secrets is forbidden: ${cannot('vic', 'list', 'secrets')}`,
  ],
  'nobody is taken for whom they may not be': [
    'helper',
    ns('pods'),
    { headers: { 'impersonate-user': 'root' } },
    'users "root" is forbidden: User "helper" cannot impersonate resource "users" in API group "" at the cluster scope',
  ],
  'nor for a member of a group': [
    'helper',
    ns('pods'),
    { headers: { 'impersonate-user': 'vic', 'impersonate-group': 'system:masters' } },
    'groups "system:masters" is forbidden: User "helper" cannot impersonate resource "groups" in API group "" at the cluster scope',
  ],
  'nor with a mark': [
    'helper',
    ns('pods'),
    { headers: { 'impersonate-user': 'vic', 'impersonate-extra-scopes': 'all' } },
    'userextras.authentication.k8s.io "all" is forbidden: User "helper" cannot impersonate resource "userextras/scopes" in API group "authentication.k8s.io" at the cluster scope',
  ],
  'a group without a name is no wish': [
    'root',
    ns('pods'),
    { headers: { 'impersonate-group': 'system:masters' } },
    400,
  ],
  'a service account is taken for by namespace and name': [
    'root',
    ns('pods'),
    { headers: { 'impersonate-user': 'system:serviceaccount:default:robot' } },
    `pods is forbidden: ${cannot('system:serviceaccount:default:robot', 'list', 'pods')}`,
  ],
};

describe('who can do what', () => {
  for (const [title, [who, path, ask, expected]] of Object.entries(table)) {
    it(title, async () => {
      const answer = await as(who, path, ask);
      if (typeof expected === 'number') assert.equal(answer.status, expected, answer.bytes.toString());
      else assert.deepEqual([answer.status, jsonOf<Status>(answer).message], [403, expected]);
    });
  }

  it('a role may be changed by who changes nothing of what it grants', async () => {
    const made = jsonOf<JsonObject>(
      await as('escalator', rolesPath, postJson({ ...roleWith('*'), metadata: { name: 'wide' } })),
    );
    const put = (changes: JsonObject) =>
      as('jane', `${rolesPath}/wide`, { ...postJson({ ...made, ...changes }), method: 'PUT' });
    const { resourceVersion: _, ...metadata } = made.metadata as JsonObject;
    assert.equal((await put({ metadata: { ...metadata, finalizers: ['example.org/x'] } })).status, 200);
    assert.equal((await put({ metadata: { ...metadata, labels: { a: 'b' } } })).status, 403);
  });

  it('who may change but not create creates nothing by a change', async () => {
    await make(`${rbac}/clusterroles`, {
      metadata: { name: 'changer' },
      rules: [{ verbs: ['update', 'patch'], resources: ['services', 'limitranges'], apiGroups: [''] }],
    });
    await make(bindingsPath, { ...bindingTo('changer'), metadata: { name: 'c' }, subjects: [user('vic')] });
    const spec = { ports: [{ port: 80 }] };
    const writes: readonly (readonly [string, Ask])[] = [
      ['services', { ...postJson({ metadata: { name: 'new' }, spec }), method: 'PUT' }],
      ['limitranges', { ...postJson({ metadata: { name: 'new' }, spec: { limits: [] } }), method: 'PUT' }],
      [
        'services',
        {
          method: 'PATCH',
          headers: { 'content-type': 'application/apply-patch+yaml' },
          body: JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'new' }, spec }),
        },
      ],
    ];
    for (const [plural, ask] of writes) {
      const path = `${ns(plural)}/new${ask.method === 'PATCH' ? '?fieldManager=t' : ''}`;
      const refused = await as('vic', path, ask);
      assert.deepEqual(
        [refused.status, jsonOf<Status>(refused).message],
        [403, `${plural} "new" is forbidden: ${cannot('vic', 'create', plural)}`],
      );
      assert.equal((await as('root', path, ask)).status, 201);
      const changed = await as('vic', path, ask);
      assert.equal(changed.status, 200, changed.bytes.toString());
      await as('root', path, { method: 'DELETE' });
    }
  });

  it('rights end with the binding, at once', async () => {
    const path = `${bindingsPath}/temporary`;
    await make(bindingsPath, {
      ...bindingTo('view'),
      metadata: { name: 'temporary' },
      subjects: [user('helper')],
    });
    assert.equal((await as('helper', ns('pods'))).status, 200);
    await as('root', path, { method: 'DELETE' });
    assert.equal((await as('helper', ns('pods'))).status, 403);
  });

  it('who is nobody sees health and version', async () => {
    assert.equal((await nobody('/readyz')).status, 200);
    assert.equal((await nobody('/version')).status, 200);
    assert.equal((await nobody(ns('pods'))).status, 401);
    assert.equal((await withToken('wrong', '/readyz')).status, 401);
    assert.equal((await withToken('a.b.c', ns('pods'))).status, 401);
  });
});

const review = async (who: string, kind: string, spec: JsonObject): Promise<JsonObject> => {
  const path = `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`;
  const answer = await as(who, path, postJson({ kind, apiVersion: 'authorization.k8s.io/v1', spec }));
  assert.equal(answer.status, 201, answer.bytes.toString());
  return jsonOf<{ status: JsonObject }>(answer).status;
};

describe('reviews', () => {
  const listPods = { namespace: 'default', verb: 'list', resource: 'pods' };
  it('say what the asker may do, and why', async () => {
    assert.deepEqual(await review('vic', 'SelfSubjectAccessReview', { resourceAttributes: listPods }), {
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "vic/default" of ClusterRole "view" to User "vic"',
    });
    const all = { ...listPods, namespace: '' };
    assert.deepEqual(await review('vic', 'SelfSubjectAccessReview', { resourceAttributes: all }), {
      allowed: false,
    });
  });

  it('say what another may do, also in one namespace', async () => {
    const spec = { resourceAttributes: listPods, user: 'vic' };
    assert.equal((await review('root', 'SubjectAccessReview', spec)).allowed, true);
    const local = await as(
      'root',
      '/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews',
      postJson({ spec }),
    );
    assert.equal(jsonOf<{ status: { allowed: boolean } }>(local).status.allowed, true);
    const elsewhere = await as(
      'root',
      '/apis/authorization.k8s.io/v1/namespaces/kube-system/localsubjectaccessreviews',
      postJson({ spec }),
    );
    assert.equal(elsewhere.status, 400);
  });

  it('list everything', async () => {
    const status = await review('vic', 'SelfSubjectRulesReview', { namespace: 'default' });
    const rules = status.resourceRules as unknown as readonly { resources: readonly string[] }[];
    assert.ok(rules.some(({ resources }) => resources.includes('pods/log')));
    assert.ok((status.nonResourceRules as readonly unknown[]).length > 0);
    assert.equal(status.incomplete, false);
  });

  const wrong: Readonly<Record<string, readonly [kind: string, spec: JsonObject, message: RegExp]>> = {
    'without a question': [
      'SelfSubjectAccessReview',
      {},
      /exactly one of nonResourceAttributes or resourceAttributes must be specified/,
    ],
    'with two questions': [
      'SelfSubjectAccessReview',
      { resourceAttributes: listPods, nonResourceAttributes: { path: '/' } },
      /cannot be specified in combination with resourceAttributes/,
    ],
    'about nobody': [
      'SubjectAccessReview',
      { resourceAttributes: listPods },
      /at least one of user or group must be specified/,
    ],
    nowhere: ['SelfSubjectRulesReview', {}, /no namespace on request/],
  };
  for (const [title, [kind, spec, message]] of Object.entries(wrong)) {
    it(`are refused ${title}`, async () => {
      const answer = await as(
        'root',
        `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`,
        postJson({ spec }),
      );
      assert.match(jsonOf<Status>(answer).message ?? '', message);
    });
  }

  it('say who asks', async () => {
    const answer = await as('vic', '/apis/authentication.k8s.io/v1/selfsubjectreviews', postJson({}));
    const { status } = jsonOf<{ status: { userInfo: object } }>(answer);
    assert.deepEqual(status.userInfo, { username: 'vic', groups: ['system:authenticated'] });
  });

  it('cannot be read', async () => {
    assert.equal((await as('root', '/apis/authentication.k8s.io/v1/selfsubjectreviews')).status, 405);
  });
});

describe('the default policy', () => {
  it('is stored soon after the start', async () => {
    for (let i = 0; i < 100; i++) {
      const { items } = jsonOf<{ items: readonly JsonObject[] }>(
        await as('root', `${rbac}/clusterroles?labelSelector=kubernetes.io/bootstrapping`),
      );
      if (items.length > 40) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.fail('no default roles');
  });
});
