import { deployments } from '../api/apps/v1/deployment.ts';
import type { Deployment, DeploymentCondition } from '../api/apps/v1/deployment.ts';
import { namespaces } from '../api/core/v1/namespace.ts';
import { pods } from '../api/core/v1/pod.ts';
import type { Pod } from '../api/core/v1/pod.ts';
import type { Service } from '../api/core/v1/service.ts';
import { endpointSlices } from '../api/discovery/v1/endpoint-slice.ts';
import type { Endpoint } from '../api/discovery/v1/endpoint-slice.ts';
import { isNotFound } from '../api/errors/api-error.ts';
import type { Kind, KubeObject } from '../api/kind.ts';
import type { Client } from '../client/client.ts';
import { eventually } from './test-cluster.ts';

/** What tests of workloads do again and again: the Deployment and the Service `web`, and questions about them. */
export function createWorkloadLab(client: () => Client) {
  let nNamespaces = 0;
  /** A namespace of its own for each test. */
  async function fresh(): Promise<string> {
    const name = `test-${++nNamespaces}`;
    await client().create(namespaces, { metadata: { name } });
    return name;
  }

  const list = async <T extends KubeObject>(
    kind: Kind<T>,
    namespace: string,
    labelSelector?: string,
  ): Promise<readonly T[]> => (await client().list(kind, { namespace, labelSelector })).items;

  const isGone = async <T extends KubeObject>(
    kind: Kind<T>,
    namespace: string,
    name: string,
  ): Promise<boolean> => {
    try {
      await client().get(kind, { namespace, name });
      return false;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  };

  const until = (what: string, probe: () => Promise<boolean>): Promise<true> =>
    eventually(what, async () => ((await probe()) ? (true as const) : undefined), 90_000);

  const web = (namespace: string, spec: Partial<Deployment['spec']> = {}): Deployment => ({
    metadata: { name: 'web', namespace },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'one', ports: [{ name: 'http', containerPort: 9376 }] }] },
      },
      ...spec,
    },
  });
  const service = (namespace: string, spec: Partial<Service['spec']> = {}): Service => ({
    metadata: { name: 'web', namespace },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ...spec },
  });

  const endpointsOf = async (namespace: string): Promise<readonly Endpoint[]> =>
    (await list(endpointSlices, namespace, 'kubernetes.io/service-name=web')).flatMap(
      (slice) => slice.endpoints,
    );
  const readyPods = async (namespace: string): Promise<readonly string[]> =>
    (await endpointsOf(namespace))
      .filter(({ conditions }) => conditions?.ready === true)
      .map(({ targetRef }) => targetRef?.name ?? '')
      .sort();
  const activePods = async (namespace: string): Promise<readonly Pod[]> =>
    (await list(pods, namespace)).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const getWeb = (namespace: string) => client().get(deployments, { namespace, name: 'web' });
  const patchWeb = (namespace: string, spec: object) =>
    client().patch(deployments, { namespace, name: 'web' }, { type: 'strategic', body: { spec } });
  const progress = (deployment: Deployment): DeploymentCondition | undefined =>
    deployment.status?.conditions?.find(({ type }) => type === 'Progressing');
  /** What `kubectl rollout status` waits for. */
  const isRolledOut = async (namespace: string): Promise<boolean> => {
    const { metadata, spec, status } = await getWeb(namespace);
    const wanted = spec.replicas ?? 1;
    return (
      (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
      (status?.updatedReplicas ?? 0) === wanted &&
      (status?.replicas ?? 0) === wanted &&
      (status?.availableReplicas ?? 0) === wanted
    );
  };
  async function rolledOut(namespace: string): Promise<void> {
    await until('the Deployment is rolled out', () => isRolledOut(namespace));
  }
  return {
    fresh,
    list,
    isGone,
    until,
    web,
    service,
    endpointsOf,
    readyPods,
    activePods,
    getWeb,
    patchWeb,
    progress,
    isRolledOut,
    rolledOut,
  };
}
