import type { RoleBinding, Subject } from '../../api/rbac/v1/role-binding.ts';
import type { PolicyRule } from '../../api/rbac/v1/role.ts';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { RequestUser } from '../rest/rest.ts';
import type { Attributes, Authorizer, Decision } from './authorize.ts';
import { createBindings, type Bindings, type DefaultPolicy, type Grant } from './rbac-bindings.ts';
import { rulesAllow } from './rules.ts';

/** All that somebody may do in a namespace, and what could not be found out. */
export interface HeldRules {
  readonly rules: readonly PolicyRule[];
  readonly errors: readonly string[];
}

export interface RbacAuthorizer {
  readonly authorize: Authorizer;
  /** '' = the whole cluster. */
  rulesFor(user: RequestUser, namespace: string): Promise<HeldRules>;
  /** The rules of a role that a binding in `namespace` refers to; undefined when there is no such role. */
  rulesOf(role: RoleBinding['roleRef'], namespace: string): Promise<readonly PolicyRule[] | undefined>;
  /** From now on only stored roles and bindings count. */
  dropDefaults(): void;
}

/**
 * Upstream's RBAC over the watch cache. What it decides by is as new as the cache; a role or binding whose write this
 * server has acknowledged is in it. Until `dropDefaults` the default policy counts where nothing of its name is stored.
 */
export function createRbacAuthorizer(
  cache: WatchCache,
  loadDefaults?: () => Promise<DefaultPolicy>,
): RbacAuthorizer {
  let bindings: Bindings | undefined;
  let isDropped = false;
  const prepared = async (): Promise<Bindings> => {
    const [defaults] = await Promise.all([isDropped ? undefined : loadDefaults?.(), cache.atLeast(0)]);
    bindings ??= createBindings(cache, defaults);
    if (isDropped) bindings.dropDefaults();
    bindings.refresh();
    return bindings;
  };
  return {
    authorize: (attributes) => {
      if (bindings === undefined) return prepared().then((ready) => decide(ready, attributes));
      bindings.refresh();
      return decide(bindings, attributes);
    },
    async rulesFor(user, namespace) {
      const ready = await prepared();
      const rules: PolicyRule[] = [];
      const errors: string[] = [];
      ready.visit(user, namespace, ({ binding }) => {
        const found = ready.rulesOf(binding.roleRef, binding.metadata.namespace ?? '');
        if (found === undefined) errors.push(missingText(binding));
        else rules.push(...found);
        return false;
      });
      return { rules, errors };
    },
    rulesOf: async (role, namespace) => (await prepared()).rulesOf(role, namespace),
    dropDefaults: () => {
      isDropped = true;
      bindings?.dropDefaults();
    },
  };
}

function decide(bindings: Bindings, attributes: Attributes): Decision {
  let decision: Decision | undefined;
  const errors: string[] = [];
  bindings.visit(attributes.user, attributes.namespace, (grant) => {
    const { roleRef, metadata } = grant.binding;
    const rules = bindings.rulesOf(roleRef, metadata.namespace ?? '');
    if (rules === undefined) errors.push(missingText(grant.binding));
    else if (rulesAllow(rules, attributes)) decision = allowedBy(grant);
    return decision !== undefined;
  });
  if (decision !== undefined) return decision;
  return { isAllowed: false, reason: errors.length === 0 ? '' : `RBAC: ${aggregated(errors)}` };
}

const allowances = new WeakMap<Grant, Decision>();

/** The same grant says the same, so its words are put together once. */
function allowedBy(grant: Grant): Decision {
  const known = allowances.get(grant);
  if (known !== undefined) return known;
  const decision = { isAllowed: true, reason: allowedText(grant) };
  allowances.set(grant, decision);
  return decision;
}

/** As Go prints several errors. */
export function aggregated(errors: readonly string[]): string {
  const distinct = [...new Set(errors)];
  return distinct.length === 1 ? (distinct[0] ?? '') : `[${distinct.join(', ')}]`;
}

const missingText = ({ roleRef: { kind, name } }: Pick<RoleBinding, 'roleRef'>): string =>
  `${kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;

function allowedText({ binding, subject }: Grant): string {
  const { name, namespace } = binding.metadata;
  const { roleRef } = binding;
  const what =
    namespace === undefined
      ? `ClusterRoleBinding ${JSON.stringify(name)}`
      : `RoleBinding ${JSON.stringify(`${name}/${namespace}`)}`;
  const role = `${roleRef.kind} ${JSON.stringify(roleRef.name)}`;
  return `RBAC: allowed by ${what} of ${role} to ${subjectText(subject, namespace ?? '')}`;
}

function subjectText({ kind, name, namespace = '' }: Subject, bindingNamespace: string): string {
  const whole =
    kind === 'ServiceAccount' ? `${name}/${namespace === '' ? bindingNamespace : namespace}` : name;
  return `${kind} ${JSON.stringify(whole)}`;
}
