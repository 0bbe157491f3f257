import type { Controller, ControllerDeps } from './controller.ts';
import { createClusterRoleAggregationController } from './clusterrole/controller.ts';
import { createDaemonSetController } from './daemonset/controller.ts';
import { createDeploymentController } from './deployment/controller.ts';
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

/**
 * Every controller, sharing one informer per kind. The caller runs the informers and each controller:
 * `await Promise.all([informers.run(signal), ...createControllers(deps).map((c) => c.run(signal))])`.
 */
export function createControllers(deps: ControllerDeps): readonly Controller[] {
  const servicePods = createServicePods(deps.informers);
  return [
    createEndpointSliceController(deps, servicePods),
    createEndpointsController(deps, servicePods),
    createEndpointSliceMirroringController(deps),
    createReplicaSetController(deps),
    createReplicationController(deps),
    createDeploymentController(deps),
    createStatefulSetController(deps),
    createDaemonSetController(deps),
    createJobController(deps),
    createScheduler(deps),
    createNamespaceController(deps),
    createServiceAccountController(deps),
    createGarbageController(deps),
    createNodeLifecycleController(deps),
    createPodGcController(deps),
    createClusterRoleAggregationController(deps),
    ...serviceAccountControllers(deps),
  ];
}

function serviceAccountControllers(deps: ControllerDeps): readonly Controller[] {
  const { serviceAccounts } = deps;
  if (serviceAccounts === undefined) return [];
  const { certificate, sign } = serviceAccounts;
  return [
    createRootCertificatePublisher(deps, certificate),
    ...(sign === undefined ? [] : [createTokenSecretsController(deps, { certificate, sign })]),
  ];
}
