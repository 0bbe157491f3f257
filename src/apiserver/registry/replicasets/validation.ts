import type { ReplicaSet } from '../../../api/apps/v1/replica-set.ts';
import type { PodTemplateSpec } from '../../../api/core/v1/pod-template.ts';
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import type { LabelSelector } from '../../../api/meta/v1/label-selector.ts';
import { podTemplateFaults } from '../pods/validation.ts';
import { immutableFaults, nonNegativeFaults, nonNegativeFields } from '../rules/fields.ts';
import { selectorFaults, templateLabelFaults } from '../rules/label-selectors.ts';

export function replicaSetFaults({ spec }: ReplicaSet): FieldError[] {
  return [
    ...nonNegativeFaults('spec.replicas', spec.replicas),
    ...nonNegativeFaults('spec.minReadySeconds', spec.minReadySeconds),
    ...workloadFaults(spec.selector, spec.template),
  ];
}

export const replicaSetChangeFaults = (next: ReplicaSet, prev: ReplicaSet): FieldError[] =>
  immutableFaults('spec.selector', next.spec.selector, prev.spec.selector);

const COUNTS = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
] as const;

export const replicaSetStatusFaults = (replicaSet: ReplicaSet): FieldError[] =>
  replicaStatusFaults(replicaSet);

/** Of a ReplicaSet or a ReplicationController. */
export function replicaStatusFaults({ status }: Pick<ReplicaSet, 'status'>): FieldError[] {
  if (status === undefined) return [];
  const { replicas, fullyLabeledReplicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  const errors = nonNegativeFields('status', status, COUNTS);
  const atMost = (field: string, value: number): void => {
    if (value > replicas)
      errors.push(invalidValue(`status.${field}`, value, 'cannot be greater than status.replicas'));
  };
  atMost('fullyLabeledReplicas', fullyLabeledReplicas);
  atMost('readyReplicas', readyReplicas);
  atMost('availableReplicas', availableReplicas);
  if (availableReplicas > readyReplicas) {
    errors.push(
      invalidValue('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas'),
    );
  }
  return errors;
}

/** Selector and template of a workload that keeps Pods running: they must fit, and the Pods must be meant to stay. */
export function workloadFaults(selector: LabelSelector | undefined, template: PodTemplateSpec): FieldError[] {
  const path = 'spec.template';
  const faults: FieldError[] = [];
  if (selector === undefined) faults.push(required('spec.selector'));
  else {
    const unreadable = selectorFaults(selector, 'spec.selector');
    if (unreadable.length > 0) {
      return [...unreadable, invalidValue('spec.selector', selector, 'invalid label selector')];
    }
    const { matchLabels = {}, matchExpressions = [] } = selector;
    if (Object.keys(matchLabels).length + matchExpressions.length === 0) {
      faults.push(invalidValue('spec.selector', selector, 'empty selector is invalid for deployment'));
    }
  }
  faults.push(...templateLabelFaults(selector, template), ...podTemplateFaults(template, path));
  const { restartPolicy, activeDeadlineSeconds } = template.spec;
  if (restartPolicy !== 'Always') {
    faults.push(notSupported(`${path}.spec.restartPolicy`, restartPolicy ?? '', ['Always']));
  }
  if (activeDeadlineSeconds !== undefined) {
    const detail = 'activeDeadlineSeconds in ReplicaSet is not Supported';
    faults.push(forbiddenField(`${path}.spec.activeDeadlineSeconds`, detail));
  }
  return faults;
}
