import { pods, type Pod } from '../../api/core/v1/pod.ts';
import { forbidden } from '../../api/errors/api-error.ts';
import { priorityClasses, type PriorityClass } from '../../api/scheduling/v1/priority-class.ts';
import type { Admission } from './admission.ts';

/** As --disable-admission-plugins names it. */
export const PRIORITY = 'Priority';

export interface PriorityClasses {
  find(name: string): PriorityClass | undefined;
  list(): Iterable<PriorityClass>;
}

/** Upstream's Priority: a new Pod gets the number of its class, and there is one default class at most. */
export function priorityAdmission(classes: PriorityClasses): Admission {
  return ({ operation, kind, subresource, name, object }) => {
    if (operation === 'delete' || subresource !== '') return undefined;
    if (kind.plural === priorityClasses.plural && kind.group === priorityClasses.group) {
      checkDefault(classes, object as PriorityClass);
    }
    const isNewPod = operation === 'create' && kind.plural === pods.plural && kind.group === '';
    return isNewPod ? withPriority(classes, object as Pod, name) : undefined;
  };
}

function checkDefault(classes: PriorityClasses, { metadata, globalDefault }: PriorityClass): void {
  if (globalDefault !== true) return;
  const other = defaultOf(classes);
  if (other === undefined || other.metadata.name === metadata.name) return;
  const why = `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`;
  throw forbidden(priorityClasses, metadata.name, why);
}

/** Of several, which an older store may hold, the least important. */
function defaultOf(classes: PriorityClasses): PriorityClass | undefined {
  let found: PriorityClass | undefined;
  for (const one of classes.list()) {
    if (one.globalDefault === true && (found === undefined || one.value < found.value)) found = one;
  }
  return found;
}

function withPriority(classes: PriorityClasses, pod: Pod, podName: string): Pod {
  const { priorityClassName = '', priority, preemptionPolicy } = pod.spec;
  const chosen = priorityClassName === '' ? defaultOf(classes) : classes.find(priorityClassName);
  if (priorityClassName !== '' && chosen === undefined) {
    throw forbidden(pods, podName, `no PriorityClass with name ${priorityClassName} was found`);
  }
  const value = chosen?.value ?? 0;
  const policy = chosen?.preemptionPolicy ?? 'PreemptLowerPriority';
  if (priority !== undefined && priority !== value) {
    const why = `the integer value of priority (${priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`;
    throw forbidden(pods, podName, why);
  }
  if (preemptionPolicy !== undefined && preemptionPolicy !== policy) {
    const why = `the string value of PreemptionPolicy (${preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`;
    throw forbidden(pods, podName, why);
  }
  const className = priorityClassName === '' ? chosen?.metadata.name : priorityClassName;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(className === undefined ? {} : { priorityClassName: className }),
      priority: value,
      preemptionPolicy: policy,
    },
  };
}
