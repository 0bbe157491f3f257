import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../../../base/json.ts';
import { json, refusalOf, scopeOf, startRegistry, type TestRegistry } from '../../fixtures/test-registry.ts';

const rule = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
const user = { kind: 'User', name: 'jane' };
const account = { kind: 'ServiceAccount', name: 'robot', namespace: 'default' };
const view = { kind: 'ClusterRole', name: 'view' };

type Row = readonly [plural: string, body: JsonObject, expected: string];
const rows: Readonly<Record<string, Row>> = {
  'a role': ['roles', { rules: [rule] }, 'accepted'],
  'a role without rules': ['roles', {}, 'accepted'],
  'a role with a colon in its name': ['roles', { metadata: { name: 'system:x' }, rules: [] }, 'accepted'],
  'a role whose name is a path': [
    'roles',
    { metadata: { name: 'a/b' }, rules: [] },
    'metadata.name: Invalid value: "a/b": may not contain \'/\'',
  ],
  'a rule without verbs': [
    'roles',
    { rules: [{ ...rule, verbs: [] }] },
    'rules[0].verbs: Required value: verbs must contain at least one value',
  ],
  'a rule without group and resource': [
    'roles',
    { rules: [{ verbs: ['get'] }] },
    '[rules[0].apiGroups: Required value: resource rules must supply at least one api group, rules[0].resources: Required value: resource rules must supply at least one resource]',
  ],
  'a path in a namespace': [
    'roles',
    { rules: [{ verbs: ['get'], nonResourceURLs: ['/metrics'] }] },
    'rules[0].nonResourceURLs: Invalid value: ["/metrics"]: namespaced rules cannot apply to non-resource URLs',
  ],
  'a path everywhere': [
    'clusterroles',
    { rules: [{ verbs: ['get'], nonResourceURLs: ['/metrics'] }] },
    'accepted',
  ],
  'a path together with a resource': [
    'clusterroles',
    { rules: [{ ...rule, nonResourceURLs: ['/metrics'] }] },
    'rules[0].nonResourceURLs: Invalid value: ["/metrics"]: rules cannot apply to both regular resources and non-resource URLs',
  ],
  'an aggregation of nothing': [
    'clusterroles',
    { rules: [], aggregationRule: {} },
    'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
  ],
  'an aggregation by a bad label': [
    'clusterroles',
    { rules: [], aggregationRule: { clusterRoleSelectors: [{ matchLabels: { 'a b': 'c' } }] } },
    'aggregationRule.clusterRoleSelectors[0].matchLabels: Invalid value: "a b": ',
  ],
  'a binding': ['rolebindings', { subjects: [user, account], roleRef: view }, 'accepted'],
  'a binding of nobody': ['rolebindings', { roleRef: view }, 'accepted'],
  'a binding without role': [
    'rolebindings',
    { roleRef: { kind: 'Role', name: '' } },
    'roleRef.name: Required value',
  ],
  'a binding of another kind': [
    'rolebindings',
    { roleRef: { kind: 'Pod', name: 'x' } },
    'roleRef.kind: Unsupported value: "Pod": supported values: "ClusterRole", "Role"',
  ],
  'a cluster binding of a Role': [
    'clusterrolebindings',
    { roleRef: { kind: 'Role', name: 'x' } },
    'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
  ],
  'a role of another group': [
    'rolebindings',
    { roleRef: { ...view, apiGroup: 'x' } },
    'roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
  ],
  'an account without a namespace, everywhere': [
    'clusterrolebindings',
    { subjects: [{ kind: 'ServiceAccount', name: 'robot' }], roleRef: view },
    'subjects[0].namespace: Required value',
  ],
  'an account with a group': [
    'rolebindings',
    { subjects: [{ ...account, apiGroup: 'x' }], roleRef: view },
    'subjects[0].apiGroup: Unsupported value: "x": supported values: ""',
  ],
  'a subject of an unknown kind without a name': [
    'rolebindings',
    { subjects: [{ kind: 'Robot' }], roleRef: view },
    '[subjects[0].name: Required value, subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"]',
  ],
  'a user of another group': [
    'rolebindings',
    { subjects: [{ ...user, apiGroup: 'x' }], roleRef: view },
    'subjects[0].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
  ],
};

describe('RBAC objects', () => {
  let registry: TestRegistry;
  before(async () => (registry = await startRegistry()));
  after(() => registry.stop());
  let n = 0;
  const create = (plural: string, body: JsonObject): Promise<unknown> => {
    const metadata = { name: `x-${++n}`, ...(body.metadata as JsonObject | undefined) };
    const scope = scopeOf(plural.startsWith('cluster') ? '' : 'default');
    return registry.resource(plural).write.create(scope, { ...body, metadata });
  };
  for (const [title, [plural, body, expected]] of Object.entries(rows)) {
    it(`${title}: ${expected === 'accepted' ? expected : 'refused'}`, async () => {
      const answer = await refusalOf(create(plural, body));
      if (expected === 'accepted') assert.equal(answer, 'accepted');
      else assert.ok(answer.includes(`is invalid: ${expected}`), answer);
    });
  }

  it('say the group that was left out', async () => {
    const made = json(await create('rolebindings', { subjects: [user, account], roleRef: view }));
    const group = 'rbac.authorization.k8s.io';
    assert.deepEqual(made.subjects, [{ ...user, apiGroup: group }, account]);
    assert.deepEqual(made.roleRef, { ...view, apiGroup: group });
  });

  it('never change the role of a binding', async () => {
    const { write } = registry.resource('rolebindings');
    const body = { metadata: { name: 'kept' }, subjects: [user], roleRef: view };
    await write.create(scopeOf(), body);
    const to = (roleRef: JsonObject, subjects: JsonObject[]) =>
      refusalOf(write.update(scopeOf(), { name: 'kept', body: { ...body, roleRef, subjects } }));
    assert.equal(await to(view, [account]), 'accepted');
    assert.match(
      await to({ kind: 'ClusterRole', name: 'edit' }, [user]),
      /^422 Invalid: RoleBinding\.rbac\.authorization\.k8s\.io "kept" is invalid: roleRef: Invalid value: .*: cannot change roleRef$/,
    );
  });

  it('are created by a PUT of what does not exist', async () => {
    const { write } = registry.resource('clusterroles');
    const { isCreated } = await write.update(scopeOf(''), {
      name: 'put',
      body: { metadata: { name: 'put' }, rules: [rule] },
    });
    assert.equal(isCreated, true);
  });

  it('are shown with the role and, wide, with everyone it is granted to', async () => {
    const resource = registry.resource('rolebindings');
    const binding = await resource.write.create(scopeOf(), {
      metadata: { name: 'shown' },
      subjects: [user, { kind: 'Group', name: 'devs' }, account],
      roleRef: view,
    });
    const cells = resource.columns.map((each) => each.cell(binding, registry.clock.now()));
    assert.deepEqual(cells, ['shown', 'ClusterRole/view', '0s', 'jane', 'devs', 'default/robot']);
  });
});
