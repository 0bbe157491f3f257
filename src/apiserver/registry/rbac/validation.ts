import { invalidValue, notSupported, required, type FieldError } from '../../../api/errors/field-error.ts';
import type { ClusterRole } from '../../../api/rbac/v1/cluster-role.ts';
import type { RoleBinding, RoleRef, Subject } from '../../../api/rbac/v1/role-binding.ts';
import { RBAC_GROUP, type PolicyRule } from '../../../api/rbac/v1/role.ts';
import { dns1123Subdomain, pathSegmentName } from '../../../api/validation/names.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import { selectorFaults } from '../rules/label-selectors.ts';
import { invalidEach } from '../rules/fields.ts';

/** What is wrong with the rules of a Role (in a namespace) or a ClusterRole. */
export const ruleFaults = (rules: readonly PolicyRule[], isNamespaced: boolean): FieldError[] =>
  rules.flatMap((rule, i) => oneRuleFaults(rule, `rules[${i}]`, isNamespaced));

function oneRuleFaults(rule: PolicyRule, path: string, isNamespaced: boolean): FieldError[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const errors: FieldError[] = [];
  if (verbs.length === 0) errors.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
  if (nonResourceURLs.length > 0) {
    const at = `${path}.nonResourceURLs`;
    if (isNamespaced) {
      errors.push(invalidValue(at, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'));
    }
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      const detail = 'rules cannot apply to both regular resources and non-resource URLs';
      errors.push(invalidValue(at, nonResourceURLs, detail));
    }
    return errors;
  }
  if (apiGroups.length === 0) {
    errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  }
  if (resources.length === 0) {
    errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
  }
  return errors;
}

export function clusterRoleFaults({ rules, aggregationRule }: ClusterRole): FieldError[] {
  const errors = ruleFaults(rules, false);
  if (aggregationRule === undefined) return errors;
  const { clusterRoleSelectors = [] } = aggregationRule;
  const path = 'aggregationRule.clusterRoleSelectors';
  if (clusterRoleSelectors.length === 0) {
    const detail = 'at least one clusterRoleSelector required if aggregationRule is non-nil';
    errors.push(required(path, detail));
  }
  return [
    ...errors,
    ...clusterRoleSelectors.flatMap((selector, i) => selectorFaults(selector, `${path}[${i}]`)),
  ];
}

type Binding = Pick<RoleBinding, 'roleRef' | 'subjects'>;

export function bindingFaults({ roleRef, subjects = [] }: Binding, isNamespaced: boolean): FieldError[] {
  return [
    ...roleRefFaults(roleRef, isNamespaced),
    ...subjects.flatMap((subject, i) => subjectFaults(subject, `subjects[${i}]`, isNamespaced)),
  ];
}

function roleRefFaults({ apiGroup = '', kind, name }: RoleRef, isNamespaced: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const kinds = isNamespaced ? ['ClusterRole', 'Role'] : ['ClusterRole'];
  if (apiGroup !== RBAC_GROUP) errors.push(notSupported('roleRef.apiGroup', apiGroup, [RBAC_GROUP]));
  if (!kinds.includes(kind)) errors.push(notSupported('roleRef.kind', kind, kinds));
  if (name === '') return [...errors, required('roleRef.name')];
  return [...errors, ...invalidEach('roleRef.name', name, pathSegmentName(name))];
}

const SUBJECT_KINDS = ['Group', 'ServiceAccount', 'User'];

function subjectFaults(subject: Subject, path: string, isNamespaced: boolean): FieldError[] {
  const { kind, apiGroup = '', name, namespace = '' } = subject;
  const errors: FieldError[] = [];
  if (name === '') errors.push(required(`${path}.name`));
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') errors.push(...invalidEach(`${path}.name`, name, dns1123Subdomain(name)));
      if (apiGroup !== '') errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
      if (!isNamespaced && namespace === '') errors.push(required(`${path}.namespace`));
      return errors;
    case 'User':
    case 'Group':
      if (apiGroup !== RBAC_GROUP) {
        errors.push(notSupported(`${path}.apiGroup`, apiGroup, [RBAC_GROUP]));
      }
      return errors;
    default:
      return [...errors, notSupported(`${path}.kind`, kind, SUBJECT_KINDS)];
  }
}

export const bindingChangeFaults = (next: Binding, prev: Binding): FieldError[] =>
  deepEqual(next.roleRef, prev.roleRef)
    ? []
    : [invalidValue('roleRef', next.roleRef, 'cannot change roleRef')];
