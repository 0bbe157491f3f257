import type { Deployment } from '../../../api/apps/v1/deployment.ts';
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { workloadFaults } from '../replicasets/validation.ts';
import { immutableFaults, nonNegativeFaults, nonNegativeFields } from '../rules/fields.ts';

const STRATEGIES = ['Recreate', 'RollingUpdate'];

export function deploymentFaults(deployment: Deployment): FieldError[] {
  const { spec } = deployment;
  const errors = [
    ...nonNegativeFaults('spec.replicas', spec.replicas),
    ...workloadFaults(spec.selector, spec.template),
    ...strategyFaults(deployment),
    ...nonNegativeFields('spec', spec, [
      'minReadySeconds',
      'revisionHistoryLimit',
      'progressDeadlineSeconds',
    ]),
  ];
  const { progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec;
  if (deadline !== undefined && deadline <= minReadySeconds) {
    errors.push(
      invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'),
    );
  }
  return errors;
}

export const deploymentChangeFaults = (next: Deployment, prev: Deployment): FieldError[] =>
  immutableFaults('spec.selector', next.spec.selector, prev.spec.selector);

function strategyFaults({ spec: { strategy } }: Deployment): FieldError[] {
  const path = 'spec.strategy';
  const type = strategy?.type ?? '';
  const rolling = strategy?.rollingUpdate;
  if (!STRATEGIES.includes(type)) return [notSupported(`${path}.type`, type, STRATEGIES)];
  if (type === 'Recreate') {
    const detail = "may not be specified when strategy `type` is 'Recreate'";
    return rolling === undefined ? [] : [forbiddenField(`${path}.rollingUpdate`, detail)];
  }
  if (rolling === undefined) {
    return [required(`${path}.rollingUpdate`, 'this should be defaulted and never be nil')];
  }
  const { maxUnavailable = 0, maxSurge = 0 } = rolling;
  const errors = [
    ...amountFaults(`${path}.rollingUpdate.maxUnavailable`, maxUnavailable),
    ...amountFaults(`${path}.rollingUpdate.maxSurge`, maxSurge),
  ];
  if (numberOf(maxUnavailable) === 0 && numberOf(maxSurge) === 0) {
    errors.push(
      invalidValue(
        `${path}.rollingUpdate.maxUnavailable`,
        maxUnavailable,
        'may not be 0 when `maxSurge` is 0',
      ),
    );
  }
  if (typeof maxUnavailable === 'string' && numberOf(maxUnavailable) > 100) {
    errors.push(
      invalidValue(`${path}.rollingUpdate.maxUnavailable`, maxUnavailable, 'must not be greater than 100%'),
    );
  }
  return errors;
}

const PERCENT = /^[0-9]+%$/;
/** The number in `5` or `5%`. */
export const numberOf = (amount: number | string): number =>
  typeof amount === 'number' ? amount : parseInt(amount, 10);

/** A number, or a percentage such as 25%. */
export function amountFaults(path: string, amount: number | string): FieldError[] {
  if (typeof amount === 'number') return nonNegativeFaults(path, amount);
  if (PERCENT.test(amount)) return [];
  const detail =
    "a valid percent string must be a numeric string followed by an ending '%' " +
    "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
  return [invalidValue(path, amount, detail)];
}

const COUNTS = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'collisionCount',
] as const;

export function deploymentStatusFaults({ status }: Deployment, prev: Deployment | undefined): FieldError[] {
  if (status === undefined) return [];
  const { replicas = 0, updatedReplicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  const errors = nonNegativeFields('status', status, COUNTS);
  const atMost = (field: string, value: number): void => {
    if (value > replicas)
      errors.push(invalidValue(`status.${field}`, value, 'cannot be greater than status.replicas'));
  };
  atMost('updatedReplicas', updatedReplicas);
  atMost('readyReplicas', readyReplicas);
  atMost('availableReplicas', availableReplicas);
  if (availableReplicas > readyReplicas) {
    errors.push(
      invalidValue('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas'),
    );
  }
  const { collisionCount = 0 } = status;
  if (collisionCount < (prev?.status?.collisionCount ?? 0)) {
    errors.push(invalidValue('status.collisionCount', collisionCount, 'cannot be decremented'));
  }
  return errors;
}
