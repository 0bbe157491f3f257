import { certificateRequests } from '../../src/apiserver/fixtures/certificate-requests.ts';
import type { Manifest } from './manifests.ts';

/** What the battery does every verb to: an object, and how kubectl names it. */
export interface Sample {
  /** As a person types it: `service`, `deployment.apps`. */
  readonly resource: string;
  readonly object: Manifest & { readonly apiVersion: string; readonly metadata: Manifest };
  /** Fields that may change, with other values; absent where only metadata may. */
  readonly change?: Manifest;
  readonly isClusterScoped?: boolean;
  /** Where it may not be any. */
  readonly name?: string;
  /** kubectl sends a patch even where nothing differs: it compares lists or selectors that are replaced as a whole. */
  readonly isAlwaysSent?: boolean;
  /** Only a cluster with ranges of IPv4 and IPv6 can have it. */
  readonly needsTwoFamilies?: boolean;
}

/** Stands for the namespace that a sample comes to live in. */
export const NAMESPACE = '$NAMESPACE';

const meta = (name: string, more: Manifest = {}): Manifest => ({ name, ...more });
/** Of all samples that select Pods. */
export const selectorOfAll = { app: 'MyApp' };
const selector = selectorOfAll;
const container = { name: 'main', image: 'host', command: ['sleep', '1000'] };
/** No scheduler takes these Pods, so they stay as they were written. */
const template = {
  metadata: { labels: selector },
  spec: { schedulerName: 'nobody', containers: [container] },
};
const workload = { selector: { matchLabels: selector }, template };

function sample(apiVersion: string, kind: string, rest: Manifest): Sample['object'] {
  return { apiVersion, kind, metadata: meta('it'), ...rest };
}

const role = { rules: [{ apiGroups: [''], resources: ['services'], verbs: ['get', 'list'] }] };
const RBAC = 'rbac.authorization.k8s.io';
const subjects = [{ kind: 'User', name: 'jane', apiGroup: RBAC }];
const roleRef = { apiGroup: RBAC, kind: 'ClusterRole', name: 'view' };
const backend = { service: { name: 'web', port: { number: 80 } } };

const cronJob = {
  spec: {
    schedule: '*/5 * * * *',
    jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } },
  },
};
const slice = {
  addressType: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
};
const budget = { spec: { minAvailable: 1, selector: { matchLabels: selector } } };
const scaled = {
  scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'it' },
  minReplicas: 1,
  maxReplicas: 3,
};
const ofProcessor = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } };
/** Not of a Service, so that nobody takes it for a claim that was left behind. */
const parentRef = { group: 'example.com', resource: 'widgets', namespace: 'default', name: 'w' };

/** Every other kind that is served, in every version. */
export const kindSamples: Readonly<Record<string, Sample>> = {
  'a Namespace': { resource: 'namespace', object: sample('v1', 'Namespace', {}), isClusterScoped: true },
  'a Node': {
    resource: 'node',
    object: sample('v1', 'Node', { spec: { podCIDR: '10.244.200.0/24' } }),
    change: { spec: { unschedulable: true } },
    isClusterScoped: true,
  },
  'a Pod': { resource: 'pod', object: sample('v1', 'Pod', { spec: template.spec }) },
  'a ConfigMap': {
    resource: 'configmap',
    object: sample('v1', 'ConfigMap', { data: { a: '1', b: 'two\nlines\n' } }),
    change: { data: { a: '2' } },
  },
  'a Secret': {
    resource: 'secret',
    object: sample('v1', 'Secret', { data: { password: 'eA==' }, type: 'Opaque' }),
    change: { data: { password: 'eQ==' } },
  },
  'a ServiceAccount': {
    resource: 'serviceaccount',
    object: sample('v1', 'ServiceAccount', {}),
    change: { automountServiceAccountToken: false },
  },
  Endpoints: {
    resource: 'endpoints',
    object: sample('v1', 'Endpoints', {
      subsets: [{ addresses: [{ ip: '192.0.2.42' }], ports: [{ port: 9376, protocol: 'TCP' }] }],
    }),
    change: { subsets: [{ addresses: [{ ip: '192.0.2.43' }], ports: [{ port: 9376, protocol: 'TCP' }] }] },
  },
  'an EndpointSlice': {
    resource: 'endpointslice',
    object: sample('discovery.k8s.io/v1', 'EndpointSlice', {
      ...slice,
      endpoints: [{ addresses: ['192.0.2.7'], conditions: { ready: true }, nodeName: 'node-1', zone: 'a' }],
    }),
    change: { ports: [{ name: 'http', protocol: 'TCP', port: 81 }] },
  },
  'an EndpointSlice of v1beta1': {
    resource: 'endpointslice',
    object: sample('discovery.k8s.io/v1beta1', 'EndpointSlice', {
      ...slice,
      endpoints: [{ addresses: ['192.0.2.8'], topology: { 'kubernetes.io/hostname': 'node-1' } }],
    }),
    change: { ports: [{ name: 'http', protocol: 'TCP', port: 81 }] },
    // Its topology is kept in fields of v1, and comes back under another name.
    isAlwaysSent: true,
  },
  'an Event': {
    resource: 'event',
    object: sample('v1', 'Event', {
      involvedObject: { kind: 'Pod', name: 'x', namespace: NAMESPACE },
      reason: 'Seen',
      message: 'something was seen',
      type: 'Normal',
    }),
    change: { count: 2 },
  },
  'a Lease': {
    resource: 'lease',
    object: sample('coordination.k8s.io/v1', 'Lease', {
      spec: { holderIdentity: 'a', leaseDurationSeconds: 15 },
    }),
    change: { spec: { holderIdentity: 'b' } },
  },
  'a ReplicationController': {
    resource: 'replicationcontroller',
    object: sample('v1', 'ReplicationController', { spec: { replicas: 1, selector, template } }),
    change: { spec: { replicas: 0 } },
  },
  'a ReplicaSet': {
    resource: 'replicaset',
    object: sample('apps/v1', 'ReplicaSet', { spec: { replicas: 1, ...workload } }),
    change: { spec: { replicas: 0 } },
  },
  'a Deployment': {
    resource: 'deployment',
    object: sample('apps/v1', 'Deployment', { spec: { replicas: 1, ...workload } }),
    change: { spec: { replicas: 0 } },
  },
  'a StatefulSet': {
    resource: 'statefulset',
    object: sample('apps/v1', 'StatefulSet', { spec: { replicas: 1, serviceName: 'it', ...workload } }),
    change: { spec: { replicas: 0 } },
  },
  'a DaemonSet': {
    resource: 'daemonset',
    object: sample('apps/v1', 'DaemonSet', { spec: workload }),
    change: { spec: { minReadySeconds: 3 } },
  },
  'a ControllerRevision': {
    resource: 'controllerrevision',
    object: sample('apps/v1', 'ControllerRevision', { revision: 1, data: { spec: {} } }),
    change: { revision: 2 },
  },
  'a CertificateSigningRequest': {
    resource: 'certificatesigningrequest',
    object: sample('certificates.k8s.io/v1', 'CertificateSigningRequest', {
      spec: {
        request: Buffer.from(certificateRequests.jane).toString('base64'),
        signerName: 'example.com/any',
        usages: ['client auth'],
      },
    }),
    isClusterScoped: true,
  },
  'a HorizontalPodAutoscaler': {
    resource: 'horizontalpodautoscaler',
    object: sample('autoscaling/v2', 'HorizontalPodAutoscaler', {
      spec: { ...scaled, metrics: [{ type: 'Resource', resource: ofProcessor }] },
    }),
    change: { spec: { maxReplicas: 4 } },
  },
  'a HorizontalPodAutoscaler of v1': {
    resource: 'horizontalpodautoscaler',
    object: sample('autoscaling/v1', 'HorizontalPodAutoscaler', {
      spec: { ...scaled, targetCPUUtilizationPercentage: 50 },
    }),
    change: { spec: { targetCPUUtilizationPercentage: 60 } },
  },
  'a Job': {
    resource: 'job',
    object: sample('batch/v1', 'Job', {
      spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } },
    }),
    change: { spec: { suspend: true } },
  },
  'an Ingress': {
    resource: 'ingress',
    object: sample('networking.k8s.io/v1', 'Ingress', {
      spec: {
        rules: [{ host: 'a.example.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
      },
    }),
    change: { spec: { defaultBackend: backend } },
  },
  'an IngressClass': {
    resource: 'ingressclass',
    object: sample('networking.k8s.io/v1', 'IngressClass', { spec: { controller: 'example.com/ingress' } }),
    isClusterScoped: true,
  },
  'a NetworkPolicy': {
    resource: 'networkpolicy',
    object: sample('networking.k8s.io/v1', 'NetworkPolicy', {
      spec: {
        podSelector: {},
        policyTypes: ['Ingress'],
        ingress: [{ ports: [{ port: 80, protocol: 'TCP' }] }],
      },
    }),
    change: { spec: { policyTypes: ['Ingress', 'Egress'] } },
  },
  'a PodDisruptionBudget': {
    resource: 'poddisruptionbudget',
    object: sample('policy/v1', 'PodDisruptionBudget', {
      spec: { minAvailable: 1, selector: { matchLabels: selector } },
    }),
    change: { spec: { minAvailable: 2 } },
    isAlwaysSent: true,
  },
  'a Role': {
    resource: 'role',
    object: sample(`${RBAC}/v1`, 'Role', role),
    change: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
  },
  'a RoleBinding': {
    resource: 'rolebinding',
    object: sample(`${RBAC}/v1`, 'RoleBinding', { subjects, roleRef }),
    change: { subjects: [{ kind: 'User', name: 'joe', apiGroup: RBAC }] },
  },
  'a ClusterRole': {
    resource: 'clusterrole',
    object: sample(`${RBAC}/v1`, 'ClusterRole', role),
    change: { rules: [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }] },
    isClusterScoped: true,
  },
  'a ClusterRoleBinding': {
    resource: 'clusterrolebinding',
    object: sample(`${RBAC}/v1`, 'ClusterRoleBinding', { subjects, roleRef }),
    change: { subjects: [{ kind: 'User', name: 'joe', apiGroup: RBAC }] },
    isClusterScoped: true,
  },
  'a ServiceCIDR': {
    resource: 'servicecidr',
    object: sample('networking.k8s.io/v1', 'ServiceCIDR', { spec: { cidrs: ['10.112.0.0/24'] } }),
    isClusterScoped: true,
  },
  'a ServiceCIDR of v1beta1': {
    resource: 'servicecidr',
    object: sample('networking.k8s.io/v1beta1', 'ServiceCIDR', { spec: { cidrs: ['10.113.0.0/24'] } }),
    isClusterScoped: true,
  },
  'an IPAddress': {
    resource: 'ipaddress',
    name: '10.250.0.1',
    object: sample('networking.k8s.io/v1', 'IPAddress', { spec: { parentRef } }),
    isClusterScoped: true,
  },
  'an IPAddress of v1beta1': {
    resource: 'ipaddress',
    name: '10.250.0.2',
    object: sample('networking.k8s.io/v1beta1', 'IPAddress', { spec: { parentRef } }),
    isClusterScoped: true,
  },
  'an Event of events.k8s.io': {
    resource: 'event',
    object: sample('events.k8s.io/v1', 'Event', {
      eventTime: '2026-01-02T03:04:05.000000Z',
      regarding: { kind: 'Pod', name: 'y', namespace: NAMESPACE },
      action: 'Look',
      reason: 'Seen',
      reportingController: 'example.com/looker',
      reportingInstance: 'looker-1',
      note: 'something was seen',
      type: 'Normal',
    }),
  },
  'a PodDisruptionBudget of v1beta1': {
    resource: 'poddisruptionbudget',
    object: sample('policy/v1beta1', 'PodDisruptionBudget', budget),
    change: { spec: { minAvailable: 2 } },
    isAlwaysSent: true,
  },
  'a CronJob': {
    resource: 'cronjob',
    object: sample('batch/v1', 'CronJob', cronJob),
    change: { spec: { suspend: true } },
  },
  'a CronJob of v1beta1': {
    resource: 'cronjob',
    object: sample('batch/v1beta1', 'CronJob', cronJob),
    change: { spec: { suspend: true } },
  },
  'a PersistentVolumeClaim': {
    resource: 'persistentvolumeclaim',
    object: sample('v1', 'PersistentVolumeClaim', {
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    }),
  },
  'a PersistentVolume': {
    resource: 'persistentvolume',
    object: sample('v1', 'PersistentVolume', {
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '1Gi' },
        hostPath: { path: '/srv/data' },
      },
    }),
    change: { spec: { persistentVolumeReclaimPolicy: 'Delete' } },
    isClusterScoped: true,
  },
  'a ResourceQuota': {
    resource: 'resourcequota',
    object: sample('v1', 'ResourceQuota', {
      spec: { hard: { services: '100', 'services.nodeports': '50' } },
    }),
    change: { spec: { hard: { services: '99' } } },
  },
  'a LimitRange': {
    resource: 'limitrange',
    object: sample('v1', 'LimitRange', { spec: { limits: [{ type: 'Container', max: { cpu: '2' } }] } }),
    change: { spec: { limits: [{ type: 'Container', max: { cpu: '3' } }] } },
  },
  'a PriorityClass': {
    resource: 'priorityclass',
    object: sample('scheduling.k8s.io/v1', 'PriorityClass', { value: 1000, description: 'often' }),
    change: { description: 'now and then' },
    isClusterScoped: true,
  },
  'a RuntimeClass': {
    resource: 'runtimeclass',
    object: sample('node.k8s.io/v1', 'RuntimeClass', { handler: 'light' }),
    isClusterScoped: true,
  },
  'a StorageClass': {
    resource: 'storageclass',
    object: sample('storage.k8s.io/v1', 'StorageClass', { provisioner: 'example.com/disks' }),
    change: { allowVolumeExpansion: true },
    isClusterScoped: true,
  },
  'a CSIDriver': {
    resource: 'csidriver',
    object: sample('storage.k8s.io/v1', 'CSIDriver', { spec: { attachRequired: false } }),
    change: { spec: { requiresRepublish: true } },
    isClusterScoped: true,
  },
  'a CSINode': {
    resource: 'csinode',
    object: sample('storage.k8s.io/v1', 'CSINode', { spec: { drivers: [] } }),
    change: { spec: { drivers: [{ name: 'example.com', nodeID: 'n' }] } },
    isClusterScoped: true,
  },
  'a VolumeAttachment': {
    resource: 'volumeattachment',
    object: sample('storage.k8s.io/v1', 'VolumeAttachment', {
      spec: { attacher: 'example.com', nodeName: 'node-1', source: { persistentVolumeName: 'v' } },
    }),
    isClusterScoped: true,
  },
};
