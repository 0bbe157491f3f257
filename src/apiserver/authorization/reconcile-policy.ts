import { clusterRoleBindings, type ClusterRoleBinding } from '../../api/rbac/v1/cluster-role-binding.ts';
import { clusterRoles, type ClusterRole } from '../../api/rbac/v1/cluster-role.ts';
import { roleBindings, type RoleBinding } from '../../api/rbac/v1/role-binding.ts';
import { roles, type Role } from '../../api/rbac/v1/role.ts';
import { objectKey, type Kind, type KubeObject } from '../../api/kind.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import type { Write } from '../../storage/store.ts';
import { encodeObject, objectPrefix, revisionOf } from '../cache/stored-object.ts';
import { timestamp, type RegistryContext } from '../registry/generic/context.ts';
import { bootstrapPolicy } from './default-roles.ts';
import { uncoveredRules } from './rules.ts';

const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';
/** Other servers may be doing the same. */
const ATTEMPTS = 5;

/**
 * Makes the stored policy hold upstream's default roles and bindings, in one commit: what is missing is made, and gets
 * back rules, subjects and labels it has lost. What more there is stays, and an object whose annotation `autoupdate` is
 * not "true" is left alone. Roles of namespaces that do not exist are left out.
 */
export async function reconcilePolicy(context: RegistryContext): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await context.cache.atLeast(context.acknowledged.revision);
    const writes = policyWrites(context);
    if (writes.length === 0) return;
    const result = await context.store.commit(writes);
    if (result.ok) {
      context.acknowledged.note(result.revision);
      await context.cache.atLeast(result.revision);
      return;
    }
    if (attempt === ATTEMPTS) throw new Error('the default roles were changed by others all the time');
    await context.clock.sleep(100 * attempt);
  }
}

function policyWrites({ cache, clock }: RegistryContext): Write[] {
  const policy = bootstrapPolicy();
  const creationTimestamp = timestamp(clock.now());
  const writesOf = <T extends KubeObject>(
    kind: Kind<T>,
    wanted: Iterable<T>,
    mend: (standing: T, wanted: T) => T,
  ): Write[] => {
    const prefix = objectPrefix(kind);
    const { objects } = cache.resource(prefix);
    return [...wanted].flatMap((object): Write[] => {
      const key = prefix + objectKey(object);
      const standing = objects.get(objectKey(object)) as T | undefined;
      if (standing === undefined) {
        const metadata = { ...object.metadata, uid: crypto.randomUUID(), creationTimestamp };
        return [{ key, value: encodeObject({ ...object, metadata }), expect: 'absent' }];
      }
      if (standing.metadata.annotations?.[AUTOUPDATE] !== 'true') return [];
      const mended = withLabelsOf(mend(standing, object), object);
      return deepEqual(mended, standing)
        ? []
        : [{ key, value: encodeObject(mended), expect: revisionOf(standing) }];
    });
  };
  const namespaces = cache.resource('/registry/namespaces/').objects;
  const isPlaced = ({ metadata }: KubeObject): boolean =>
    namespaces.get(metadata.namespace ?? '') !== undefined;
  return [
    ...writesOf<ClusterRole>(clusterRoles, policy.clusterRoles.values(), mendedRole),
    ...writesOf<ClusterRoleBinding>(clusterRoleBindings, policy.clusterRoleBindings, mendedBinding),
    ...writesOf<Role>(roles, policy.roles.filter(isPlaced), mendedRole),
    ...writesOf<RoleBinding>(roleBindings, policy.roleBindings.filter(isPlaced), mendedBinding),
  ];
}

function withLabelsOf<T extends KubeObject>(object: T, { metadata: { labels, annotations } }: T): T {
  const { metadata } = object;
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...labels },
      annotations: { ...metadata.annotations, ...annotations },
    },
  };
}

/** The rules of an aggregated role are its controller's business. */
function mendedRole<T extends ClusterRole | Role>(standing: T, wanted: T): T {
  if ('aggregationRule' in wanted && wanted.aggregationRule !== undefined) {
    return { ...standing, aggregationRule: wanted.aggregationRule };
  }
  const missing = uncoveredRules(standing.rules, wanted.rules);
  return missing.length === 0 ? standing : { ...standing, rules: [...standing.rules, ...missing] };
}

/** A binding to another role was taken for something else; it is not the default one any more and stays. */
function mendedBinding<T extends RoleBinding>(standing: T, wanted: T): T {
  if (!deepEqual(standing.roleRef, wanted.roleRef)) return standing;
  const subjects = standing.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((each) => !subjects.some((known) => deepEqual(known, each)));
  return missing.length === 0 ? standing : { ...standing, subjects: [...subjects, ...missing] };
}
