import type { Namespace } from '../../api/core/v1/namespace.ts';
import { pods } from '../../api/core/v1/pod.ts';
import { groupResourceOf, type KubeObject } from '../../api/kind.ts';
import { priorityClasses, type PriorityClass } from '../../api/scheduling/v1/priority-class.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Store } from '../../storage/store.ts';
import type { Admission } from '../admission/admission.ts';
import {
  CERTIFICATE_SUBJECT_RESTRICTION,
  certificateRequester,
  certificateSubjectRestriction,
} from '../admission/certificates.ts';
import { DENY_SERVICE_EXTERNAL_IPS, denyServiceExternalIPs } from '../admission/deny-service-external-ips.ts';
import { namespaceLifecycle } from '../admission/namespace-lifecycle.ts';
import { PRIORITY, priorityAdmission, type PriorityClasses } from '../admission/priority.ts';
import { createJsonTexts } from '../cache/json-text.ts';
import type { ObjectTable } from '../cache/object-table.ts';
import { objectPrefix } from '../cache/stored-object.ts';
import { featureGates } from '../feature-gates.ts';
import { createWatchCache, type WatchCache } from '../cache/watch-cache.ts';
import type { Evict, Resource } from '../rest/rest.ts';
import { autoscalerDefinition } from './autoscaling/definition.ts';
import { bootstrap, eventWriter, SYSTEM_NAMESPACES } from './bootstrap/bootstrap.ts';
import { createServers } from './bootstrap/servers.ts';
import { runUpkeep } from './bootstrap/upkeep.ts';
import { certificateDefinition } from './certificates/definition.ts';
import { configMapDefinition } from './configmaps/definition.ts';
import { deploymentDefinition } from './deployments/definition.ts';
import { endpointsDefinition } from './endpoints/definition.ts';
import { endpointSliceDefinition } from './endpointslices/definition.ts';
import { eventDefinition } from './events/definition.ts';
import { createAcknowledged, currentObject, type RegistryContext, timestamp } from './generic/context.ts';
import { anyDefinition, type Definition } from './generic/definition.ts';
import { createResource } from './generic/resource.ts';
import { createTurns } from './generic/turns.ts';
import { ipAddressDefinition } from './ipaddresses/definition.ts';
import { leaseDefinition } from './leases/definition.ts';
import { limitDefinitions } from './limits/definitions.ts';
import { namespaceDefinition } from './namespaces/definition.ts';
import { networkingDefinitions } from './networking/definitions.ts';
import { nodeDefinition } from './nodes/definition.ts';
import { runtimeClassDefinition } from './nodes/runtime-class.ts';
import { podDefinition } from './pods/definition.ts';
import {
  clusterRoleBindingDefinition,
  clusterRoleDefinition,
  roleBindingDefinition,
  roleDefinition,
} from './rbac/definitions.ts';
import type { RegistryConfig } from './registry-config.ts';
import { replicaSetDefinition } from './replicasets/definition.ts';
import { secretDefinition } from './secrets/definition.ts';
import { serviceAccountDefinition } from './serviceaccounts/definition.ts';
import { serviceCIDRDefinition } from './servicecidrs/definition.ts';
import { type Allocation, createAllocation } from './services/allocation.ts';
import { serviceDefinition } from './services/definition.ts';
import { createRepair } from './services/repair.ts';
import { versionedResources } from './versions.ts';
import { volumeDefinitions } from './volumes/definitions.ts';
import { workloadDefinitions } from './workloads/definitions.ts';

export interface RegistryDeps {
  readonly store: Store;
  readonly config: RegistryConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of events that were handed to one watcher. */
  readonly watched?: RegistryContext['watched'];
  /** Admissions that come after the registry's own; called once, with what the handlers share. */
  readonly admissions?: (context: RegistryContext) => readonly Admission[];
}

export interface Registry {
  /** Every resource that is served. */
  readonly list: readonly Resource<KubeObject>[];
  /**
   * Follows the store, sets up what every cluster has, and keeps house until `signal` aborts. Rejects when the store
   * cannot be read in the beginning; what fails later is logged and tried again.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Whether requests can be answered: the store is in memory and the system's own objects exist. */
  ready(): boolean;
  /** Resolves when that was first so; stays open when it never comes to be. */
  readonly firstReady: Promise<void>;
  /** Whether all that stands in the store is in memory. */
  isLoaded(): boolean;
  /** How many objects of each resource stand, named as `deployments.apps`. */
  counts(): Iterable<readonly [resource: string, count: number]>;
}

/** Everything but `run` waits for nothing; requests before `ready` wait for the store to be loaded, for a while. */
export async function createResources(deps: RegistryDeps): Promise<Registry> {
  const { store, config, clock, logger, watched } = deps;
  const pools = createAllocation(config, (kind) => cache.resource(objectPrefix(kind)).objects);
  const namespaces = namespaceDefinition(SYSTEM_NAMESPACES);
  const definitions = definitionsFor(config, { pools, namespaces, now: () => timestamp(clock.now()) });
  const cache = createWatchCache({
    store,
    clock,
    logger,
    prefixes: definitions.map(({ kind }) => objectPrefix(kind)),
    listeners: pools.listeners,
  });
  const admissions = ownAdmissions(config, cache, (name) => currentObject(context, namespaces, name));
  const own = { texts: createJsonTexts(), acknowledged: createAcknowledged(), turns: createTurns() };
  const context: RegistryContext = { store, cache, clock, logger, watched, admissions, ...own };
  admissions.push(...(deps.admissions?.(context) ?? []));
  const stored = createStored(context, definitions);
  const list = [...stored, ...versionedResources(stored)];
  const tell = eventWriter({ resources: list });
  const repair = createRepair({ context, nodePorts: pools.nodePorts, tell });
  const servers = createServers({ store, clock, own: config.advertise });
  const parts = { context, config, resources: list, repair, servers };
  const firstReady = Promise.withResolvers<void>();
  let isReady = false;
  return {
    list,
    ready: () => isReady,
    firstReady: firstReady.promise,
    isLoaded: () => cache.revision >= 0,
    counts: () => countsIn(cache, definitions),
    async run(signal) {
      const own = new AbortController();
      const stopping = AbortSignal.any([signal, own.signal]);
      const following = cache.run(stopping);
      const serve = async (): Promise<void> => {
        await cache.loaded(stopping);
        if (stopping.aborted) return;
        await bootstrap(parts, stopping);
        isReady = true;
        firstReady.resolve();
        await runUpkeep(parts, stopping);
      };
      try {
        await Promise.race([following, serve()]);
      } finally {
        isReady = false;
        own.abort();
        await Promise.allSettled([following]);
      }
    },
  };
}

function createStored(
  context: RegistryContext,
  definitions: readonly Definition[],
): readonly Resource<KubeObject>[] {
  const stored = definitions.map((definition) => createResource(context, definition));
  return stored.map((resource) =>
    resource.kind.plural === pods.plural && resource.kind.group === ''
      ? { ...resource, evict: evictFrom(context, stored) }
      : resource,
  );
}

/** Loaded with the first eviction; most clusters that are small see none. */
function evictFrom(context: RegistryContext, resources: readonly Resource<KubeObject>[]): Evict {
  const find = (plural: string): Resource<KubeObject> | undefined =>
    resources.find(({ kind }) => kind.plural === plural);
  return async (...asked) => {
    const { createEvict } = await import('./pods/eviction.ts');
    const [own, budgets] = [find(pods.plural), find('poddisruptionbudgets')];
    if (own !== undefined && budgets !== undefined) {
      await createEvict({ context, pods: own, budgets })(...asked);
    }
  };
}

function classesIn(cache: WatchCache): PriorityClasses {
  const table = (): ObjectTable<PriorityClass> =>
    cache.resource(objectPrefix(priorityClasses)).objects as ObjectTable<PriorityClass>;
  return { find: (name) => table().get(name), list: () => table().range('', '') };
}

function ownAdmissions(
  { disabledAdmission = [] }: RegistryConfig,
  cache: WatchCache,
  findNamespace: (name: string) => Promise<Namespace | undefined>,
): Admission[] {
  const isOn = (plugin: string): boolean => !disabledAdmission.includes(plugin);
  return [
    ...(isOn('NamespaceLifecycle') ? [namespaceLifecycle(findNamespace)] : []),
    certificateRequester,
    ...(isOn(CERTIFICATE_SUBJECT_RESTRICTION) ? [certificateSubjectRestriction] : []),
    ...(isOn(PRIORITY) ? [priorityAdmission(classesIn(cache))] : []),
    ...(isOn(DENY_SERVICE_EXTERNAL_IPS) ? [denyServiceExternalIPs] : []),
  ];
}

function countsIn(
  cache: WatchCache,
  definitions: readonly Definition[],
): (readonly [resource: string, count: number])[] {
  if (cache.revision < 0) return [];
  return definitions.map(({ kind }) => [
    groupResourceOf(kind),
    cache.resource(objectPrefix(kind)).objects.size,
  ]);
}

interface Parts {
  readonly pools: Allocation;
  readonly namespaces: Definition<Namespace>;
  /** The time as objects have it. */
  readonly now: () => string;
}

/** The list of resources. One line each. */
function definitionsFor(
  { allowedEndpointCidrs = [], featureGates: gates = featureGates() }: RegistryConfig,
  { pools, namespaces, now }: Parts,
): readonly Definition[] {
  return [
    anyDefinition(configMapDefinition),
    anyDefinition(endpointsDefinition(allowedEndpointCidrs, gates)),
    anyDefinition(eventDefinition),
    anyDefinition(namespaces),
    anyDefinition(nodeDefinition),
    anyDefinition(runtimeClassDefinition),
    anyDefinition(podDefinition),
    anyDefinition(secretDefinition),
    anyDefinition(serviceAccountDefinition),
    anyDefinition(serviceDefinition({ families: pools.families, allocation: pools, gates })),
    anyDefinition(deploymentDefinition),
    anyDefinition(replicaSetDefinition),
    anyDefinition(leaseDefinition),
    ...workloadDefinitions,
    anyDefinition(autoscalerDefinition),
    anyDefinition(certificateDefinition(now)),
    ...networkingDefinitions,
    ...limitDefinitions,
    ...volumeDefinitions,
    anyDefinition(endpointSliceDefinition(allowedEndpointCidrs)),
    anyDefinition(ipAddressDefinition),
    anyDefinition(serviceCIDRDefinition),
    anyDefinition(clusterRoleBindingDefinition),
    anyDefinition(clusterRoleDefinition),
    anyDefinition(roleBindingDefinition),
    anyDefinition(roleDefinition),
  ];
}
