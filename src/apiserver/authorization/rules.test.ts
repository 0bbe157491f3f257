import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicyRule } from '../../api/rbac/v1/role.ts';
import type { Attributes } from './authorize.ts';
import { bootstrapPolicy } from './default-roles.ts';
import { parseRule } from './rule-text.ts';
import { compactRules, ruleText, rulesAllow, uncoveredRules } from './rules.ts';

const asked = (text: string): Attributes => {
  const [verb = '', what = '', name = ''] = text.split(' ');
  const base = { user: { name: 'u', groups: [] }, verb, namespace: '', version: 'v1', name };
  const nothing = { group: '', resource: '', subresource: '', path: '' };
  if (what.startsWith('/')) return { ...base, ...nothing, isResource: false, path: what };
  const [whole = '', group = ''] = what.split('@');
  const [resource = '', subresource = ''] = whole.split('/');
  return { ...base, isResource: true, path: '', group, resource, subresource };
};

describe('a rule', () => {
  const rows: Readonly<
    Record<string, readonly [rule: string, allowed: readonly string[], not: readonly string[]]>
  > = {
    'names verbs, groups and resources': [
      'get,list pods,services',
      ['get pods', 'list services', 'get pods web'],
      ['watch pods', 'get secrets', 'get pods@apps', 'get pods/log', 'get /pods'],
    ],
    'may name single objects': ['get pods a,b', ['get pods a'], ['get pods c', 'get pods']],
    'may name subresources': ['get pods/log', ['get pods/log'], ['get pods', 'get pods/status']],
    'may name a subresource of everything': [
      'get */scale@*',
      ['get deployments/scale@apps'],
      ['get deployments@apps', 'update deployments/scale@apps'],
    ],
    'may be about everything': ['* *@*', ['delete pods', 'get x/y@z'], ['get /metrics']],
    'may be about paths': [
      'get /api,/apis/*',
      ['get /api', 'get /apis/apps'],
      ['get /api/v1', 'post /api', 'get pods'],
    ],
    'may be about every path': ['* /*', ['get /', 'post /x/y'], ['get pods']],
  };
  for (const [title, [rule, allowed, not]] of Object.entries(rows)) {
    it(title, () => {
      for (const text of allowed) assert.ok(rulesAllow([parseRule(rule)], asked(text)), text);
      for (const text of not) assert.ok(!rulesAllow([parseRule(rule)], asked(text)), text);
    });
  }
});

describe('what somebody holds', () => {
  const rows: Readonly<Record<string, readonly [held: string[], wanted: string[], missing: string[]]>> = {
    'covers the same': [['get,list pods'], ['get pods', 'list pods'], []],
    'covers less than everything': [['* *@*', '* /*'], ['get x/y@z n', 'get /x'], []],
    'together covers one rule': [['get pods', 'get services'], ['get pods,services'], []],
    'of one object covers not all': [
      ['get pods a'],
      ['get pods'],
      ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'],
    ],
    'of all objects covers one': [['get pods'], ['get pods a'], []],
    'of a resource covers no subresource': [
      ['get pods'],
      ['get pods/log'],
      ['{APIGroups:[""], Resources:["pods/log"], Verbs:["get"]}'],
    ],
    'leaves verbs over, told together': [
      ['get pods'],
      ['ro pods'],
      ['{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}'],
    ],
    'leaves a path over': [['get /api'], ['get /apis'], ['{NonResourceURLs:["/apis"], Verbs:["get"]}']],
    'of a prefix covers a path': [['get /apis/*'], ['get /apis/apps'], []],
    'leaves a named object over': [
      [],
      ['get pods a'],
      ['{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["get"]}'],
    ],
  };
  for (const [title, [held, wanted, missing]] of Object.entries(rows)) {
    it(title, () => {
      const uncovered = uncoveredRules(held.map(parseRule), wanted.map(parseRule));
      assert.deepEqual(compactRules(uncovered).map(ruleText), missing);
    });
  }
});

describe('the default policy', () => {
  const policy = bootstrapPolicy();
  const rulesOf = (name: string): readonly PolicyRule[] => policy.clusterRoles.get(name)?.rules ?? [];
  it('binds only roles that there are', () => {
    for (const { roleRef } of policy.clusterRoleBindings) {
      assert.ok(policy.clusterRoles.has(roleRef.name), roleRef.name);
    }
    const roles = new Set(policy.roles.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`));
    for (const { metadata, roleRef } of policy.roleBindings) {
      assert.ok(roles.has(`${metadata.namespace ?? ''}/${roleRef.name}`), metadata.name);
    }
  });

  it('gives admin what edit has, and edit what view has', () => {
    assert.deepEqual(uncoveredRules(rulesOf('admin'), rulesOf('edit')), []);
    assert.deepEqual(uncoveredRules(rulesOf('edit'), rulesOf('view')), []);
    assert.ok(uncoveredRules(rulesOf('view'), rulesOf('edit')).length > 0);
  });

  const who: Readonly<
    Record<string, readonly [role: string, allowed: readonly string[], not: readonly string[]]>
  > = {
    view: [
      'view',
      ['list pods', 'get endpointslices@discovery.k8s.io'],
      ['get secrets', 'create pods', 'list roles@rbac.authorization.k8s.io', 'list nodes'],
    ],
    edit: [
      'edit',
      ['create pods/exec', 'delete services', 'create serviceaccounts/token', 'get secrets'],
      [
        'create roles@rbac.authorization.k8s.io',
        'update namespaces',
        'create endpointslices@discovery.k8s.io',
      ],
    ],
    admin: [
      'admin',
      ['create rolebindings@rbac.authorization.k8s.io'],
      [
        'escalate roles@rbac.authorization.k8s.io',
        'delete namespaces',
        'create clusterroles@rbac.authorization.k8s.io',
      ],
    ],
    'the service proxy': [
      'system:node-proxier',
      ['watch services', 'list endpointslices@discovery.k8s.io', 'create events'],
      ['get secrets', 'update services'],
    ],
    discovery: [
      'system:discovery',
      ['get /apis/apps/v1', 'get /openapi/v3', 'get /version'],
      ['get /metrics', 'get pods'],
    ],
  };
  for (const [title, [role, allowed, not]] of Object.entries(who)) {
    it(`lets ${title} do what it is for`, () => {
      for (const text of allowed) assert.ok(rulesAllow(rulesOf(role), asked(text)), text);
      for (const text of not) assert.ok(!rulesAllow(rulesOf(role), asked(text)), text);
    });
  }
});
