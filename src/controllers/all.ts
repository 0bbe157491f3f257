import type { Controller, ControllerDeps } from './controller.ts';
import { createClusterRoleAggregationController } from './clusterrole/controller.ts';
import { createDaemonSetController } from './daemonset/controller.ts';
import { createDeploymentController } from './deployment/controller.ts';
import { createDisruptionController } from './disruption/controller.ts';
import { createEndpointsController } from './endpoints/controller.ts';
import { createEndpointSliceController } from './endpointslice/controller.ts';
import { createEndpointSliceMirroringController } from './endpointslicemirroring/controller.ts';
import { createGarbageController } from './garbage/controller.ts';
import { createJobController } from './job/controller.ts';
import { createNamespaceController } from './namespace/controller.ts';
import { createNodeLifecycleController } from './nodelifecycle/controller.ts';
import { createPodGcController } from './podgc/controller.ts';
import { createReplicaSetController, createReplicationController } from './replicaset/controller.ts';
import { createScheduler } from './scheduler/controller.ts';
import { createServiceAccountController } from './serviceaccount/controller.ts';
import { createRootCertificatePublisher } from './serviceaccount/root-certificate.ts';
import { createTokenSecretsController } from './serviceaccount/token-secrets.ts';
import { createStatefulSetController } from './statefulset/controller.ts';
import { createServicePods } from './service-pods.ts';

export type { Controller, ControllerDeps } from './controller.ts';

/** The account of the scheduler, which is a program of its own with upstream. */
export const SCHEDULER = 'kube-scheduler';

/**
 * Every controller, sharing one informer per kind. The caller runs the informers and each controller:
 * `await Promise.all([informers.run(signal), ...createControllers(deps).map((c) => c.run(signal))])`.
 */
export function createControllers(deps: ControllerDeps): readonly Controller[] {
  const servicePods = createServicePods(deps.informers);
  const as = accountsOf(deps);
  return [
    createEndpointSliceController(as('endpointslice-controller'), servicePods),
    createEndpointsController(as('endpoint-controller'), servicePods),
    createEndpointSliceMirroringController(as('endpointslicemirroring-controller')),
    createReplicaSetController(as('replicaset-controller')),
    createReplicationController(as('replication-controller')),
    createDeploymentController(as('deployment-controller')),
    createStatefulSetController(as('statefulset-controller')),
    createDaemonSetController(as('daemon-set-controller')),
    createJobController(as('job-controller'), as('ttl-after-finished-controller').client),
    createScheduler(as(SCHEDULER)),
    createNamespaceController(as('namespace-controller')),
    createServiceAccountController(as('service-account-controller')),
    createGarbageController(as('generic-garbage-collector')),
    createNodeLifecycleController(as('node-controller')),
    createPodGcController(as('pod-garbage-collector')),
    createDisruptionController(as('disruption-controller')),
    createClusterRoleAggregationController(as('clusterrole-aggregation-controller')),
    ...serviceAccountControllers(deps),
  ];
}

/** What the controller of that account is given. */
const accountsOf =
  (deps: ControllerDeps) =>
  (account: string): ControllerDeps =>
    deps.clientFor === undefined ? deps : { ...deps, client: deps.clientFor(account) };

/** Tokens are the business of whoever runs the controllers, as upstream: no controller's account may write Secrets. */
function serviceAccountControllers(deps: ControllerDeps): readonly Controller[] {
  const { serviceAccounts } = deps;
  if (serviceAccounts === undefined) return [];
  const { certificate, sign } = serviceAccounts;
  return [
    createRootCertificatePublisher(accountsOf(deps)('root-ca-cert-publisher'), certificate),
    ...(sign === undefined ? [] : [createTokenSecretsController(deps, { certificate, sign })]),
  ];
}
