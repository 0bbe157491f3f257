import type { ClusterRoleBinding } from '../../api/rbac/v1/cluster-role-binding.ts';
import type { ClusterRole } from '../../api/rbac/v1/cluster-role.ts';
import { aggregatedRules } from '../../api/rbac/aggregation.ts';
import type { Role, PolicyRule } from '../../api/rbac/v1/role.ts';
import { RBAC_GROUP } from '../../api/rbac/v1/role.ts';
import type { RoleBinding, Subject } from '../../api/rbac/v1/role-binding.ts';
import { CONTROLLER_ROLES } from './controller-roles.ts';
import { CLUSTER_ROLE_RULES, NODE_PROXIER_BINDING, SCHEDULER_BINDING } from './cluster-role-rules.ts';
import type { DefaultPolicy } from './rbac-bindings.ts';
import { parseRule } from './rule-text.ts';

/** Upstream's bootstrap policy (plugin/pkg/auth/authorizer/rbac/bootstrappolicy) for what this server serves. */

const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';
const AGGREGATE = 'rbac.authorization.k8s.io/aggregate-to-';

interface MetaOptions {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

const metaOf = (name: string, { namespace, labels }: MetaOptions = {}) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
  annotations: { [AUTOUPDATE]: 'true' },
});

const rbac = { apiVersion: `${RBAC_GROUP}/v1` } as const;

const roleOf = (name: string, rules: readonly PolicyRule[], labels?: MetaOptions['labels']): ClusterRole => ({
  ...rbac,
  kind: 'ClusterRole',
  metadata: metaOf(name, labels === undefined ? {} : { labels }),
  rules,
});

/** `user:x`, `group:x` or `account:NAMESPACE/NAME`. */
function subjectOf(text: string): Subject {
  const [kind = '', ...rest] = text.split(':');
  const name = rest.join(':');
  if (kind === 'account') {
    const [namespace = '', account = ''] = name.split('/');
    return { kind: 'ServiceAccount', name: account, namespace };
  }
  return { kind: kind === 'user' ? 'User' : 'Group', apiGroup: RBAC_GROUP, name };
}

const roleRefTo = (kind: string, name: string) => ({ apiGroup: RBAC_GROUP, kind, name });

const bindingOf = (name: string, role: string, subjects: readonly string[]): ClusterRoleBinding => ({
  ...rbac,
  kind: 'ClusterRoleBinding',
  metadata: metaOf(name),
  subjects: subjects.map(subjectOf),
  roleRef: roleRefTo('ClusterRole', role),
});

/** Role -> to which roles its rules are added. */
const AGGREGATED_TO: Readonly<Record<string, string>> = {
  'system:aggregate-to-admin': 'admin',
  'system:aggregate-to-edit': 'edit',
  'system:aggregate-to-view': 'view',
  edit: 'admin',
  view: 'edit',
};

function clusterRolesOf(): ClusterRole[] {
  const labelsOf = (name: string) => {
    const to = AGGREGATED_TO[name];
    return to === undefined ? undefined : { [`${AGGREGATE}${to}`]: 'true' };
  };
  const plain = Object.entries(CLUSTER_ROLE_RULES).map(([name, rules]) =>
    roleOf(name, rules.map(parseRule), labelsOf(name)),
  );
  const controllers = Object.entries(CONTROLLER_ROLES).map(([name, rules]) =>
    roleOf(`system:controller:${name}`, rules.map(parseRule)),
  );
  const all = [...plain, ...controllers];
  for (const name of ['view', 'edit', 'admin']) {
    const clusterRoleSelectors = [{ matchLabels: { [`${AGGREGATE}${name}`]: 'true' } }];
    const role = { ...roleOf(name, [], labelsOf(name)), aggregationRule: { clusterRoleSelectors } };
    all.push({ ...role, rules: aggregatedRules(role, all) });
  }
  return all;
}

const everyone = ['group:system:authenticated', 'group:system:unauthenticated'];

/** Binding (named like its role) -> whom it grants it to. */
const BOUND: Readonly<Record<string, readonly string[]>> = {
  'cluster-admin': ['group:system:masters'],
  'system:monitoring': ['group:system:monitoring'],
  'system:discovery': ['group:system:authenticated'],
  'system:public-info-viewer': everyone,
  'system:basic-user': ['group:system:authenticated'],
  'system:node-proxier': ['user:system:kube-proxy'],
  'system:kube-controller-manager': ['user:system:kube-controller-manager'],
  'system:kube-dns': ['account:kube-system/kube-dns'],
  'system:kube-scheduler': ['user:system:kube-scheduler'],
  'system:volume-scheduler': ['user:system:kube-scheduler'],
  'system:service-account-issuer-discovery': ['group:system:serviceaccounts'],
};

function clusterRoleBindingsOf(): ClusterRoleBinding[] {
  return [
    ...Object.entries(BOUND).map(([name, subjects]) => bindingOf(name, name, subjects)),
    // The Node authorizer decides for nodes; the role has no subjects, as upstream.
    bindingOf('system:node', 'system:node', []),
    bindingOf(NODE_PROXIER_BINDING, 'system:node-proxier', ['group:system:nodes']),
    bindingOf(SCHEDULER_BINDING, 'system:kube-scheduler', ['account:kube-system/kube-scheduler']),
    ...Object.keys(CONTROLLER_ROLES).map((name) =>
      bindingOf(`system:controller:${name}`, `system:controller:${name}`, [`account:kube-system/${name}`]),
    ),
  ];
}

/** namespace/role -> its rules and who holds it. */
const NAMESPACED: Readonly<Record<string, readonly [rules: readonly string[], subjects: readonly string[]]>> =
  {
    'kube-system/extension-apiserver-authentication-reader': [
      ['get,list,watch configmaps extension-apiserver-authentication'],
      ['user:system:kube-controller-manager', 'user:system:kube-scheduler'],
    ],
    'kube-system/system:controller:bootstrap-signer': [
      ['get,list,watch secrets'],
      ['account:kube-system/bootstrap-signer'],
    ],
    'kube-system/system:controller:token-cleaner': [
      ['get,list,watch,delete secrets', 'create,patch,update events@+events.k8s.io'],
      ['account:kube-system/token-cleaner'],
    ],
    'kube-system/system::leader-locking-kube-controller-manager': [
      ['watch configmaps', 'get,update configmaps kube-controller-manager'],
      ['account:kube-system/kube-controller-manager', 'user:system:kube-controller-manager'],
    ],
    'kube-system/system::leader-locking-kube-scheduler': [
      ['watch configmaps', 'get,update configmaps kube-scheduler'],
      ['account:kube-system/kube-scheduler', 'user:system:kube-scheduler'],
    ],
    'kube-public/system:controller:bootstrap-signer': [
      [
        'get,list,watch configmaps',
        'update configmaps cluster-info',
        'create,patch,update events@+events.k8s.io',
      ],
      ['account:kube-system/bootstrap-signer'],
    ],
  };

export interface BootstrapPolicy extends DefaultPolicy {
  readonly roles: readonly Role[];
  readonly roleBindings: readonly RoleBinding[];
}

export function bootstrapPolicy(): BootstrapPolicy {
  const roles: Role[] = [];
  const roleBindings: RoleBinding[] = [];
  for (const [key, [rules, subjects]] of Object.entries(NAMESPACED)) {
    const slash = key.indexOf('/');
    const [namespace, name] = [key.slice(0, slash), key.slice(slash + 1)];
    const metadata = metaOf(name, { namespace });
    roles.push({ ...rbac, kind: 'Role', metadata, rules: rules.map(parseRule) });
    // Upstream's binding of the reader has a name of its own.
    const bindingName = name.startsWith('extension-') ? `system::${name}` : name;
    roleBindings.push({
      ...rbac,
      kind: 'RoleBinding',
      metadata: { ...metadata, name: bindingName },
      subjects: subjects.map(subjectOf),
      roleRef: roleRefTo('Role', name),
    });
  }
  const all = clusterRolesOf();
  return {
    clusterRoles: new Map(all.map((role) => [role.metadata.name, role])),
    clusterRoleBindings: clusterRoleBindingsOf(),
    roles,
    roleBindings,
  };
}
