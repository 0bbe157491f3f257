import type { Manifest } from './manifests.ts';

/** What the battery does every verb to: an object, and how kubectl names it. */
export interface Sample {
  /** As a person types it: `service`, `deployment.apps`. */
  readonly resource: string;
  readonly object: Manifest & { readonly apiVersion: string; readonly metadata: Manifest };
  /** Fields that may change, with other values; absent where only metadata may. */
  readonly change?: Manifest;
  readonly isClusterScoped?: boolean;
  /** kubectl sends a patch even where nothing differs: it compares lists or selectors that are replaced as a whole. */
  readonly isAlwaysSent?: boolean;
}

/** Stands for the namespace that a sample comes to live in. */
export const NAMESPACE = '$NAMESPACE';

const meta = (name: string, more: Manifest = {}): Manifest => ({ name, ...more });
const port = { protocol: 'TCP', port: 80, targetPort: 9376 };
const selector = { app: 'MyApp' };
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

const service = (spec: Manifest): Sample => ({
  resource: 'service',
  object: sample('v1', 'Service', { spec }),
  change: { spec: { sessionAffinity: 'ClientIP' } },
});

/** The Services of the documents that describe what a Service is, one by one. */
export const serviceSamples: Readonly<Record<string, Sample>> = {
  'a Service with one port': service({ selector, ports: [port] }),
  'a Service with a named target port': service({
    selector,
    ports: [{ ...port, targetPort: 'http-web-svc' }],
  }),
  'a Service without a selector': service({ ports: [port] }),
  'a Service with two ports': service({
    selector,
    ports: [
      { name: 'http', ...port },
      { name: 'https', protocol: 'TCP', port: 443, targetPort: 9377 },
    ],
  }),
  'a Service with an address of its own choice': service({
    selector,
    ports: [port],
    clusterIP: '10.100.17.29',
  }),
  'a headless Service': service({ selector, ports: [port], clusterIP: 'None' }),
  'a NodePort Service': service({
    type: 'NodePort',
    selector,
    ports: [{ port: 80, targetPort: 80, nodePort: 30107 }],
  }),
  'a LoadBalancer Service': service({ type: 'LoadBalancer', selector, ports: [port] }),
  'a LoadBalancer Service with local traffic and source ranges': service({
    type: 'LoadBalancer',
    selector,
    ports: [port],
    externalTrafficPolicy: 'Local',
    loadBalancerSourceRanges: ['192.0.2.0/24'],
    loadBalancerClass: 'example.com/internal',
  }),
  'a LoadBalancer Service of mixed protocols without node ports': service({
    type: 'LoadBalancer',
    selector,
    allocateLoadBalancerNodePorts: false,
    ports: [
      { name: 'tcp', ...port },
      { name: 'udp', ...port, protocol: 'UDP' },
    ],
  }),
  'an ExternalName Service': {
    ...service({ type: 'ExternalName', externalName: 'my.database.example.com' }),
    change: { spec: { externalName: 'other.example.com' } },
  },
  'a Service with client affinity': {
    ...service({
      selector,
      ports: [port],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } },
    }),
    change: { spec: { internalTrafficPolicy: 'Local' } },
  },
  'a Service that prefers two families': service({
    selector,
    ports: [port],
    ipFamilyPolicy: 'PreferDualStack',
  }),
  'a Service with SCTP and appProtocol': service({
    selector,
    ports: [{ name: 's', port: 3868, protocol: 'SCTP', appProtocol: 'example.com/diameter' }],
    trafficDistribution: 'PreferClose',
  }),
};

const role = { rules: [{ apiGroups: [''], resources: ['services'], verbs: ['get', 'list'] }] };
const RBAC = 'rbac.authorization.k8s.io';
const subjects = [{ kind: 'User', name: 'jane', apiGroup: RBAC }];
const roleRef = { apiGroup: RBAC, kind: 'ClusterRole', name: 'view' };
const backend = { service: { name: 'web', port: { number: 80 } } };

/** Every other kind that is served. */
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
      addressType: 'IPv4',
      ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
      endpoints: [{ addresses: ['192.0.2.7'], conditions: { ready: true }, nodeName: 'node-1', zone: 'a' }],
    }),
    change: { ports: [{ name: 'http', protocol: 'TCP', port: 81 }] },
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
};
