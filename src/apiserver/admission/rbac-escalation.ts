import { forbidden, notFound } from '../../api/errors/api-error.ts';
import type { KubeObject } from '../../api/kind.ts';
import { clusterRoleBindings } from '../../api/rbac/v1/cluster-role-binding.ts';
import { clusterRoles, type ClusterRole } from '../../api/rbac/v1/cluster-role.ts';
import { roleBindings, type RoleBinding } from '../../api/rbac/v1/role-binding.ts';
import { RBAC_GROUP, roles, type PolicyRule } from '../../api/rbac/v1/role.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { isPrivileged, type Authorizer } from '../authorization/authorize.ts';
import type { RbacAuthorizer } from '../authorization/rbac-authorizer.ts';
import { compactRules, quotedList, ruleText, uncoveredRules } from '../authorization/rules.ts';
import type { Admission, AdmissionRequest } from './admission.ts';

const FULL_AUTHORITY: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export interface EscalationDeps {
  readonly rbac: RbacAuthorizer;
  readonly authorizer: Authorizer;
}

/**
 * Nobody grants what they do not hold themselves: rules may be written only by who holds them all or may `escalate`, a
 * role may be bound only by who holds all its rules or may `bind` it. Messages are upstream's (pkg/registry/rbac).
 */
export function rbacEscalation(deps: EscalationDeps): Admission {
  return async (request) => {
    const { kind, operation, user, object, old } = request;
    if (kind.group !== RBAC_GROUP || operation === 'delete' || isPrivileged(user)) return;
    if (old !== undefined && changesNothing(object, old)) return;
    if (kind.plural === roles.plural || kind.plural === clusterRoles.plural) await checkRules(deps, request);
    else if (kind.plural === roleBindings.plural || kind.plural === clusterRoleBindings.plural) {
      await checkBinding(deps, request);
    }
  };
}

/** What the garbage collector must be able to do with objects it has no rights to otherwise. */
function changesNothing(next: KubeObject, prev: KubeObject): boolean {
  const bare = ({ metadata, ...rest }: KubeObject) => {
    const { ownerReferences: _1, finalizers: _2, managedFields: _3, ...kept } = metadata;
    return { ...rest, metadata: kept };
  };
  return deepEqual(bare(next), bare(prev));
}

async function checkRules(deps: EscalationDeps, request: AdmissionRequest): Promise<void> {
  const { kind, name } = request;
  const role = request.object as ClusterRole;
  if (await isAuthorized(deps, request, { verb: 'escalate', resource: kind.plural, name })) return;
  const isAggregated = [request.object, request.old].some(
    (each) => (each as ClusterRole | undefined)?.aggregationRule !== undefined,
  );
  // It can gather anything, and keep anything from being taken back.
  if (isAggregated && (await escalation(deps, request, FULL_AUTHORITY)) !== undefined) {
    throw forbidden(kind, name, 'must have cluster-admin privileges to use an aggregationRule');
  }
  const refusal = await escalation(deps, request, role.rules);
  if (refusal !== undefined) throw forbidden(kind, name, refusal);
}

async function checkBinding(deps: EscalationDeps, request: AdmissionRequest): Promise<void> {
  const { kind, name, namespace } = request;
  const { roleRef } = request.object as RoleBinding;
  const isRole = roleRef.kind === 'Role';
  const roleKind = isRole ? roles : clusterRoles;
  if (await isAuthorized(deps, request, { verb: 'bind', resource: roleKind.plural, name: roleRef.name }))
    return;
  const rules = await deps.rbac.rulesOf(roleRef, namespace);
  if (rules === undefined) throw notFound(roleKind, roleRef.name);
  const refusal = await escalation(deps, request, rules);
  if (refusal !== undefined) throw forbidden(kind, name, refusal);
}

async function isAuthorized(
  { authorizer }: EscalationDeps,
  { user, namespace }: AdmissionRequest,
  asked: { readonly verb: string; readonly resource: string; readonly name: string },
): Promise<boolean> {
  const place = { namespace, group: RBAC_GROUP, version: 'v1', subresource: '', path: '' };
  return (await authorizer({ user, isResource: true, ...place, ...asked })).isAllowed;
}

/** What the user would grant without holding it, in words; undefined when there is nothing. */
async function escalation(
  { rbac }: EscalationDeps,
  { user, namespace }: AdmissionRequest,
  rules: readonly PolicyRule[],
): Promise<string | undefined> {
  const held = await rbac.rulesFor(user, namespace);
  const missing = uncoveredRules(held.rules, rules);
  if (missing.length === 0) return undefined;
  const texts = [...new Set(compactRules(missing).map(ruleText))].sort();
  const who = `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)})`;
  const message = `${who} is attempting to grant RBAC permissions not currently held:\n${texts.join('\n')}`;
  return held.errors.length === 0
    ? message
    : `${message}; resolution errors: [${[...new Set(held.errors)].join(', ')}]`;
}
