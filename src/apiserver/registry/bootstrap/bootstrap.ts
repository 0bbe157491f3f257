import { endpointSlices } from '../../../api/discovery/v1/endpoint-slice.ts';
import { isAlreadyExists, isNotFound } from '../../../api/errors/api-error.ts';
import { apiVersionOf, asJson, type KubeObject } from '../../../api/kind.ts';
import { type ServiceCIDR, serviceCIDRs } from '../../../api/networking/v1/service-cidr.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { RequestScope, Resource } from '../../rest/rest.ts';
import { type RegistryContext, timestamp } from '../generic/context.ts';
import type { RegistryConfig } from '../registry-config.ts';
import { keyIn } from '../generic/context.ts';
import { objectPrefix } from '../../cache/stored-object.ts';
import { isOwnSlice, kubernetesObjects } from './kubernetes-service.ts';
import type { ServerAddress, Servers } from './servers.ts';
import type { Repair } from '../services/repair.ts';
import { DEFAULT_SERVICE_CIDR, SERVICE_CIDR_FINALIZER } from '../servicecidrs/plan.ts';

/** They exist in every cluster and cannot be deleted. */
export const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** For what a cluster cannot do without (upstream: SystemPriorityClasses). */
const SYSTEM_CLASSES = [
  {
    name: 'system-node-critical',
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    name: 'system-cluster-critical',
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
];

export interface Bootstrap {
  readonly context: RegistryContext;
  readonly config: RegistryConfig;
  readonly resources: readonly Resource<KubeObject>[];
  readonly repair: Repair;
  /** Those that share the store. */
  readonly servers: Servers;
}

/**
 * Makes what every cluster has: the system namespaces, the classes of system Pods, and `default/kubernetes`, which leads
 * to this server.
 */
export async function bootstrap(parts: Bootstrap, signal: AbortSignal): Promise<void> {
  // Together, since a durable store writes them together.
  const servers = parts.servers.renew();
  const named = SYSTEM_NAMESPACES.map((name) => ({ plural: 'namespaces', name: { name }, signal }));
  await Promise.all([
    ...named.map((wanted) => ensureExists(parts, wanted)),
    ...SYSTEM_CLASSES.map(({ name, ...body }) =>
      ensureExists(parts, { plural: 'priorityclasses', name: { name }, body, signal }),
    ),
    ensureDefaultServiceCIDR(parts, signal),
    servers,
  ]);
  // Before anybody can be given an address that a Service of an older store has.
  await parts.repair.takeOver();
  await ensureKubernetesService(parts, signal, await servers);
}

/** The ServiceCIDR of the configured ranges; a second family is added to one that has the first only. */
export async function ensureDefaultServiceCIDR(parts: Bootstrap, signal: AbortSignal): Promise<void> {
  const cidrs = parts.config.serviceCidrs.map(({ text }) => text);
  if (cidrs.length === 0) return;
  await ensureExists(parts, {
    plural: 'servicecidrs',
    name: { name: DEFAULT_SERVICE_CIDR },
    body: { metadata: { finalizers: [SERVICE_CIDR_FINALIZER] }, spec: { cidrs } },
    mend: (object) => {
      const { cidrs: standing = [] } = object.spec as { cidrs?: readonly string[] };
      const isWidened = cidrs.length === 2 && standing.length === 1 && standing[0] === cidrs[0];
      return isWidened ? { ...object, spec: { cidrs } } : object;
    },
    signal,
  });
}

/** Tells people, once per start, that the configured ranges are not those of the default ServiceCIDR. */
export async function reportOtherRanges(parts: Bootstrap): Promise<void> {
  const { cache, clock, logger } = parts.context;
  const object = cache.resource(objectPrefix(serviceCIDRs)).objects.get(DEFAULT_SERVICE_CIDR);
  const standing = (object as ServiceCIDR | undefined)?.spec.cidrs ?? [];
  const cidrs = parts.config.serviceCidrs.map(({ text }) => text);
  if (object === undefined || standing.join() === cidrs.join()) return;
  const message = `The default ServiceCIDR [${standing.join(' ')}] does not match the controller flag configurations [${cidrs.join(' ')}]`;
  logger.warn(message);
  const time = timestamp(clock.now());
  const component = 'kubernetes-service-cidr-controller';
  await eventWriter(parts)('default', {
    metadata: { name: `${DEFAULT_SERVICE_CIDR}.${crypto.randomUUID().slice(0, 8)}` },
    involvedObject: {
      apiVersion: apiVersionOf(serviceCIDRs),
      kind: serviceCIDRs.kind,
      name: DEFAULT_SERVICE_CIDR,
      ...(object.metadata.uid === undefined ? {} : { uid: object.metadata.uid }),
    },
    reason: 'KubernetesDefaultServiceCIDRInconsistent',
    message,
    type: 'Warning',
    source: { component },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
    reportingComponent: component,
  });
}

/** Also mends what was changed. What cannot be done now (its address may be taken) is logged, and tried again later. */
export async function ensureKubernetesService(
  parts: Bootstrap,
  signal: AbortSignal,
  servers: readonly ServerAddress[],
): Promise<void> {
  const { context, config } = parts;
  const wanted = kubernetesObjects(config.serviceCidrs, servers);
  await Promise.all(
    wanted.map(({ name, ...rest }) =>
      ensureExists(parts, { ...rest, name: { name, namespace: 'default' }, signal }).catch((error: unknown) =>
        context.logger.warn(`could not set up ${rest.plural} default/${name}`, { err: error }),
      ),
    ),
  );
  await removeSlices(parts, new Set(wanted.map(({ name }) => name)), signal);
}

async function removeSlices(
  parts: Bootstrap,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  const table = parts.context.cache.resource(objectPrefix(endpointSlices)).objects;
  const scope = systemScope('default', signal);
  for (const { metadata } of table.range('default/kubernetes-', '')) {
    if (!isOwnSlice(metadata.name) || wanted.has(metadata.name)) continue;
    const { write } = resourceFor(parts, endpointSlices.plural);
    await write.delete(scope, { name: metadata.name, options: {} }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
}

/**
 * How this server tells its clients apart, for other servers that shall do the same: kube-controller-manager and
 * kube-scheduler read it for their own ports.
 */
export async function publishAuthentication(parts: Bootstrap, signal: AbortSignal): Promise<void> {
  const { clientCa = '' } = parts.config;
  const data: JsonObject = clientCa === '' ? {} : { 'client-ca-file': clientCa };
  await ensureExists(parts, {
    plural: 'configmaps',
    name: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    body: { data },
    mend: (object) => ({ ...object, data: { ...(object.data as JsonObject | undefined), ...data } }),
    signal,
  });
}

interface Wanted {
  readonly plural: string;
  readonly name: { readonly name: string; readonly namespace?: string };
  readonly body?: JsonObject;
  /** The object with what must hold put right. */
  readonly mend?: (object: JsonObject) => JsonObject;
  readonly signal: AbortSignal;
}

async function ensureExists(parts: Bootstrap, wanted: Wanted): Promise<void> {
  const { plural } = wanted;
  const resource = resourceFor(parts, plural);
  const scope = systemScope(wanted.name.namespace ?? '', wanted.signal);
  const key = keyIn(wanted.name.namespace ?? '', wanted.name.name);
  await parts.context.cache.atLeast(parts.context.acknowledged.revision);
  const standing = parts.context.cache.resource(objectPrefix(resource.kind)).objects.get(key);
  if (standing === undefined) {
    const metadata = { ...(wanted.body?.metadata as JsonObject | undefined), ...wanted.name };
    await resource.write.create(scope, { ...wanted.body, metadata }).catch((error: unknown) => {
      // Another server was quicker.
      if (!isAlreadyExists(error)) throw error;
    });
    return;
  }
  const json = asJson(standing);
  const mended = wanted.mend?.(json) ?? json;
  if (deepEqual(mended, json)) return;
  if (mended.addressType !== json.addressType) {
    // A slice keeps its kind of addresses; it is made anew.
    await resource.write.delete(scope, { name: wanted.name.name, options: {} });
    return ensureExists(parts, wanted);
  }
  await resource.write.update(scope, { name: wanted.name.name, body: mended });
}

/** Throws for one that is not served. */
export function resourceFor(
  { resources }: Pick<Bootstrap, 'resources'>,
  plural: string,
): Resource<KubeObject> {
  const resource = resources.find(({ kind }) => kind.plural === plural);
  if (resource === undefined) throw new Error(`there is no resource ${plural}`);
  return resource;
}

/** Writes events as the server itself. */
export const eventWriter =
  (parts: Pick<Bootstrap, 'resources'>) =>
  (namespace: string, event: JsonObject): Promise<unknown> =>
    resourceFor(parts, 'events').write.create(systemScope(namespace, new AbortController().signal), event);

/** Requests of the server to itself. */
export const systemScope = (namespace: string, signal: AbortSignal): RequestScope => ({
  namespace,
  user: { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] },
  warnings: [],
  signal,
  fieldValidation: 'Ignore',
  isDryRun: false,
  fieldManager: 'kube-apiserver',
});
