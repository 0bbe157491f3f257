const EVENTS = 'create,patch,update events@+events.k8s.io';
const HEALTH = '/healthz,/livez,/readyz,/version,/version/';
const REVIEWS = [
  'create tokenreviews@authentication.k8s.io',
  'create subjectaccessreviews@authorization.k8s.io',
] as const;

const leader = (name: string): readonly string[] => [
  'create leases@coordination.k8s.io',
  `get,update leases@coordination.k8s.io ${name}`,
];

/** Nodes carry a service proxy that shows the node's own certificate; upstream's has a user of its own. */
export const NODE_PROXIER_BINDING = 'portico:node-proxier';

/** The scheduler that runs beside the controllers has an account like them; upstream's is a program with a user. */
export const SCHEDULER_BINDING = 'portico:kube-scheduler';

/** What every node may do, as far as it is not subdivided (upstream's NodeRules). */
export const NODE_RULES: readonly string[] = [
  'create tokenreviews@authentication.k8s.io',
  'create localsubjectaccessreviews,subjectaccessreviews@authorization.k8s.io',
  'ro services',
  'create,get,list,watch nodes',
  'patch,update nodes/status',
  'patch,update nodes',
  'create,patch,update events',
  'ro pods',
  'create,delete pods',
  'patch,update pods/status',
  'create pods/eviction',
  'ro configmaps,secrets',
  'get persistentvolumeclaims,persistentvolumes',
  'get endpoints',
  'create,get,list,watch certificatesigningrequests@certificates.k8s.io',
  'create,delete,get,patch,update leases@coordination.k8s.io',
  'get volumeattachments@storage.k8s.io',
  'create serviceaccounts/token',
  'get,patch,update persistentvolumeclaims/status',
  'ro csidrivers@storage.k8s.io',
  'create,delete,get,patch,update csinodes@storage.k8s.io',
  'ro runtimeclasses@node.k8s.io',
];

/** Upstream's default ClusterRoles, but for those that are aggregated; each rule as `parseRule` reads it. */
export const CLUSTER_ROLE_RULES: Readonly<Record<string, readonly string[]>> = {
  'cluster-admin': ['* *@*', '* /*'],
  'system:discovery': [`get /api,/api/*,/apis,/apis/*,/openapi,/openapi/*,${HEALTH}`],
  'system:monitoring': ['get /healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*'],
  'system:basic-user': [
    'create selfsubjectaccessreviews,selfsubjectrulesreviews@authorization.k8s.io',
    'create selfsubjectreviews@authentication.k8s.io',
  ],
  'system:public-info-viewer': [`get ${HEALTH}`],
  'system:service-account-issuer-discovery': ['get /.well-known/openid-configuration,/openid/v1/jwks'],
  'system:aggregate-to-admin': [
    'create localsubjectaccessreviews@authorization.k8s.io',
    'rw rolebindings,roles@rbac.authorization.k8s.io',
  ],
  'system:aggregate-to-edit': [
    'ro pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy',
    'impersonate serviceaccounts',
    'write pods,pods/attach,pods/exec,pods/portforward,pods/proxy',
    'create pods/eviction',
    'write configmaps,events,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy',
    'create serviceaccounts/token',
    'write daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale@apps',
    'write horizontalpodautoscalers@autoscaling',
    'write cronjobs,jobs@batch',
    'write daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale@extensions',
    'write poddisruptionbudgets@policy',
    'write ingresses,networkpolicies@networking.k8s.io',
    'rw leases@coordination.k8s.io',
  ],
  'system:aggregate-to-view': [
    'ro configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status',
    'ro bindings,events,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status',
    'ro namespaces',
    'ro endpointslices@discovery.k8s.io',
    'ro controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status@apps',
    'ro horizontalpodautoscalers,horizontalpodautoscalers/status@autoscaling',
    'ro cronjobs,cronjobs/status,jobs,jobs/status@batch',
    'ro daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale@extensions',
    'ro poddisruptionbudgets,poddisruptionbudgets/status@policy',
    'ro ingresses,ingresses/status,networkpolicies@networking.k8s.io',
  ],
  'system:heapster': ['ro events,namespaces,nodes,pods', 'ro deployments@extensions'],
  'system:node': NODE_RULES,
  'system:node-problem-detector': ['get nodes', 'patch nodes/status', EVENTS],
  'system:kubelet-api-admin': [
    'ro nodes',
    'proxy nodes',
    '* nodes/log,nodes/metrics,nodes/proxy,nodes/stats',
  ],
  'system:node-bootstrapper': ['create,get,list,watch certificatesigningrequests@certificates.k8s.io'],
  'system:certificates.k8s.io:certificatesigningrequests:nodeclient': [
    'create certificatesigningrequests/nodeclient@certificates.k8s.io',
  ],
  'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient': [
    'create certificatesigningrequests/selfnodeclient@certificates.k8s.io',
  ],
  'system:certificates.k8s.io:legacy-unknown-approver': [
    'approve signers@certificates.k8s.io kubernetes.io/legacy-unknown',
  ],
  'system:certificates.k8s.io:kubelet-serving-approver': [
    'approve signers@certificates.k8s.io kubernetes.io/kubelet-serving',
  ],
  'system:certificates.k8s.io:kube-apiserver-client-approver': [
    'approve signers@certificates.k8s.io kubernetes.io/kube-apiserver-client',
  ],
  'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver': [
    'approve signers@certificates.k8s.io kubernetes.io/kube-apiserver-client-kubelet',
  ],
  'system:auth-delegator': REVIEWS,
  'system:kube-aggregator': ['ro endpoints,services'],
  'system:kube-controller-manager': [
    EVENTS,
    ...leader('kube-controller-manager'),
    'create secrets,serviceaccounts',
    'delete secrets',
    'get configmaps,namespaces,secrets,serviceaccounts',
    'update secrets,serviceaccounts',
    ...REVIEWS,
    'list,watch *@*',
    'create serviceaccounts/token',
  ],
  'system:kube-scheduler': [
    EVENTS,
    ...leader('kube-scheduler'),
    'ro nodes',
    'delete,get,list,watch pods',
    'create bindings,pods/binding',
    'patch,update pods/status',
    'ro replicationcontrollers,services',
    'ro replicasets@apps+extensions',
    'ro statefulsets@apps',
    'ro poddisruptionbudgets@policy',
    'ro persistentvolumeclaims,persistentvolumes',
    ...REVIEWS,
    'ro csinodes@storage.k8s.io',
    'ro namespaces',
    'ro csidrivers@storage.k8s.io',
    'ro csistoragecapacities@storage.k8s.io',
  ],
  'system:kube-dns': ['list,watch endpoints,services'],
  'system:persistent-volume-provisioner': [
    'create,delete,get,list,watch persistentvolumes',
    'get,list,update,watch persistentvolumeclaims',
    'ro storageclasses@storage.k8s.io',
    'watch events',
    EVENTS,
  ],
  'system:volume-scheduler': [
    'get,list,patch,update,watch persistentvolumes',
    'ro storageclasses@storage.k8s.io',
    'get,list,patch,update,watch persistentvolumeclaims',
  ],
  'system:node-proxier': [
    'list,watch endpoints,services',
    'ro nodes',
    EVENTS,
    'list,watch endpointslices@discovery.k8s.io',
    'ro servicecidrs@networking.k8s.io',
  ],
};
