import type { Pod, PodStatus } from '../../../api/core/v1/pod.ts';
import { type Strategy, statusStrategy, withStatusOf } from '../strategy.ts';
import { podChangeFaults, podFaults } from './validation.ts';
import { qosClassOf } from './qos.ts';

type Condition = NonNullable<PodStatus['conditions']>[number];

/** Kept out of the scheduler's sight until its gates are gone. */
const gatedCondition: Condition = {
  type: 'PodScheduled',
  status: 'False',
  reason: 'SchedulingGated',
  message: 'Scheduling is blocked due to non-empty scheduling gates',
};

function newStatus(pod: Pod): PodStatus {
  const isGated = (pod.spec.schedulingGates ?? []).length > 0;
  return {
    phase: 'Pending',
    ...(isGated ? { conditions: [gatedCondition] } : {}),
    qosClass: qosClassOf(pod.spec),
  };
}

/** What admission fills in on a cluster with default settings. */
function withAdmissionDefaults(pod: Pod): Pod {
  const { serviceAccountName, serviceAccount } = pod.spec;
  const account = serviceAccountName || serviceAccount || 'default';
  return { ...pod, spec: { ...pod.spec, serviceAccountName: account, serviceAccount: account } };
}

export const podStrategy: Strategy<Pod> = {
  prepare: ({ next, prev }) =>
    prev === undefined
      ? { ...withAdmissionDefaults(next), status: newStatus(next) }
      : withStatusOf(next, prev),
  validate: ({ next, prev }) => (prev === undefined ? podFaults(next) : podChangeFaults(next, prev)),
};

/** A node agent reports; the labels and annotations of the metadata may come along. */
export const podStatusStrategy: Strategy<Pod> = {
  ...statusStrategy<Pod>(),
  prepare: ({ next, prev }) => {
    if (prev === undefined) return next;
    const { qosClass } = prev.status ?? {};
    const status = qosClass === undefined ? next.status : { ...next.status, qosClass };
    return { ...prev, metadata: next.metadata, ...(status === undefined ? {} : { status }) };
  },
};

/** The scheduler's word: the node, once, and that the Pod is scheduled. */
export const podBindingStrategy: Strategy<Pod> = {
  prepare: ({ next, prev }) => {
    if (prev === undefined) return next;
    const { nodeName } = next.spec;
    const others = (prev.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
    const conditions = [...others, { type: 'PodScheduled', status: 'True' }];
    return {
      ...prev,
      spec: { ...prev.spec, ...(nodeName === undefined ? {} : { nodeName }) },
      status: { ...prev.status, conditions },
    };
  },
  validate: () => [],
};
