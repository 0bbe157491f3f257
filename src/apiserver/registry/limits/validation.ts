import type { PersistentVolumeClaim } from '../../../api/core/v1/volume-claim.ts';
import type { PodDisruptionBudget } from '../../../api/policy/v1/pod-disruption-budget.ts';
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { parseQuantity } from '../../../api/quantity.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import { amountFaults, numberOf } from '../deployments/validation.ts';
import { selectorFaults } from '../replicasets/validation.ts';
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
