import type {
  ControllerRevision,
  DaemonSet,
  StatefulSet,
} from '../../../api/apps/v1/revisioned-workloads.ts';
import type { PodTemplateSpec } from '../../../api/core/v1/pod-template.ts';
import type { ReplicationController } from '../../../api/core/v1/replication-controller.ts';
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import type { LabelSelector } from '../../../api/meta/v1/label-selector.ts';
import { fromMap, matchesLabels } from '../../../api/selectors/label-selector.ts';
import { validateAnnotations, validateLabels } from '../../../api/validation/object-meta.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import { amountFaults, numberOf } from '../deployments/validation.ts';
import { podTemplateFaults } from '../pods/validation.ts';
import { selectorFaults, templateLabelFaults } from '../rules/label-selectors.ts';
import { immutableFaults, nonNegativeFaults, nonNegativeFields } from '../rules/fields.ts';

/** The checks of pkg/apis/apps/validation and of core's ReplicationController. */

const MISMATCH = '`selector` does not match template `labels`';

const labelsOf = (template: PodTemplateSpec): Readonly<Record<string, string>> =>
  template.metadata?.labels ?? {};

/** A spec before it is known to have a selector. */
type Unvalidated<S extends { readonly selector: LabelSelector }> = Omit<S, 'selector'> & {
  readonly selector?: LabelSelector | undefined;
};

const isEmpty = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean =>
  Object.keys(matchLabels).length + matchExpressions.length === 0;

/** Pods that are meant to stay. */
function stayingFaults({ spec }: PodTemplateSpec, owner: string): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.restartPolicy !== 'Always') {
    errors.push(notSupported('spec.template.spec.restartPolicy', spec.restartPolicy ?? '', ['Always']));
  }
  if (spec.activeDeadlineSeconds !== undefined) {
    const detail = `activeDeadlineSeconds in ${owner} is not Supported`;
    errors.push(forbiddenField('spec.template.spec.activeDeadlineSeconds', detail));
  }
  return errors;
}

const MANAGEMENT = ['OrderedReady', 'Parallel'];
const RETENTION = ['Retain', 'Delete'];

export function statefulSetFaults({ spec }: StatefulSet): FieldError[] {
  const { podManagementPolicy = '', persistentVolumeClaimRetentionPolicy: retention, ordinals } = spec;
  const errors: FieldError[] = [];
  if (podManagementPolicy === '') errors.push(required('spec.podManagementPolicy'));
  else if (!MANAGEMENT.includes(podManagementPolicy)) {
    const detail = "must be 'OrderedReady' or 'Parallel'";
    errors.push(invalidValue('spec.podManagementPolicy', podManagementPolicy, detail));
  }
  errors.push(...statefulUpdateFaults(spec.updateStrategy ?? {}));
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const value = retention?.[field] ?? 'Retain';
    const path = `spec.persistentVolumeClaimRetentionPolicy.${field}`;
    if (!RETENTION.includes(value)) errors.push(notSupported(path, value, RETENTION));
  }
  errors.push(...nonNegativeFields('spec', spec, ['replicas', 'minReadySeconds']));
  errors.push(...nonNegativeFaults('spec.ordinals.start', ordinals?.start));
  return [...errors, ...statefulPodFaults(spec), ...stayingFaults(spec.template, 'StatefulSet')];
}

function statefulPodFaults({ selector, template }: Unvalidated<StatefulSet['spec']>): FieldError[] {
  const errors: FieldError[] = [];
  if (selector === undefined) errors.push(required('spec.selector'));
  else {
    const unreadable = selectorFaults(selector, 'spec.selector');
    if (unreadable.length > 0) return [...unreadable, invalidValue('spec.selector', selector, '')];
    if (isEmpty(selector)) {
      errors.push(invalidValue('spec.selector', selector, 'empty selector is invalid for statefulset'));
    }
  }
  // The Pod itself is not checked here, as upstream: its volumes may be claims that are yet to be made.
  return [
    ...errors,
    ...templateLabelFaults(selector, template),
    ...validateLabels(labelsOf(template), 'spec.template.labels'),
    ...validateAnnotations(template.metadata?.annotations ?? {}, 'spec.template.annotations'),
  ];
}

function statefulUpdateFaults(strategy: NonNullable<StatefulSet['spec']['updateStrategy']>): FieldError[] {
  const { type = '', rollingUpdate } = strategy;
  if (type === '') return [required('spec.updateStrategy')];
  if (type === 'OnDelete') {
    const detail = "only allowed for updateStrategy 'RollingUpdate'";
    return rollingUpdate === undefined
      ? []
      : [invalidValue('spec.updateStrategy.rollingUpdate', rollingUpdate, detail)];
  }
  if (type !== 'RollingUpdate') {
    return [invalidValue('spec.updateStrategy', strategy, "must be 'RollingUpdate' or 'OnDelete'")];
  }
  const path = 'spec.updateStrategy.rollingUpdate';
  const errors = nonNegativeFaults(`${path}.partition`, rollingUpdate?.partition);
  const amount = rollingUpdate?.maxUnavailable;
  if (amount === undefined) return errors;
  errors.push(...amountFaults(`${path}.maxUnavailable`, amount));
  if (numberOf(amount) === 0) {
    errors.push(invalidValue(`${path}.maxUnavailable`, amount, 'cannot be 0'));
  }
  return [...errors, ...overHundredFaults(`${path}.maxUnavailable`, amount)];
}

const overHundredFaults = (path: string, amount: number | string): FieldError[] =>
  typeof amount === 'string' && numberOf(amount) > 100
    ? [invalidValue(path, amount, 'must not be greater than 100%')]
    : [];

const FIXED =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', " +
  "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

export function statefulSetChangeFaults(
  { spec: next }: StatefulSet,
  { spec: prev }: StatefulSet,
): FieldError[] {
  const fixed = ({ selector, volumeClaimTemplates = [], serviceName, podManagementPolicy }: typeof next) => ({
    selector,
    volumeClaimTemplates,
    serviceName,
    podManagementPolicy,
  });
  return deepEqual(fixed(next), fixed(prev)) ? [] : [forbiddenField('spec', FIXED)];
}

const STATEFUL_COUNTS = [
  'replicas',
  'readyReplicas',
  'currentReplicas',
  'updatedReplicas',
  'availableReplicas',
  'observedGeneration',
  'collisionCount',
] as const;

export function statefulSetStatusFaults(
  { status }: StatefulSet,
  prev: StatefulSet | undefined,
): FieldError[] {
  if (status === undefined) return [];
  const errors = nonNegativeFields('status', status, STATEFUL_COUNTS);
  for (const field of ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const) {
    const value = status[field] ?? 0;
    if (value > status.replicas)
      errors.push(invalidValue(`status.${field}`, value, 'cannot be greater than status.replicas'));
  }
  const { availableReplicas = 0, readyReplicas = 0, collisionCount } = status;
  if (availableReplicas > readyReplicas) {
    const detail = 'cannot be greater than status.readyReplicas';
    errors.push(invalidValue('status.availableReplicas', availableReplicas, detail));
  }
  return [...errors, ...collisionFaults(collisionCount, prev?.status?.collisionCount)];
}

const collisionFaults = (next: number | undefined, prev: number | undefined): FieldError[] =>
  (next ?? 0) < (prev ?? 0)
    ? [invalidValue('status.collisionCount', next ?? 0, 'cannot be decremented')]
    : [];

export function daemonSetFaults({ spec }: DaemonSet): FieldError[] {
  const { selector, template }: Unvalidated<DaemonSet['spec']> = spec;
  const errors = selector === undefined ? [] : selectorFaults(selector, 'spec.selector');
  if (errors.length === 0) errors.push(...templateLabelFaults(selector, template));
  if (selector !== undefined && isEmpty(selector)) {
    errors.push(invalidValue('spec.selector', selector, 'empty selector is invalid for daemonset'));
  }
  return [
    ...errors,
    ...podTemplateFaults(spec.template, 'spec.template'),
    ...stayingFaults(spec.template, 'DaemonSet'),
    ...nonNegativeFaults('spec.minReadySeconds', spec.minReadySeconds),
    ...daemonUpdateFaults(spec.updateStrategy ?? {}),
    ...nonNegativeFaults('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
  ];
}

function daemonUpdateFaults({
  type = '',
  rollingUpdate,
}: NonNullable<DaemonSet['spec']['updateStrategy']>): FieldError[] {
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate') {
    return [notSupported('spec.updateStrategy.type', type, ['OnDelete', 'RollingUpdate'])];
  }
  const path = 'spec.updateStrategy.rollingUpdate';
  if (rollingUpdate === undefined) return [required(path)];
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate;
  const errors = [
    ...amountFaults(`${path}.maxUnavailable`, maxUnavailable),
    ...amountFaults(`${path}.maxSurge`, maxSurge),
  ];
  const hasUnavailable = numberOf(maxUnavailable) !== 0;
  const hasSurge = numberOf(maxSurge) !== 0;
  if (hasUnavailable && hasSurge) {
    errors.push(invalidValue(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  } else if (!hasUnavailable && !hasSurge) {
    errors.push(required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  }
  return [
    ...errors,
    ...overHundredFaults(`${path}.maxUnavailable`, maxUnavailable),
    ...overHundredFaults(`${path}.maxSurge`, maxSurge),
  ];
}

export const daemonSetChangeFaults = (next: DaemonSet, prev: DaemonSet): FieldError[] =>
  immutableFaults('spec.selector', next.spec.selector, prev.spec.selector);

const DAEMON_COUNTS = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const;

export const daemonSetStatusFaults = ({ status }: DaemonSet, prev: DaemonSet | undefined): FieldError[] =>
  status === undefined
    ? []
    : [
        ...nonNegativeFields('status', status, DAEMON_COUNTS),
        ...collisionFaults(status.collisionCount, prev?.status?.collisionCount),
      ];

export function revisionFaults(
  { data, revision }: ControllerRevision,
  prev: ControllerRevision | undefined,
): FieldError[] {
  const errors = data === undefined ? [required('data', 'data is mandatory')] : [];
  errors.push(...nonNegativeFaults('revision', revision));
  return prev === undefined ? errors : [...errors, ...immutableFaults('data', data, prev.data)];
}

export function replicationControllerFaults({ spec }: ReplicationController): FieldError[] {
  const { selector = {}, template } = spec;
  const errors = nonNegativeFields('spec', spec, ['minReadySeconds']);
  if (Object.keys(selector).length === 0) errors.push(required('spec.selector'));
  errors.push(...nonNegativeFaults('spec.replicas', spec.replicas));
  if (template === undefined) return [...errors, required('spec.template')];
  if (Object.keys(selector).length > 0 && !matchesLabels(fromMap(selector), labelsOf(template))) {
    errors.push(invalidValue('spec.template.metadata.labels', labelsOf(template), MISMATCH));
  }
  return [
    ...errors,
    ...podTemplateFaults(template, 'spec.template'),
    ...stayingFaults(template, 'ReplicationController'),
  ];
}
