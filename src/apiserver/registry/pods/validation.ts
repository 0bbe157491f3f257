import type { Container } from '../../../api/core/v1/container.ts';
import type { PodSpec } from '../../../api/core/v1/pod-spec.ts';
import type { PodTemplateSpec } from '../../../api/core/v1/pod-template.ts';
import type { Pod } from '../../../api/core/v1/pod.ts';
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName } from '../../../api/validation/names.ts';
import { validateAnnotations, validateLabels } from '../../../api/validation/object-meta.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import { invalidEach } from '../rules/fields.ts';
import { containerFaults, hostPortFaults } from './containers.ts';
import { nameResolutionFaults } from './name-resolution.ts';
import { placementFaults } from './placement.ts';
import { podSecurityFaults } from './security.ts';
import { volumeFaults } from './volumes.ts';

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const PREEMPTION_POLICIES = ['PreemptLowerPriority', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const MAX_DEADLINE_SECONDS = 2 ** 31 - 1;

export const podFaults = ({ spec }: Pod): FieldError[] => podSpecFaults(spec, 'spec');

/** The core of upstream's ValidatePodSpec: what a node agent relies on. */
export function podSpecFaults(spec: PodSpec, path: string): FieldError[] {
  return [
    ...volumeFaults(spec, path),
    ...containerListFaults(spec, path),
    ...policyFaults(spec, path),
    ...podSecurityFaults(spec, path),
    ...nameFaults(spec, path),
    ...placementFaults(spec, path),
    ...nameResolutionFaults(spec, path),
    ...(spec.readinessGates ?? []).flatMap(({ conditionType: type }, i) =>
      invalidEach(`${path}.readinessGates[${i}].conditionType`, type, qualifiedName(type)),
    ),
  ];
}

/** The template of a workload. */
export function podTemplateFaults({ metadata, spec }: PodTemplateSpec, path: string): FieldError[] {
  const errors = [
    ...validateLabels(metadata?.labels ?? {}, `${path}.labels`),
    ...validateAnnotations(metadata?.annotations ?? {}, `${path}.annotations`),
    ...podSpecFaults(spec, `${path}.spec`),
  ];
  if ((spec.ephemeralContainers ?? []).length > 0) {
    const detail = 'ephemeral containers not allowed in pod template';
    errors.push(forbiddenField(`${path}.spec.ephemeralContainers`, detail));
  }
  return errors;
}

function containerListFaults(spec: PodSpec, path: string): FieldError[] {
  const { containers, initContainers = [] } = spec;
  const errors: FieldError[] = [];
  if (containers.length === 0) errors.push(required(`${path}.containers`));
  const volumes = new Set((spec.volumes ?? []).map(({ name }) => name));
  const seen = new Set<string>();
  const check = (field: string, list: readonly Container[]): void => {
    for (const [i, container] of list.entries()) {
      const at = `${path}.${field}[${i}]`;
      errors.push(...containerFaults(container, { path: at, volumes, isInit: field === 'initContainers' }));
      if (container.name !== '' && seen.size === seen.add(container.name).size) {
        errors.push(duplicate(`${at}.name`, container.name));
      }
    }
  };
  check('containers', containers);
  check('initContainers', initContainers);
  return [...errors, ...hostPortFaults(spec, path)];
}

function policyFaults(spec: PodSpec, path: string): FieldError[] {
  const { restartPolicy = '', dnsPolicy = '', preemptionPolicy, activeDeadlineSeconds: deadline } = spec;
  const errors: FieldError[] = [];
  if (restartPolicy === '') errors.push(required(`${path}.restartPolicy`));
  else if (!RESTART_POLICIES.includes(restartPolicy)) {
    errors.push(notSupported(`${path}.restartPolicy`, restartPolicy, RESTART_POLICIES));
  }
  if (preemptionPolicy !== undefined && !PREEMPTION_POLICIES.includes(preemptionPolicy))
    errors.push(notSupported(`${path}.preemptionPolicy`, preemptionPolicy, PREEMPTION_POLICIES));
  if (dnsPolicy === '') errors.push(required(`${path}.dnsPolicy`));
  else if (!DNS_POLICIES.includes(dnsPolicy))
    errors.push(notSupported(`${path}.dnsPolicy`, dnsPolicy, DNS_POLICIES));
  if (deadline !== undefined && (deadline < 1 || deadline > MAX_DEADLINE_SECONDS)) {
    const detail = `must be between 1 and ${MAX_DEADLINE_SECONDS}, inclusive`;
    errors.push(invalidValue(`${path}.activeDeadlineSeconds`, deadline, detail));
  }
  return errors;
}

type NamedField =
  'hostname' | 'subdomain' | 'serviceAccountName' | 'nodeName' | 'priorityClassName' | 'runtimeClassName';

function nameFaults(spec: PodSpec, path: string): FieldError[] {
  const check = (field: NamedField): FieldError[] => {
    const value = spec[field] ?? '';
    if (value === '') return [];
    const isLabel = field === 'hostname' || field === 'subdomain';
    return invalidEach(`${path}.${field}`, value, isLabel ? dns1123Label(value) : dns1123Subdomain(value));
  };
  return [
    ...check('hostname'),
    ...check('subdomain'),
    ...check('serviceAccountName'),
    ...check('nodeName'),
    ...check('priorityClassName'),
    ...check('runtimeClassName'),
  ];
}

const FIXED =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
  '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

const withImagesOf = (containers: readonly Container[], prev: readonly Container[]): readonly Container[] =>
  containers.map((container, i) => {
    const { image: _, ...rest } = container;
    const image = prev[i]?.image;
    return image === undefined ? rest : { ...rest, image };
  });

/** A running Pod is what it is; only a few fields may change. */
export function podChangeFaults(next: Pod, prev: Pod): FieldError[] {
  const { spec } = next;
  const old = prev.spec;
  if (spec.containers.length !== old.containers.length) {
    return [forbiddenField('spec.containers', 'pod updates may not add or remove containers')];
  }
  const errors: FieldError[] = [];
  for (const [i, { image = '' }] of spec.containers.entries()) {
    if (image === '') errors.push(required(`spec.containers[${i}].image`));
  }
  const { activeDeadlineSeconds: was } = old;
  const { activeDeadlineSeconds: now } = spec;
  if (was !== undefined && (now === undefined || now > was)) {
    errors.push(
      invalidValue('spec.activeDeadlineSeconds', now ?? null, 'must be less than or equal to previous value'),
    );
  }
  const standing = new Set((spec.tolerations ?? []).map(tolerationText));
  const kept = (old.tolerations ?? []).every((each) => standing.has(tolerationText(each)));
  if (!kept)
    errors.push(
      forbiddenField(
        'spec.tolerations',
        'existing toleration can not be modified except its tolerationSeconds',
      ),
    );
  const gates = new Set((old.schedulingGates ?? []).map(({ name }) => name));
  if ((spec.schedulingGates ?? []).some(({ name }) => !gates.has(name))) {
    errors.push(forbiddenField('spec.schedulingGates', 'only deletion is allowed'));
  }
  const masked: PodSpec = { ...spec, containers: withImagesOf(spec.containers, old.containers) };
  const comparable = (pod: PodSpec): PodSpec => {
    const { activeDeadlineSeconds: _1, tolerations: _2, schedulingGates: _3, initContainers, ...rest } = pod;
    return { ...rest, initContainers: withImagesOf(initContainers ?? [], old.initContainers ?? []) };
  };
  if (!deepEqual(comparable(masked), comparable(old))) errors.push(forbiddenField('spec', FIXED));
  return errors;
}

/** All that a toleration may not change: how long it lasts may. */
const tolerationText = ({
  key,
  operator,
  value,
  effect,
}: NonNullable<PodSpec['tolerations']>[number]): string => JSON.stringify([key, operator, value, effect]);
