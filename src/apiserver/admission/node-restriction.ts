import type { TokenRequest } from '../../api/authentication/v1/authentication.ts';
import { leases } from '../../api/coordination/v1/lease.ts';
import { nodes, type Node } from '../../api/core/v1/node.ts';
import { pods, type Pod } from '../../api/core/v1/pod.ts';
import { serviceAccounts } from '../../api/core/v1/service-account.ts';
import { forbidden, notFound } from '../../api/errors/api-error.ts';
import type { KubeObject } from '../../api/kind.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import type { FindObject } from '../authentication/service-account-users.ts';
import { nodeOf } from '../authorization/node-authorizer.ts';
import { podReferences } from '../authorization/pod-references.ts';
import type { Admission, AdmissionRequest } from './admission.ts';

const MIRROR = 'kubernetes.io/config.mirror';
const LEASES = 'kube-node-lease';
const KUBELET_LABELS: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);
const KUBELET_NAMESPACES = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

/** The reason why a node may not do this; undefined when it may. */
type Rule = (
  request: AdmissionRequest,
  node: string,
  find: FindObject,
) => Promise<string | undefined> | string | undefined;

/**
 * Upstream's NodeRestriction: a node writes its own Node and lease, the status of Pods bound to it, deletes and evicts
 * only those, makes only mirror Pods, and asks only for tokens bound to Pods that run on it.
 */
export function nodeRestriction(find: FindObject): Admission {
  return async (request) => {
    const node = nodeOf(request.user);
    if (node === undefined) return;
    const refuse = (why: string): never => {
      throw forbidden(request.kind, request.name, why);
    };
    if (node === '') refuse(`could not determine node from user ${JSON.stringify(request.user.name)}`);
    const refusal = await rules.get(request.kind.plural)?.(request, node, find);
    if (refusal !== undefined) refuse(refusal);
  };
}

const quoted = JSON.stringify;

const podRule: Rule = (request, node, find) => {
  const { operation, subresource } = request;
  if (subresource === 'status') return podStatusRule(request, node);
  if (subresource === 'eviction') return evictionRule(request, node, find);
  if (subresource !== '') {
    return `unexpected pod subresource ${quoted(subresource)}, only 'status' and 'eviction' are allowed`;
  }
  if (operation === 'create') return newPodRule(request.object as Pod, node, find);
  if (operation === 'update') {
    return `unexpected operation "UPDATE", node ${quoted(node)} can only create and delete mirror pods`;
  }
  return nodeNameOf(request.object) === node
    ? undefined
    : `node ${quoted(node)} can only delete pods with spec.nodeName set to itself`;
};

const evictionRule: Rule = async ({ operation, namespace, name }, node, find) => {
  if (operation !== 'create') return `unexpected operation ${operation.toUpperCase()}`;
  const pod = await find(pods, `${namespace}/${name}`);
  if (pod === undefined) throw notFound(pods, name);
  return pod.spec.nodeName === node
    ? undefined
    : `node ${node} can only evict pods with spec.nodeName set to itself`;
};

const nodeNameOf = (pod: KubeObject): string => (pod as Pod).spec.nodeName ?? '';

function podStatusRule({ object, old }: AdmissionRequest, node: string): string | undefined {
  if (old === undefined || nodeNameOf(old) !== node) {
    return `node ${quoted(node)} can only update pod status for pods with spec.nodeName set to itself`;
  }
  return deepEqual(object.metadata.labels ?? {}, old.metadata.labels ?? {})
    ? undefined
    : `node ${quoted(node)} cannot update labels through pod status`;
}

async function newPodRule(pod: Pod, node: string, find: FindObject): Promise<string | undefined> {
  const { annotations = {}, ownerReferences = [] } = pod.metadata;
  const who = `node ${quoted(node)}`;
  if (!(MIRROR in annotations)) {
    return `pod does not have ${quoted(MIRROR)} annotation, ${who} can only create mirror pods`;
  }
  if (nodeNameOf(pod) !== node) return `${who} can only create pods with spec.nodeName set to itself`;
  const [owner, another] = ownerReferences;
  if (another !== undefined) return `${who} can only create pods with a single owner reference set to itself`;
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    return `${who} can only create pods with an owner reference set to itself`;
  }
  if (owner.controller !== true)
    return `${who} can only create pods with a controller owner reference set to itself`;
  if (owner.blockOwnerDeletion === true)
    return `${who} must not set blockOwnerDeletion on an owner reference`;
  const own = await find(nodes, node);
  if (own === undefined) throw notFound(nodes, node);
  const uid = own.metadata.uid ?? '';
  if (owner.uid !== uid) return `node ${node} UID mismatch: expected ${owner.uid} got ${uid}`;
  return referenceRule(pod, who);
}

function referenceRule(pod: Pod, who: string): string | undefined {
  if ((pod.spec.serviceAccountName ?? '') !== '') {
    return `${who} can not create pods that reference a service account`;
  }
  for (const what of ['secrets', 'configmaps']) {
    for (const each of podReferences(pod)) {
      if (each.startsWith(`${what}/`)) return `${who} can not create pods that reference ${what}`;
    }
  }
  return (pod.spec.volumes ?? []).some(({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined)
    ? `${who} can not create pods that reference persistentvolumeclaims`
    : undefined;
}

const nodeRule: Rule = ({ operation, name, object, old }, node) => {
  if (name !== node) return `node ${quoted(node)} is not allowed to modify node ${quoted(name)}`;
  const next = object as Node;
  const prev = old as Node | undefined;
  if (operation === 'create') {
    const labels = forbiddenLabels(next.metadata.labels, undefined);
    return labels === ''
      ? undefined
      : `node ${quoted(node)} is not allowed to set the following labels: ${labels}`;
  }
  if (operation !== 'update') return undefined;
  if (!deepEqual(next.spec.taints ?? [], prev?.spec.taints ?? [])) {
    return `node ${quoted(node)} is not allowed to modify taints`;
  }
  // Who belongs to what is not there is removed as garbage, and may be made anew as it likes (CVE-2025-5187).
  if (!deepEqual(next.metadata.ownerReferences ?? [], prev?.metadata.ownerReferences ?? [])) {
    return `node ${quoted(node)} is not allowed to modify ownerReferences`;
  }
  const labels = forbiddenLabels(next.metadata.labels, prev?.metadata.labels);
  return labels === '' ? undefined : `is not allowed to modify labels: ${labels}`;
};

type Labels = Readonly<Record<string, string>>;

/** Those that were added, changed or taken away although they steer what runs on a node. */
function forbiddenLabels(next: Labels = {}, prev: Labels = {}): string {
  const changed = [...new Set([...Object.keys(next), ...Object.keys(prev)])].filter(
    (key) => next[key] !== prev[key],
  );
  return changed.filter(isForbiddenLabel).sort().join(', ');
}

function isForbiddenLabel(key: string): boolean {
  const slash = key.indexOf('/');
  const domain = slash < 0 ? '' : key.slice(0, slash);
  const isUnder = (parent: string): boolean => domain === parent || domain.endsWith(`.${parent}`);
  if (isUnder('node-restriction.kubernetes.io')) return true;
  if (!isUnder('kubernetes.io') && !isUnder('k8s.io')) return false;
  return !KUBELET_LABELS.has(key) && !KUBELET_NAMESPACES.some(isUnder);
}

const accountRule: Rule = async ({ operation, subresource, namespace, object }, node, find) => {
  if (operation !== 'create' || subresource !== 'token') return undefined;
  const { boundObjectRef: ref } = (object as TokenRequest).spec;
  if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || (ref.name ?? '') === '') {
    return 'node requested token not bound to a pod';
  }
  const { name = '', uid = '' } = ref;
  if (uid === '') return 'node requested token with a pod binding without a uid';
  const pod = await find(pods, `${namespace}/${name}`);
  if (pod === undefined) throw notFound(pods, name);
  if (uid !== pod.metadata.uid) {
    return `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
  }
  return pod.spec.nodeName === node
    ? undefined
    : 'node requested token bound to a pod scheduled on a different node';
};

const leaseRule: Rule = ({ namespace, name }, node) => {
  if (namespace !== LEASES) return `can only access leases in the "${LEASES}" system namespace`;
  return name === node ? undefined : 'can only access node lease with the same name as the requesting node';
};

const rules: ReadonlyMap<string, Rule> = new Map([
  [pods.plural, podRule],
  [nodes.plural, nodeRule],
  [serviceAccounts.plural, accountRule],
  [leases.plural, leaseRule],
]);
