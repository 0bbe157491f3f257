import { secrets as secretKind, type Secret } from '../../api/core/v1/secret.ts';
import {
  serviceAccounts as serviceAccountKind,
  type ServiceAccount,
} from '../../api/core/v1/service-account.ts';
import { isConflict, isNotFound } from '../../api/errors/api-error.ts';
import type { Client } from '../../client/client.ts';
import { createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';

export interface TokenSecretsOptions {
  /** PEM of the authority, for the Secret's `ca.crt`. */
  readonly certificate: string;
  /** Makes a token without an end. */
  readonly sign: (order: {
    readonly namespace: string;
    readonly account: { readonly name: string; readonly uid: string };
    readonly secretName: string;
  }) => Promise<string>;
}

const TYPE = 'kubernetes.io/service-account-token';
const ACCOUNT = 'kubernetes.io/service-account.name';
const ACCOUNT_UID = 'kubernetes.io/service-account.uid';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/**
 * Fills Secrets of type kubernetes.io/service-account-token with a token of the account they name, and removes them when
 * that account is no more. Its keys are those of Secrets.
 */
export function createTokenSecretsController(deps: ControllerDeps, options: TokenSecretsOptions): Controller {
  const { client, informers } = deps;
  const secrets = informers.for(secretKind);
  const accounts = informers.for(serviceAccountKind);

  const remove = async ({ metadata }: Secret): Promise<void> => {
    const preconditions = metadata.uid === undefined ? {} : { uid: metadata.uid };
    await client.delete(secretKind, metadata, { preconditions });
  };

  const reconcile = async (key: string): Promise<void> => {
    const secret = secrets.get(key);
    if (secret?.type !== TYPE || secret.metadata.deletionTimestamp !== undefined) return;
    const { namespace = '', annotations = {}, name: secretName } = secret.metadata;
    const name = annotations[ACCOUNT] ?? '';
    const wantedUid = annotations[ACCOUNT_UID];
    try {
      // Removing is for good, so memory is not enough to go by.
      const account = accounts.get(`${namespace}/${name}`) ?? (await readAccount(client, namespace, name));
      const uid = account?.metadata.uid ?? '';
      if (account === undefined || (wantedUid !== undefined && wantedUid !== uid))
        return await remove(secret);
      const { data = {} } = secret;
      const isWhole =
        wantedUid !== undefined &&
        (data.token ?? '') !== '' &&
        data['ca.crt'] === base64(options.certificate) &&
        data.namespace === base64(namespace);
      if (isWhole) return;
      const token =
        data.token ?? base64(await options.sign({ namespace, account: { name, uid }, secretName }));
      await client.update(secretKind, {
        ...secret,
        metadata: { ...secret.metadata, annotations: { ...annotations, [ACCOUNT_UID]: uid } },
        data: { ...data, token, 'ca.crt': base64(options.certificate), namespace: base64(namespace) },
      });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  };

  return createController(deps, {
    name: 'serviceaccount-token',
    reads: [secrets, accounts],
    reconcile,
    connect: (queue) => [
      secrets.onChange(({ key, next }) => {
        if (next?.type === TYPE) queue.add(key);
      }),
      accounts.onChange(({ prev, next }) => {
        if (next !== undefined && prev?.metadata.uid === next.metadata.uid) return;
        const { namespace, name } = (next ?? prev)?.metadata ?? {};
        for (const { metadata, type } of secrets.list()) {
          if (type !== TYPE || metadata.namespace !== namespace) continue;
          if (metadata.annotations?.[ACCOUNT] === name) queue.add(`${namespace ?? ''}/${metadata.name}`);
        }
      }),
    ],
  });
}

async function readAccount(
  client: Client,
  namespace: string,
  name: string,
): Promise<ServiceAccount | undefined> {
  try {
    return await client.get(serviceAccountKind, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
