import { nodes } from '../../api/core/v1/node.ts';
import { pods } from '../../api/core/v1/pod.ts';
import { secrets, type Secret } from '../../api/core/v1/secret.ts';
import { serviceAccounts } from '../../api/core/v1/service-account.ts';
import type { Kind, KubeObject } from '../../api/kind.ts';
import type { Clock } from '../../base/clock.ts';
import type { RequestUser } from '../rest/rest.ts';
import type { ObjectIdentity, TokenClaims } from './service-account-tokens.ts';

/** Finds a stored object by `namespace/name`, or `name`; as new as what this server has acknowledged. */
export type FindObject = <T extends KubeObject>(kind: Kind<T>, key: string) => Promise<T | undefined>;

/** After this an object that is being deleted counts as gone, finalizers or not (upstream's leeway). */
const LEEWAY_MS = 60_000;

/** Whom the claims of a token stand for; undefined when the account or what the token is bound to is no more. */
export async function userOfClaims(
  claims: TokenClaims,
  { find, clock, token }: { readonly find: FindObject; readonly clock: Clock; readonly token: string },
): Promise<RequestUser | undefined> {
  const { namespace, account, pod, secret, node } = claims;
  const isAlive = async (kind: Kind, key: string, uid: string | undefined): Promise<boolean> => {
    const found = await find(kind, key);
    if (found === undefined || (uid !== undefined && found.metadata.uid !== uid)) return false;
    const { deletionTimestamp } = found.metadata;
    return deletionTimestamp === undefined || Date.parse(deletionTimestamp) + LEEWAY_MS > clock.now();
  };
  const inNamespace = ({ name }: { readonly name: string }): string => `${namespace}/${name}`;
  if (!(await isAlive(serviceAccounts, inNamespace(account), account.uid))) return undefined;
  if (pod !== undefined && !(await isAlive(pods, inNamespace(pod), pod.uid))) return undefined;
  if (secret !== undefined) {
    if (!(await isAlive(secrets, inNamespace(secret), secret.uid))) return undefined;
    // A token that its Secret does not hold any more has been taken back, also when it holds another one by now.
    const isHeld = async (): Promise<boolean> => tokenIn(await find(secrets, inNamespace(secret))) === token;
    if (secret.uid === undefined && !(await isHeld())) return undefined;
  }
  const isBoundToNode = node !== undefined && pod === undefined;
  if (isBoundToNode && !(await isAlive(nodes, node.name, node.uid))) return undefined;
  return userOfAccount(namespace, account, claims);
}

const tokenIn = (secret: Secret | undefined): string =>
  Buffer.from(secret?.data?.token ?? '', 'base64').toString();

const EXTRA = 'authentication.kubernetes.io/';

/** The user that a service account is. */
export function userOfAccount(
  namespace: string,
  account: ObjectIdentity,
  { pod, node, id }: Pick<TokenClaims, 'pod' | 'node' | 'id'> = {},
): RequestUser {
  const extra = {
    ...(id === undefined ? {} : { [`${EXTRA}credential-id`]: [`JTI=${id}`] }),
    ...(node === undefined ? {} : { [`${EXTRA}node-name`]: [node.name], [`${EXTRA}node-uid`]: [node.uid] }),
    ...(pod === undefined ? {} : { [`${EXTRA}pod-name`]: [pod.name], [`${EXTRA}pod-uid`]: [pod.uid] }),
  };
  return {
    name: `system:serviceaccount:${namespace}:${account.name}`,
    uid: account.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
