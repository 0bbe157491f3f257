import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { TokenRequest } from '../../api/authentication/v1/authentication.ts';
import { serviceAccounts } from '../../api/core/v1/service-account.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { ServiceAccountTokenProjection } from '../../api/core/v1/volume-projection.ts';
import { isForbidden, isNotFound } from '../../api/errors/api-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Client } from '../../client/client.ts';
import { resourcePath } from '../../client/resource-path.ts';
import { call } from '../../client/call.ts';
import { ConfigError } from '../environment/container-environment.ts';

/** Tokens for the Pods of this node. */
export interface ServiceAccountTokens {
  /** A token that has most of its life before it. Rejects with ConfigError when the API gives none. */
  get(pod: Pod, wanted: ServiceAccountTokenProjection): Promise<string>;
  /** Whether a token was given out for this that is due to be replaced. */
  isDue(pod: Pod, wanted: ServiceAccountTokenProjection): boolean;
  /** Forgets what belongs to Pods that are not among these. */
  keep(uids: ReadonlySet<string>): void;
}

interface Issued {
  readonly token: string;
  /** When it is to be replaced: after four fifths of its life, as upstream. */
  readonly dueAt: number;
}

const DEFAULT_SECONDS = 3600;
const DUE = 0.8;
/** No token is kept for longer than this, however long it lives. */
const MAX_AGE_MS = 24 * 3600 * 1000;

export function createServiceAccountTokens({
  client,
  clock,
}: {
  readonly client: Client;
  readonly clock: Clock;
}): ServiceAccountTokens {
  const issued = new Map<string, Map<string, Issued>>();
  const keyOf = ({ audience = '', expirationSeconds = DEFAULT_SECONDS }: ServiceAccountTokenProjection) =>
    `${audience} ${expirationSeconds}`;
  const knownOf = (pod: Pod, wanted: ServiceAccountTokenProjection): Issued | undefined =>
    issued.get(pod.metadata.uid ?? '')?.get(keyOf(wanted));
  return {
    async get(pod, wanted) {
      const uid = pod.metadata.uid ?? '';
      const known = knownOf(pod, wanted);
      if (known !== undefined && clock.now() < known.dueAt) return known.token;
      const startedAt = clock.now();
      const { token, expirationTimestamp } = await request(client, pod, wanted);
      const lifeMs = Date.parse(expirationTimestamp) - startedAt;
      const dueAt = startedAt + Math.min(lifeMs * DUE, MAX_AGE_MS);
      const ofPod = issued.get(uid) ?? new Map<string, Issued>();
      issued.set(uid, ofPod.set(keyOf(wanted), { token, dueAt }));
      return token;
    },
    isDue: (pod, wanted) => clock.now() >= (knownOf(pod, wanted)?.dueAt ?? 0),
    keep: (uids) => {
      for (const uid of issued.keys()) if (!uids.has(uid)) issued.delete(uid);
    },
  };
}

async function request(
  { transport }: Client,
  { metadata, spec }: Pod,
  { audience = '', expirationSeconds = DEFAULT_SECONDS }: ServiceAccountTokenProjection,
): Promise<NonNullable<TokenRequest['status']>> {
  const { name, namespace, uid } = metadata;
  const account = spec.serviceAccountName ?? 'default';
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name, uid };
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: audience === '' ? [] : [audience], expirationSeconds, boundObjectRef },
  };
  try {
    const answer = await call(transport, {
      method: 'POST',
      path: resourcePath(serviceAccounts, {
        ...(namespace === undefined ? {} : { namespace }),
        name: account,
        subresource: 'token',
      }),
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
    });
    const { status } = answer as TokenRequest;
    if (status === undefined) throw new Error(`the API gave no token for service account ${account}`);
    return status;
  } catch (error) {
    // It may be given later: the account may be made, the server may hear of the Pod.
    if (isNotFound(error) || isForbidden(error))
      throw new ConfigError(`token for ${account}: ${error.message}`);
    throw error;
  }
}

/** Where a projected file lies below the Pod's own folder. */
const projectedPath = (directory: string, volume: string, path: string): string =>
  join(directory, 'volumes', volume, normalize(`/${path}`));

/** Puts a file in the place of another at once: a reader sees the old token or the new one. */
export function replaceFile(target: string, content: Uint8Array | string, mode: number): void {
  mkdirSync(dirname(target), { recursive: true });
  const fresh = `${target}.new`;
  writeFileSync(fresh, content, { mode });
  chmodSync(fresh, mode);
  renameSync(fresh, target);
}

const ROTATION_MS = 30_000;
const MODE = 0o644;

export interface TokenRotation {
  readonly tokens: ServiceAccountTokens;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The Pods that run here, and the folder of each. */
  readonly pods: () => readonly { readonly pod: Pod; readonly directory: string }[];
}

/** Replaces tokens in the files of running Pods before they end, until `signal` aborts. */
export async function rotateTokens(rotation: TokenRotation, signal: AbortSignal): Promise<void> {
  const { tokens, clock } = rotation;
  while (!signal.aborted) {
    await clock.sleep(ROTATION_MS, signal);
    if (signal.aborted) return;
    const running = rotation.pods();
    for (const each of running) await refresh(rotation, each);
    tokens.keep(new Set(running.map(({ pod }) => pod.metadata.uid ?? '')));
  }
}

async function refresh(
  { tokens, logger }: TokenRotation,
  { pod, directory }: { readonly pod: Pod; readonly directory: string },
): Promise<void> {
  if (pod.metadata.deletionTimestamp !== undefined) return;
  for (const { name, projected } of pod.spec.volumes ?? []) {
    for (const { serviceAccountToken: wanted } of projected?.sources ?? []) {
      if (wanted === undefined || !tokens.isDue(pod, wanted)) continue;
      try {
        const token = await tokens.get(pod, wanted);
        replaceFile(projectedPath(directory, name, wanted.path), token, projected?.defaultMode ?? MODE);
      } catch (err) {
        logger.warn('a token could not be renewed, trying again', { pod: pod.metadata.name, err });
      }
    }
  }
}
