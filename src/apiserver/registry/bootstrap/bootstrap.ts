import { isAlreadyExists } from '../../../api/errors/api-error.ts';
import type { KubeObject } from '../../../api/kind.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import type { JsonObject } from '../../../base/json.ts';
import { nthAddress } from '../../../net/cidr.ts';
import type { RequestScope, Resource } from '../../rest/rest.ts';
import type { RegistryContext } from '../generic/context.ts';
import type { RegistryConfig } from '../registry-config.ts';
import { keyIn } from '../generic/context.ts';
import { objectPrefix } from '../../cache/stored-object.ts';
import type { Repair } from '../services/repair.ts';
import { DEFAULT_SERVICE_CIDR, SERVICE_CIDR_FINALIZER } from '../servicecidrs/plan.ts';

/** They exist in every cluster and cannot be deleted. */
export const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

export interface Bootstrap {
  readonly context: RegistryContext;
  readonly config: RegistryConfig;
  readonly resources: readonly Resource<KubeObject>[];
  readonly repair: Repair;
}

/** Makes what every cluster has: the system namespaces, and `default/kubernetes`, which leads to this server. */
export async function bootstrap(parts: Bootstrap, signal: AbortSignal): Promise<void> {
  // Together, since a durable store writes them together.
  const named = SYSTEM_NAMESPACES.map((name) => ({ plural: 'namespaces', name: { name }, signal }));
  await Promise.all([
    ...named.map((wanted) => ensureExists(parts, wanted)),
    ensureDefaultServiceCIDR(parts, signal),
  ]);
  // Before anybody can be given an address that a Service of an older store has.
  await parts.repair.pass();
  await ensureKubernetesService(parts, signal);
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

/** Also mends what was changed. What cannot be done now (its address may be taken) is logged, and tried again later. */
export async function ensureKubernetesService(parts: Bootstrap, signal: AbortSignal): Promise<void> {
  const { logger } = parts.context;
  await Promise.all(
    kubernetesObjects(parts.config).map((wanted) =>
      ensureExists(parts, { ...wanted, name: { name: 'kubernetes', namespace: 'default' }, signal }).catch(
        (error: unknown) =>
          logger.warn(`could not set up ${wanted.plural} default/kubernetes`, { err: error }),
      ),
    ),
  );
}

function kubernetesObjects({
  serviceCidrs,
  advertise,
}: RegistryConfig): readonly Omit<Wanted, 'name' | 'signal'>[] {
  const { address, port } = advertise;
  const servicePort = { name: 'https', protocol: 'TCP', port: 443, targetPort: port };
  const endpointPort = { name: 'https', port, protocol: 'TCP' };
  const subsets = [{ addresses: [{ ip: address }], ports: [endpointPort] }];
  const slice = { endpoints: [{ addresses: [address], conditions: { ready: true } }], ports: [endpointPort] };
  const addressType = address.includes(':') ? 'IPv6' : 'IPv4';
  return [
    ...serviceCidrs.slice(0, 1).map((cidr) => ({
      plural: 'services',
      body: {
        metadata: { labels: { component: 'apiserver', provider: 'kubernetes' } },
        spec: {
          clusterIP: nthAddress(cidr, 1).text,
          ipFamilies: [cidr.family],
          ipFamilyPolicy: 'SingleStack',
          ports: [servicePort],
        },
      },
      mend: (object: JsonObject) => ({
        ...object,
        spec: { ...(object.spec as JsonObject), ports: [servicePort] },
      }),
    })),
    {
      plural: 'endpoints',
      // Its slice is made here and needs no mirror.
      body: { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }, subsets },
      mend: (object) => ({ ...object, subsets }),
    },
    {
      plural: 'endpointslices',
      body: { metadata: { labels: { 'kubernetes.io/service-name': 'kubernetes' } }, addressType, ...slice },
      mend: (object) => ({ ...object, ...slice }),
    },
  ];
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
  const json = standing as unknown as JsonObject;
  const mended = wanted.mend?.(json) ?? json;
  if (deepEqual(mended, json)) return;
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
