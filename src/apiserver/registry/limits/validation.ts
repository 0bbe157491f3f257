import type { ResourceQuota } from '../../../api/core/v1/quota.ts';
import type { PersistentVolumeClaim } from '../../../api/core/v1/volume-claim.ts';
import type { PodDisruptionBudget } from '../../../api/policy/v1/pod-disruption-budget.ts';
import type { PriorityClass } from '../../../api/scheduling/v1/priority-class.ts';
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { parseQuantity } from '../../../api/quantity.ts';
import { dns1123Subdomain, qualifiedName } from '../../../api/validation/names.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import { amountFaults, numberOf } from '../deployments/validation.ts';
import { selectorFaults } from '../rules/label-selectors.ts';
import { immutableFaults, invalidEach, nonNegativeFields } from '../rules/fields.ts';

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const VOLUME_MODES = ['Block', 'Filesystem'];

/** Upstream's ValidatePersistentVolumeClaimSpec. */
export function volumeClaimFaults({ spec }: PersistentVolumeClaim): FieldError[] {
  const { accessModes = [], selector, resources, storageClassName, volumeMode } = spec;
  const errors: FieldError[] = [];
  if (accessModes.length === 0)
    errors.push(required('spec.accessModes', 'at least 1 access mode is required'));
  if (selector !== undefined) errors.push(...selectorFaults(selector, 'spec.selector'));
  for (const mode of accessModes) {
    if (!ACCESS_MODES.includes(mode)) errors.push(notSupported('spec.accessModes', mode, ACCESS_MODES));
  }
  if (accessModes.includes('ReadWriteOncePod') && accessModes.length > 1) {
    const detail = 'may not use ReadWriteOncePod with other access modes';
    errors.push(forbiddenField('spec.accessModes', detail));
  }
  const storage = resources?.requests?.storage;
  if (storage === undefined) errors.push(required('spec.resources[storage]'));
  else if (!isPositive(storage)) {
    errors.push(invalidValue('spec.resources[storage]', storage, 'must be greater than zero'));
  }
  if (storageClassName !== undefined && storageClassName !== '') {
    errors.push(
      ...invalidEach('spec.storageClassName', storageClassName, dns1123Subdomain(storageClassName)),
    );
  }
  if (volumeMode !== undefined && !VOLUME_MODES.includes(volumeMode)) {
    errors.push(notSupported('spec.volumeMode', volumeMode, VOLUME_MODES));
  }
  return errors;
}

const isPositive = (text: string): boolean => (parseQuantity(text)?.nano ?? 0n) > 0n;

const CLAIM_FIXED =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

/** A claim keeps what it asked for; a bound one may grow, and a name of a volume may come. */
export function volumeClaimChangeFaults(
  next: PersistentVolumeClaim,
  prev: PersistentVolumeClaim,
): FieldError[] {
  const isBound = prev.status?.phase === 'Bound';
  const fixed = ({ spec }: PersistentVolumeClaim): object => {
    const { volumeName, resources, volumeAttributesClassName, ...rest } = spec;
    return {
      ...rest,
      volumeName: (prev.spec.volumeName ?? '') === '' ? '' : volumeName,
      resources: isBound ? { ...resources, requests: {} } : resources,
      volumeAttributesClassName: isBound ? '' : volumeAttributesClassName,
    };
  };
  const errors = deepEqual(fixed(next), fixed(prev)) ? [] : [forbiddenField('spec', CLAIM_FIXED)];
  return [...errors, ...immutableFaults('spec.volumeMode', next.spec.volumeMode, prev.spec.volumeMode)];
}

const EVICTION_POLICIES = ['AlwaysAllow', 'IfHealthyBudget'];

/** Upstream's ValidatePodDisruptionBudgetSpec. */
export function disruptionBudgetFaults({ spec = {} }: PodDisruptionBudget): FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec;
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    errors.push(invalidValue('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
  }
  for (const [field, amount] of Object.entries({ minAvailable, maxUnavailable })) {
    if (amount === undefined) continue;
    errors.push(...amountFaults(`spec.${field}`, amount));
    if (typeof amount === 'string' && numberOf(amount) > 100) {
      errors.push(invalidValue(`spec.${field}`, amount, 'must not be greater than 100%'));
    }
  }
  if (selector !== undefined) errors.push(...selectorFaults(selector, 'spec.selector'));
  if (policy !== undefined && !EVICTION_POLICIES.includes(policy)) {
    errors.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, EVICTION_POLICIES));
  }
  return errors;
}

export const disruptionBudgetStatusFaults = ({ status }: PodDisruptionBudget): FieldError[] =>
  status === undefined
    ? []
    : nonNegativeFields('status', status, [
        'disruptionsAllowed',
        'currentHealthy',
        'desiredHealthy',
        'expectedPods',
      ]);

const SYSTEM_PREFIX = 'system-';
/** Upstream's SystemPriorityClasses. */
const SYSTEM_VALUES: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};
const MAX_USER_PRIORITY = 1_000_000_000;
const PREEMPTION = ['PreemptLowerPriority', 'Never'];

/** Upstream's ValidatePriorityClass and its update. */
export function priorityClassFaults(next: PriorityClass, prev: PriorityClass | undefined): FieldError[] {
  const { metadata, value, globalDefault, preemptionPolicy = '' } = next;
  const { name } = metadata;
  const errors: FieldError[] = [];
  if (prev !== undefined) {
    if (value !== prev.value) errors.push(forbiddenField('value', 'may not be changed in an update.'));
    return [...errors, ...immutableFaults('preemptionPolicy', preemptionPolicy, prev.preemptionPolicy ?? '')];
  }
  if (name.startsWith(SYSTEM_PREFIX)) {
    const why = systemProblem(name, value, globalDefault === true);
    const detail = `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${why}`;
    if (why !== undefined) errors.push(forbiddenField('metadata.name', detail));
  } else if (value > MAX_USER_PRIORITY) {
    const detail = `maximum allowed value of a user defined priority is ${MAX_USER_PRIORITY}`;
    errors.push(forbiddenField('value', detail));
  }
  if (!PREEMPTION.includes(preemptionPolicy)) {
    errors.push(notSupported('preemptionPolicy', preemptionPolicy, PREEMPTION));
  }
  return errors;
}

function systemProblem(name: string, value: number, isDefault: boolean): string | undefined {
  const known = Object.hasOwn(SYSTEM_VALUES, name) ? SYSTEM_VALUES[name] : undefined;
  if (known === undefined) return `${name} is not a known system priority class`;
  if (known !== value) return `value of ${name} PriorityClass must be ${known}`;
  return isDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

export const quantityFaults = (path: string, amounts: Readonly<Record<string, string>> = {}): FieldError[] =>
  Object.entries(amounts).flatMap(([resource, amount]) => [
    ...invalidEach(`${path}[${resource}]`, resource, qualifiedName(resource)),
    ...((parseQuantity(amount)?.nano ?? 0n) < 0n
      ? [invalidValue(`${path}[${resource}]`, amount, 'must be greater than or equal to 0')]
      : []),
  ]);

const NANO = 1_000_000_000n;

const SCOPES = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
];

/** What is counted, not measured. */
const COUNTED: ReadonlySet<string> = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
  'services.loadbalancers',
  'services.nodeports',
]);

const wholeFaults = (path: string, amounts: Readonly<Record<string, string>> = {}): FieldError[] =>
  Object.entries(amounts)
    .filter(
      ([resource, amount]) => COUNTED.has(resource) && (parseQuantity(amount)?.nano ?? 0n) % NANO !== 0n,
    )
    .map(([resource, amount]) => invalidValue(`${path}[${resource}]`, amount, 'must be an integer'));

/** The core of upstream's ValidateResourceQuota. */
export function resourceQuotaFaults(
  { spec = {} }: ResourceQuota,
  prev: ResourceQuota | undefined,
): FieldError[] {
  const { hard, scopes = [] } = spec;
  const errors = [...quantityFaults('spec.hard', hard), ...wholeFaults('spec.hard', hard)];
  for (const scope of scopes) {
    if (!SCOPES.includes(scope)) errors.push(invalidValue('spec.scopes', scopes, 'unsupported scope'));
  }
  if (prev === undefined) return errors;
  return [...errors, ...immutableFaults('spec.scopes', scopes, prev.spec?.scopes ?? [])];
}

export const resourceQuotaStatusFaults = ({ status }: ResourceQuota): FieldError[] => [
  ...quantityFaults('status.hard', status?.hard),
  ...wholeFaults('status.hard', status?.hard),
  ...quantityFaults('status.used', status?.used),
  ...wholeFaults('status.used', status?.used),
];
