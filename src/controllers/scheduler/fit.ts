import type { NodeSelectorRequirement, NodeSelectorTerm, Toleration } from '../../api/core/v1/affinity.ts';
import type { Node, Taint } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';

/** Why a Pod cannot run on a node, in the words of kube-scheduler; undefined when it can. */
export function misfit(pod: Pod, node: Node, others: readonly Pod[]): string | undefined {
  if (node.spec.unschedulable === true && !toleratesUnschedulable(pod)) return 'node(s) were unschedulable';
  const taint = untolerated(pod, node.spec.taints ?? []);
  if (taint !== undefined) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  if (!isReady(node)) return 'node(s) were not ready';
  if (!matchesAffinity(pod, node)) return "node(s) didn't match Pod's node affinity/selector";
  if (hasPortConflict(pod, others)) return "node(s) didn't have free ports for the requested pod ports";
  const nMost = Number(node.status?.allocatable?.pods ?? Infinity);
  if (others.length >= nMost) return 'Too many pods';
  return undefined;
}

const isReady = (node: Node): boolean =>
  node.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';

const unschedulableTaint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

const toleratesUnschedulable = ({ spec }: Pod): boolean =>
  (spec.tolerations ?? []).some((toleration) => tolerates(toleration, unschedulableTaint));

/** The first taint that keeps the Pod away. PreferNoSchedule is only a wish. */
export const untolerated = ({ spec }: Pod, taints: readonly Taint[]): Taint | undefined =>
  taints.find(
    (taint) =>
      taint.effect !== 'PreferNoSchedule' &&
      !(spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint)),
  );

function tolerates(
  { key = '', operator = 'Equal', value = '', effect = '' }: Toleration,
  taint: Taint,
): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key === '') return operator === 'Exists';
  if (key !== taint.key) return false;
  return operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? ''));
}

/** Whether the node is one that selector and required affinity of the Pod name. */
export function matchesAffinity({ spec }: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const isSelected = Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return (
    isSelected &&
    (required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node)))
  );
}

/** An empty term matches nothing. */
function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  return (
    matchExpressions.every((requirement) => matches(requirement, labels[requirement.key])) &&
    matchFields.every((requirement) => matches(requirement, node.metadata.name))
  );
}

function matches({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

const anyAddress = ['', '0.0.0.0', '::'];

const hostPorts = ({ spec }: Pod): readonly HostPort[] =>
  [...spec.containers, ...(spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always')].flatMap(
    ({ ports = [] }) =>
      ports.flatMap(({ hostIP: ip = '', protocol = 'TCP', hostPort: port = 0 }) =>
        port === 0 ? [] : [{ ip, protocol, port }],
      ),
  );

/** Two Pods clash on a port and protocol unless both name different addresses. */
function hasPortConflict(pod: Pod, others: readonly Pod[]): boolean {
  const wanted = hostPorts(pod);
  if (wanted.length === 0) return false;
  const taken = others.flatMap(hostPorts);
  return wanted.some((a) =>
    taken.some(
      (b) =>
        a.port === b.port &&
        a.protocol === b.protocol &&
        (a.ip === b.ip || anyAddress.includes(a.ip) || anyAddress.includes(b.ip)),
    ),
  );
}
