import type {
  Affinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from '../../../api/core/v1/affinity.ts';
import type { PodSpec } from '../../../api/core/v1/pod-spec.ts';
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import {
  dns1123Label,
  dns1123Subdomain,
  labelValueRule,
  qualifiedName,
} from '../../../api/validation/names.ts';
import { validateLabels } from '../../../api/validation/object-meta.ts';
import { selectorFaults } from '../rules/label-selectors.ts';
import { invalidEach } from '../rules/fields.ts';

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const WHEN_UNSATISFIABLE = ['DoNotSchedule', 'ScheduleAnyway'];
const INCLUSION_POLICIES = ['Honor', 'Ignore'];
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

/** Where a Pod may run: what a scheduler reads. */
export function placementFaults(spec: PodSpec, path: string): FieldError[] {
  const gates = (spec.schedulingGates ?? []).map(({ name }) => name);
  return [
    ...validateLabels(spec.nodeSelector ?? {}, `${path}.nodeSelector`),
    ...affinityFaults(spec.affinity, `${path}.affinity`),
    ...gates.flatMap((name, i) => {
      const at = `${path}.schedulingGates[${i}]`;
      const errors = invalidEach(at, name, qualifiedName(name));
      return gates.indexOf(name) < i ? [...errors, duplicate(at, name)] : errors;
    }),
    ...spreadFaults(spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`),
    ...(spec.tolerations ?? []).flatMap((each, i) => tolerationFaults(each, `${path}.tolerations[${i}]`)),
  ];
}

function affinityFaults(affinity: Affinity | undefined, path: string): FieldError[] {
  if (affinity === undefined) return [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  const errors: FieldError[] = [];
  const must = nodeAffinity?.[REQUIRED];
  if (must !== undefined) {
    const at = `${path}.nodeAffinity.${REQUIRED}.nodeSelectorTerms`;
    if (must.nodeSelectorTerms.length === 0)
      errors.push(required(at, 'must have at least one node selector term'));
    for (const [i, term] of must.nodeSelectorTerms.entries()) errors.push(...termFaults(term, `${at}[${i}]`));
  }
  for (const [i, { weight, preference }] of (nodeAffinity?.[PREFERRED] ?? []).entries()) {
    const at = `${path}.nodeAffinity.${PREFERRED}[${i}]`;
    errors.push(...weightFaults(weight, at), ...termFaults(preference, `${at}.preference`));
  }
  return [
    ...errors,
    ...podAffinityFaults(podAffinity, `${path}.podAffinity`),
    ...podAffinityFaults(podAntiAffinity, `${path}.podAntiAffinity`),
  ];
}

const weightFaults = (weight: number, path: string): FieldError[] =>
  weight >= 1 && weight <= 100 ? [] : [invalidValue(`${path}.weight`, weight, 'must be in the range 1-100')];

const termFaults = (
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  path: string,
): FieldError[] => [
  ...matchExpressions.flatMap((each, i) => expressionFaults(each, `${path}.matchExpressions[${i}]`)),
  ...matchFields.flatMap((each, i) => fieldFaults(each, `${path}.matchFields[${i}]`)),
];

function expressionFaults(
  { key, operator, values = [] }: NodeSelectorRequirement,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const n = values.length;
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (n === 0)
        errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (n > 0) {
        const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
        errors.push(forbiddenField(`${path}.values`, detail));
      }
      break;
    case 'Gt':
    case 'Lt':
      if (n !== 1)
        errors.push(
          required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
        );
      break;
    default:
      errors.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'));
  }
  return [
    ...errors,
    ...invalidEach(`${path}.key`, key, qualifiedName(key)),
    ...values.flatMap((value, i) => invalidEach(`${path}.values[${i}]`, value, labelValueRule(value))),
  ];
}

/** A node has one field that can be chosen by: its name. */
function fieldFaults({ key, operator, values = [] }: NodeSelectorRequirement, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'));
  else if (values.length !== 1) {
    const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(required(`${path}.values`, detail));
  }
  if (key !== 'metadata.name')
    return [...errors, invalidValue(`${path}.key`, key, 'not a valid field selector key')];
  return [
    ...errors,
    ...values.flatMap((value, i) => invalidEach(`${path}.values[${i}]`, value, dns1123Subdomain(value))),
  ];
}

function podAffinityFaults(affinity: PodAffinity | undefined, path: string): FieldError[] {
  const must = affinity?.[REQUIRED] ?? [];
  const should = affinity?.[PREFERRED] ?? [];
  return [
    ...must.flatMap((term, i) => podTermFaults(term, `${path}.${REQUIRED}[${i}]`)),
    ...should.flatMap(({ weight, podAffinityTerm }, i) => {
      const at = `${path}.${PREFERRED}[${i}]`;
      return [...weightFaults(weight, at), ...podTermFaults(podAffinityTerm, `${at}.podAffinityTerm`)];
    }),
  ];
}

function podTermFaults(term: PodAffinityTerm, path: string): FieldError[] {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey } = term;
  const errors: FieldError[] = [];
  if (labelSelector !== undefined) errors.push(...selectorFaults(labelSelector, `${path}.labelSelector`));
  if (namespaceSelector !== undefined)
    errors.push(...selectorFaults(namespaceSelector, `${path}.namespaceSelector`));
  for (const name of namespaces) errors.push(...invalidEach(`${path}.namespace`, name, dns1123Label(name)));
  if (topologyKey === '') errors.push(required(`${path}.topologyKey`, 'can not be empty'));
  return [...errors, ...invalidEach(`${path}.topologyKey`, topologyKey, qualifiedName(topologyKey))];
}

function spreadFaults(constraints: readonly TopologySpreadConstraint[], path: string): FieldError[] {
  const kindOf = ({ topologyKey, whenUnsatisfiable }: TopologySpreadConstraint): string =>
    `{${topologyKey}, ${whenUnsatisfiable}}`;
  return constraints.flatMap((constraint, i) => {
    const at = `${path}[${i}]`;
    const { maxSkew, topologyKey, whenUnsatisfiable: when, minDomains, labelSelector } = constraint;
    const errors: FieldError[] = [];
    if (maxSkew <= 0) errors.push(invalidValue(`${at}.maxSkew`, maxSkew, 'must be greater than zero'));
    if (topologyKey === '') errors.push(required(`${at}.topologyKey`, 'can not be empty'));
    if (!WHEN_UNSATISFIABLE.includes(when))
      errors.push(notSupported(`${at}.whenUnsatisfiable`, when, WHEN_UNSATISFIABLE));
    if (constraints.slice(i + 1).some((later) => kindOf(later) === kindOf(constraint)))
      errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, kindOf(constraint)));
    if (minDomains !== undefined && minDomains <= 0)
      errors.push(invalidValue(`${at}.minDomains`, minDomains, 'must be greater than zero'));
    if (minDomains !== undefined && when !== 'DoNotSchedule') {
      const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${when}`;
      errors.push(invalidValue(`${at}.minDomains`, minDomains, detail));
    }
    for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[field];
      if (policy !== undefined && !INCLUSION_POLICIES.includes(policy))
        errors.push(notSupported(`${at}.${field}`, policy, INCLUSION_POLICIES));
    }
    if (labelSelector !== undefined) errors.push(...selectorFaults(labelSelector, `${at}.labelSelector`));
    return errors;
  });
}

function tolerationFaults(toleration: Toleration, path: string): FieldError[] {
  const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration;
  const errors = key === '' ? [] : invalidEach(`${path}.key`, key, qualifiedName(key));
  if (key === '' && operator !== 'Exists') {
    const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.push(invalidValue(`${path}.operator`, operator, detail));
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    const detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    errors.push(invalidValue(`${path}.effect`, effect, detail));
  }
  if (operator === '' || operator === 'Equal') {
    const messages = labelValueRule(value);
    if (messages.length > 0) errors.push(invalidValue(`${path}.operator`, value, messages.join(';')));
  } else if (operator !== 'Exists')
    errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  else if (value !== '')
    errors.push(invalidValue(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'"));
  if (effect !== '' && !EFFECTS.includes(effect))
    errors.push(notSupported(`${path}.effect`, effect, EFFECTS));
  return errors;
}
