import { pods, type Pod } from '../../api/core/v1/pod.ts';
import { serviceAccounts, type ServiceAccount } from '../../api/core/v1/service-account.ts';
import { forbidden } from '../../api/errors/api-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { FindObject } from '../authentication/service-account-users.ts';
import { allContainers } from '../authorization/pod-references.ts';
import { objectPrefix } from '../cache/stored-object.ts';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { Admission } from './admission.ts';

/** Where every client library looks for its identity. */
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Upstream's: an hour, and seconds by which such tokens are told from others. */
const TOKEN_SECONDS = 3607;
const MODE = 0o644;
const MIRROR = 'kubernetes.io/config.mirror';
const ENFORCE = 'kubernetes.io/enforce-mountable-secrets';
/** As Go reads a boolean. */
const TRUE = /^(1|t|T|TRUE|true|True)$/;
/** How long a Pod waits for the account `default` of a new namespace, as upstream's. */
const WAIT_MS = 1500;
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

export interface ServiceAccountAdmissionDeps {
  readonly find: FindObject;
  readonly cache: WatchCache;
  readonly clock: Clock;
}

/**
 * Upstream's ServiceAccount: a new Pod gets the account `default` when it names none, the account must exist, and its
 * containers get its token, the cluster's certificate and the namespace as files, unless Pod or account say otherwise.
 */
export function serviceAccountAdmission(deps: ServiceAccountAdmissionDeps): Admission {
  return async ({ operation, kind, subresource, namespace, name, object }) => {
    if (operation !== 'create' || kind.plural !== pods.plural || kind.group !== '' || subresource !== '')
      return;
    const pod = object as Pod;
    if (pod.metadata.annotations?.[MIRROR] !== undefined) return checkMirror(pod);
    const account = pod.spec.serviceAccountName || pod.spec.serviceAccount || 'default';
    const found = await findAccount(deps, `${namespace}/${account}`, account === 'default');
    if (found === undefined) {
      throw forbidden(
        pods,
        name,
        `error looking up service account ${namespace}/${account}: serviceaccount ${JSON.stringify(account)} not found`,
      );
    }
    const isEnforced = TRUE.test(found.metadata.annotations?.[ENFORCE] ?? '');
    const faults = isEnforced ? secretFaults(pod, found) : undefined;
    if (faults !== undefined) throw forbidden(pods, name, faults);
    return withAccount(pod, found);
  };
}

function checkMirror(pod: Pod): undefined {
  const { name } = pod.metadata;
  if ((pod.spec.serviceAccountName ?? '') !== '') {
    throw forbidden(pods, name, 'a mirror pod may not reference service accounts');
  }
  const volumes = pod.spec.volumes ?? [];
  if (volumes.some(({ secret }) => secret !== undefined)) {
    throw forbidden(pods, name, 'a mirror pod may not reference secrets');
  }
  if (
    volumes.some(({ projected }) =>
      projected?.sources?.some((each) => each.serviceAccountToken !== undefined),
    )
  ) {
    throw forbidden(pods, name, 'a mirror pod may not use ServiceAccountToken volume projections');
  }
  return undefined;
}

/** The account `default` is made by a controller, which a new namespace must give a moment. */
async function findAccount(
  { find, cache, clock }: ServiceAccountAdmissionDeps,
  key: string,
  isAwaited: boolean,
): Promise<ServiceAccount | undefined> {
  const found = await find(serviceAccounts, key);
  if (found !== undefined || !isAwaited) return found;
  const prefix = objectPrefix(serviceAccounts);
  const current = () => cache.resource(prefix).objects.get(key);
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const unsubscribe = cache.subscribe(prefix, () => {
    if (current() !== undefined) resolve(undefined);
  });
  const cancel = clock.after(WAIT_MS, () => resolve(undefined));
  try {
    if (current() === undefined) await promise;
  } finally {
    cancel();
    unsubscribe();
  }
  return current();
}

function secretFaults(pod: Pod, account: ServiceAccount): string | undefined {
  const mountable = new Set((account.secrets ?? []).map(({ name }) => name));
  const why = `is not allowed because service account ${account.metadata.name} does not reference that secret`;
  for (const { secret } of pod.spec.volumes ?? []) {
    if (secret !== undefined && !mountable.has(secret.secretName)) {
      return `volume with secret.secretName="${secret.secretName ?? ''}" ${why}`;
    }
  }
  const initial = new Set<object>(pod.spec.initContainers ?? []);
  for (const container of allContainers(pod.spec)) {
    const who = `${initial.has(container) ? 'init ' : ''}container ${container.name}`;
    const used = [
      ...(container.env ?? []).map(({ name, valueFrom }) => ({
        how: `envVar ${name}`,
        ref: valueFrom?.secretKeyRef,
      })),
      ...(container.envFrom ?? []).map(({ secretRef }) => ({ how: 'envFrom', ref: secretRef })),
    ];
    for (const { how, ref } of used) {
      if (ref?.name === undefined || mountable.has(ref.name)) continue;
      return `${who} with ${how} referencing secret.secretName="${ref.name}" ${why}`;
    }
  }
  const pulled = new Set((account.imagePullSecrets ?? []).map(({ name }) => name));
  for (const [i, { name = '' }] of (pod.spec.imagePullSecrets ?? []).entries()) {
    if (!pulled.has(name))
      return `imagePullSecrets[${i}].name="${name}" ${why.replace(/secret$/, 'imagePullSecret')}`;
  }
  return undefined;
}

function withAccount(pod: Pod, account: ServiceAccount): Pod {
  const { name } = account.metadata;
  const { imagePullSecrets = [] } = pod.spec;
  const inherited = account.imagePullSecrets ?? [];
  const spec: Pod['spec'] = {
    ...pod.spec,
    serviceAccountName: name,
    serviceAccount: name,
    ...(imagePullSecrets.length === 0 && inherited.length > 0 ? { imagePullSecrets: inherited } : {}),
  };
  const isWanted = pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
  return { ...pod, spec: isWanted ? withToken(spec) : spec };
}

/** A container that mounts something of its own at the place keeps that. */
function withToken(spec: Pod['spec']): Pod['spec'] {
  const isFree = ({
    volumeMounts = [],
  }: {
    readonly volumeMounts?: readonly { readonly mountPath: string }[];
  }) => !volumeMounts.some(({ mountPath }) => mountPath === MOUNT_PATH);
  const { initContainers = [], containers } = spec;
  if (![...initContainers, ...containers].some(isFree)) return spec;
  const name = `kube-api-access-${randomSuffix()}`;
  const mount = { name, readOnly: true, mountPath: MOUNT_PATH };
  const mounted = <T extends Pod['spec']['containers'][number]>(container: T): T =>
    isFree(container)
      ? { ...container, volumeMounts: [...(container.volumeMounts ?? []), mount] }
      : container;
  return {
    ...spec,
    containers: containers.map(mounted),
    ...(initContainers.length === 0 ? {} : { initContainers: initContainers.map(mounted) }),
    volumes: [...(spec.volumes ?? []), tokenVolume(name)],
  };
}

const tokenVolume = (name: string): NonNullable<Pod['spec']['volumes']>[number] => ({
  name,
  projected: {
    defaultMode: MODE,
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: TOKEN_SECONDS } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
  },
});

function randomSuffix(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(5));
  return [...bytes].map((byte) => ALPHABET[byte % ALPHABET.length] ?? '').join('');
}
