import { deployments as deploymentKind } from '../../api/apps/v1/deployment.ts';
import { replicaSets as replicaSetKind } from '../../api/apps/v1/replica-set.ts';
import { statefulSets as statefulSetKind } from '../../api/apps/v1/revisioned-workloads.ts';
import { scales as scaleKind } from '../../api/autoscaling/v1/scale.ts';
import { replicationControllers as replicationControllerKind } from '../../api/core/v1/replication-controller.ts';
import { isNotFound } from '../../api/errors/api-error.ts';
import { groupResourceOf, parseApiVersion } from '../../api/kind.ts';
import type { KubeObject } from '../../api/kind.ts';
import type { OwnerReference } from '../../api/meta/v1/object-meta.ts';
import { isJsonObject } from '../../base/json.ts';
import type { JsonObject } from '../../base/json.ts';
import { call } from '../../client/call.ts';
import type { Informer } from '../../client/informer.ts';
import type { ControllerDeps } from '../controller.ts';
import { controllerOf } from '../ownership.ts';
import type { OwnerScale } from './plan.ts';

/** As upstream's mapper, which is made anew this often. */
const discoveryMs = 30_000;

/** What controls a Pod, and where to look for it. */
export interface AskedScale {
  readonly owner: OwnerReference;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

/** How many Pods their controllers want. */
export interface Scales {
  readonly reads: readonly { readonly firstSync: Promise<void> }[];
  /** Undefined when there is no such controller. Throws for a kind that has no number, and what the server answers. */
  of(asked: AskedScale): Promise<OwnerScale | undefined>;
  /** Calls `changed` with the namespace of a workload whose number changes. */
  connect(changed: (namespace: string) => void): readonly (() => void)[];
}

type Scaled = KubeObject & { readonly spec?: { readonly replicas?: number } };

/** Known kinds are answered from the informers, all others from their scale subresource. */
export function createScales(deps: Pick<ControllerDeps, 'client' | 'informers' | 'clock'>): Scales {
  const { informers } = deps;
  const deployments = informers.for(deploymentKind);
  const replicaSets = informers.for(replicaSetKind);
  const statefulSets = informers.for(statefulSetKind);
  const replicationControllers = informers.for(replicationControllerKind);
  const ask = createScaleQuestion(deps);

  const ofReplicaSet = (owner: OwnerReference, namespace: string): OwnerScale | undefined => {
    const replicaSet = find(replicaSets, owner, namespace);
    if (replicaSet === undefined) return undefined;
    const above = controllerOf(replicaSet);
    if (above?.kind !== 'Deployment') return scaleOf(replicaSet);
    return isOf(above, ['apps', 'extensions']) ? scaleOf(find(deployments, above, namespace)) : undefined;
  };
  const known = (owner: OwnerReference, namespace: string): OwnerScale | undefined => {
    switch (owner.kind) {
      case 'ReplicationController':
        return isOf(owner, ['']) ? scaleOf(find(replicationControllers, owner, namespace)) : undefined;
      case 'ReplicaSet':
        return isOf(owner, ['apps', 'extensions']) ? ofReplicaSet(owner, namespace) : undefined;
      case 'StatefulSet':
        return isOf(owner, ['apps']) ? scaleOf(find(statefulSets, owner, namespace)) : undefined;
      default:
        return undefined;
    }
  };
  return {
    reads: [deployments, replicaSets, statefulSets, replicationControllers],
    of: async (asked) => known(asked.owner, asked.namespace) ?? (await ask(asked)),
    connect: (changed) => [
      follow(deployments, changed),
      follow(replicaSets, changed),
      follow(statefulSets, changed),
      follow(replicationControllers, changed),
    ],
  };
}

const isOf = ({ apiVersion }: OwnerReference, groups: readonly string[]): boolean =>
  groups.includes(parseApiVersion(apiVersion).group);

/** The very object that is meant, not another one of its name. */
function find<T extends Scaled>(informer: Informer<T>, owner: OwnerReference, namespace: string) {
  const object = informer.get(`${namespace}/${owner.name}`);
  return object?.metadata.uid === owner.uid ? object : undefined;
}

const scaleOf = (object: Scaled | undefined): OwnerScale | undefined =>
  object && { uid: object.metadata.uid ?? '', replicas: object.spec?.replicas ?? 1 };

const follow = <T extends Scaled>(informer: Informer<T>, changed: (namespace: string) => void) =>
  informer.onChange(({ prev, next }) => {
    if (prev !== undefined && next !== undefined && prev.spec?.replicas === next.spec?.replicas) return;
    changed((next ?? prev)?.metadata.namespace ?? '');
  });

interface Found {
  readonly at: number;
  readonly resources: readonly JsonObject[];
}

/** Asks the server for the scale of any kind, whose plural it has to be asked for first. */
function createScaleQuestion({ client, clock }: Pick<ControllerDeps, 'client' | 'clock'>) {
  const known = new Map<string, Found>();
  const resourcesOf = async (apiVersion: string, signal: AbortSignal): Promise<readonly JsonObject[]> => {
    const found = known.get(apiVersion);
    if (found !== undefined && clock.now() - found.at < discoveryMs) return found.resources;
    const { group, version } = parseApiVersion(apiVersion);
    const path = ['', ...(group === '' ? ['api'] : ['apis', group]), version]
      .map(encodeURIComponent)
      .join('/');
    const headers = { accept: 'application/json' };
    try {
      const answer = await call(client.transport, { method: 'GET', path, headers, signal });
      const list = isJsonObject(answer) && Array.isArray(answer.resources) ? answer.resources : [];
      const resources = list.filter(isJsonObject);
      known.set(apiVersion, { at: clock.now(), resources });
      return resources;
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  };
  return async ({ owner, namespace, signal }: AskedScale): Promise<OwnerScale | undefined> => {
    const { apiVersion, kind, name, uid } = owner;
    const resources = await resourcesOf(apiVersion, signal);
    const plural = resources
      .filter((each) => each.kind === kind)
      .map(({ name: resource }) => (typeof resource === 'string' ? resource : '/'))
      .find((resource) => !resource.includes('/'));
    if (plural === undefined) {
      throw new Error(`no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`);
    }
    const target = { ...scaleKind, ...parseApiVersion(apiVersion), plural };
    try {
      const scale = await client.get(target, { namespace, name }, { subresource: 'scale', signal });
      return scale.metadata.uid === uid ? { uid, replicas: scale.spec.replicas ?? 0 } : undefined;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const hasScale = resources.some(
        (each) => each.name === `${plural}/scale` && each.kind === scaleKind.kind,
      );
      if (!hasScale) throw new Error(`${groupResourceOf(target)} does not implement the scale subresource`);
      return undefined;
    }
  };
}
