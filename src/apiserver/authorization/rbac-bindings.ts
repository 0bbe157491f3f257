import { objectKey, type KubeObject } from '../../api/kind.ts';
import { clusterRoleBindings, type ClusterRoleBinding } from '../../api/rbac/v1/cluster-role-binding.ts';
import { clusterRoles, type ClusterRole } from '../../api/rbac/v1/cluster-role.ts';
import {
  roleBindings,
  type RoleBinding,
  type RoleRef,
  type Subject,
} from '../../api/rbac/v1/role-binding.ts';
import { roles, type PolicyRule, type Role } from '../../api/rbac/v1/role.ts';
import { objectPrefix } from '../cache/stored-object.ts';
import { createCacheView } from '../cache/cache-view.ts';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { RequestUser } from '../rest/rest.ts';

/** A role that a subject holds by a binding. */
export interface Grant {
  readonly binding: RoleBinding | ClusterRoleBinding;
  readonly subject: Subject;
}

/** Objects that count as if they were stored, as long as nothing of their name is. */
export interface DefaultPolicy {
  readonly clusterRoles: ReadonlyMap<string, ClusterRole>;
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
}

/** Who holds which role where, as the store has it. */
export interface Bindings {
  /** Brings it up to date with the cache. To be called before the others. */
  refresh(): void;
  /** In the whole cluster, and in `namespace` if that is not ''. Stops when `visit` returns true. */
  visit(user: RequestUser, namespace: string, visit: (grant: Grant) => boolean): void;
  /** The rules of the role; undefined when there is no such role. `namespace` is that of the binding. */
  rulesOf(role: RoleRef, namespace: string): readonly PolicyRule[] | undefined;
  /** From now on only what is stored counts. */
  dropDefaults(): void;
}

/** Groups, users and service accounts in one name space: `g:` and `u:`. */
function subjectKey({ kind, name, namespace = '' }: Subject, bindingNamespace: string): string {
  if (kind === 'Group') return `g:${name}`;
  if (kind === 'ServiceAccount') return `u:system:serviceaccount:${namespace || bindingNamespace}:${name}`;
  return `u:${name}`;
}

/** By namespace ('' = everywhere), then by subject, then by the binding's key and place. */
function createHeld() {
  const byNamespace = new Map<string, Map<string, Map<string, Grant>>>();
  const visitIn = (namespace: string, user: RequestUser, visit: (grant: Grant) => boolean): boolean => {
    const held = byNamespace.get(namespace);
    if (held === undefined) return false;
    for (const grant of held.get(`u:${user.name}`)?.values() ?? []) if (visit(grant)) return true;
    for (const group of user.groups) {
      for (const grant of held.get(`g:${group}`)?.values() ?? []) if (visit(grant)) return true;
    }
    return false;
  };
  return {
    visitIn,
    clear: (isMeant: (namespace: string) => boolean) => {
      for (const namespace of byNamespace.keys()) if (isMeant(namespace)) byNamespace.delete(namespace);
    },
    put: (binding: RoleBinding | ClusterRoleBinding, isThere: boolean): void => {
      const { namespace = '' } = binding.metadata;
      const held = byNamespace.get(namespace) ?? new Map<string, Map<string, Grant>>();
      byNamespace.set(namespace, held);
      for (const [i, subject] of (binding.subjects ?? []).entries()) {
        const key = subjectKey(subject, namespace);
        const id = `${objectKey(binding)}#${i}`;
        const grants = held.get(key);
        if (isThere && grants === undefined) held.set(key, new Map([[id, { binding, subject }]]));
        else if (isThere) grants?.set(id, { binding, subject });
        else if (grants?.delete(id) === true && grants.size === 0) held.delete(key);
      }
      if (held.size === 0) byNamespace.delete(namespace);
    },
  };
}

/** Fed by the cache; a decision looks up the user's name and groups, whatever number of bindings there is. */
export function createBindings(cache: WatchCache, defaults?: DefaultPolicy): Bindings {
  const held = createHeld();
  let pending = new Map((defaults?.clusterRoleBindings ?? []).map((each) => [each.metadata.name, each]));
  let defaultRoles = defaults?.clusterRoles ?? new Map<string, ClusterRole>();
  const replace = (prev: RoleBinding | undefined, next: RoleBinding | undefined): void => {
    if (prev !== undefined) held.put(prev, false);
    if (next !== undefined) held.put(next, true);
  };
  const views = [
    createCacheView<RoleBinding>(cache, objectPrefix(roleBindings), {
      reset: () => held.clear((namespace) => namespace !== ''),
      move: (_key, prev, next) => replace(prev, next),
    }),
    createCacheView<ClusterRoleBinding>(cache, objectPrefix(clusterRoleBindings), {
      reset: () => {
        held.clear((namespace) => namespace === '');
        for (const binding of pending.values()) held.put(binding, true);
      },
      move: (key, prev, next) => {
        replace(prev ?? pending.get(key), next);
        pending.delete(key);
      },
    }),
  ];
  const stored = <T extends KubeObject>(
    kind: { readonly group: string; readonly plural: string },
    key: string,
  ): T | undefined => cache.resource(objectPrefix(kind)).objects.get(key) as T | undefined;
  return {
    refresh: () => {
      for (const view of views) view.refresh();
    },
    visit: (user, namespace, visit) => {
      if (held.visitIn('', user, visit) || namespace === '') return;
      held.visitIn(namespace, user, visit);
    },
    rulesOf: ({ kind, name }, namespace) =>
      kind === 'Role'
        ? stored<Role>(roles, `${namespace}/${name}`)?.rules
        : (stored<ClusterRole>(clusterRoles, name) ?? defaultRoles.get(name))?.rules,
    dropDefaults: () => {
      for (const binding of pending.values()) held.put(binding, false);
      pending = new Map();
      defaultRoles = new Map();
    },
  };
}
