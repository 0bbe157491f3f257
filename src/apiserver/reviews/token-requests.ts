import {
  tokenRequests,
  type BoundObjectReference,
  type TokenRequest,
} from '../../api/authentication/v1/authentication.ts';
import { nodes } from '../../api/core/v1/node.ts';
import { pods } from '../../api/core/v1/pod.ts';
import { secrets } from '../../api/core/v1/secret.ts';
import { serviceAccounts } from '../../api/core/v1/service-account.ts';
import { badRequest, conflict, invalid, notFound } from '../../api/errors/api-error.ts';
import { invalidValue } from '../../api/errors/field-error.ts';
import { parseApiVersion, type Kind, type KubeObject } from '../../api/kind.ts';
import type { JsonObject } from '../../base/json.ts';
import type { FindObject } from '../authentication/service-account-users.ts';
import type {
  ObjectIdentity,
  ServiceAccountTokens,
  TokenOrder,
} from '../authentication/service-account-tokens.ts';
import { timestamp } from '../registry/generic/context.ts';
import type { RequestScope } from '../rest/rest.ts';
import { decodeRequest } from './review-resource.ts';

const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;

export interface TokenRequestDeps {
  readonly tokens: ServiceAccountTokens;
  readonly find: FindObject;
  /** Rejects when the user may not have a token like this. */
  readonly admit: (request: {
    readonly scope: RequestScope;
    readonly name: string;
    readonly object: TokenRequest;
  }) => Promise<void>;
}

/** POST serviceaccounts/NAME/token. Rejects with 404 without the account, 400, 409 and 422 for what is asked. */
export async function requestToken(
  { tokens, find, admit }: TokenRequestDeps,
  scope: RequestScope,
  [name, body]: readonly [name: string, body: JsonObject],
): Promise<TokenRequest> {
  const request = decodeRequest(tokenRequests, scope, body);
  checkNames(request, scope.namespace, name);
  const account = await find(serviceAccounts, `${scope.namespace}/${name}`);
  if (account === undefined) throw notFound(serviceAccounts, name);
  const audiences = request.spec.audiences.length === 0 ? tokens.audiences : request.spec.audiences;
  const expirationSeconds = request.spec.expirationSeconds ?? 3600;
  checkExpiration(expirationSeconds);
  const spec = { ...request.spec, audiences, expirationSeconds };
  const object = { ...request, spec };
  await admit({ scope, name, object });
  const bound = await boundObjects(find, {
    namespace: scope.namespace,
    account: name,
    ref: spec.boundObjectRef,
  });
  const identity = { name, uid: account.metadata.uid ?? '' };
  const order = { namespace: scope.namespace, account: identity, ...bound, audiences, expirationSeconds };
  const { token, expiresAt } = await tokens.sign(order);
  const issuedAt = timestamp((expiresAt - expirationSeconds) * 1000);
  return {
    ...object,
    metadata: { ...request.metadata, name, namespace: scope.namespace, creationTimestamp: issuedAt },
    status: { token, expirationTimestamp: timestamp(expiresAt * 1000) },
  };
}

function checkNames({ metadata }: TokenRequest, namespace: string, name: string): void {
  const written = metadata as Partial<TokenRequest['metadata']>;
  if ((written.name ?? '') !== '' && written.name !== name) {
    throw badRequest(
      `the name in the object, ${written.name ?? ''}, does not match the name in the URL, ${name}`,
    );
  }
  if ((written.namespace ?? '') !== '' && written.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

function checkExpiration(seconds: number): void {
  const path = 'spec.expirationSeconds';
  if (seconds < MIN_SECONDS) {
    const detail = 'may not specify a duration less than 10 minutes';
    throw invalid(tokenRequests, '', [invalidValue(path, seconds, detail)]);
  }
  if (seconds > MAX_SECONDS) {
    const detail = 'may not specify a duration larger than 2^32 seconds';
    throw invalid(tokenRequests, '', [invalidValue(path, seconds, detail)]);
  }
}

interface Binding {
  readonly namespace: string;
  readonly account: string;
  readonly ref: BoundObjectReference | undefined;
}

/** The object a token is bound to, as it is now; of a Pod its node as well. */
async function boundObjects(
  find: FindObject,
  { namespace, account, ref }: Binding,
): Promise<Pick<TokenOrder, 'pod' | 'secret' | 'node'>> {
  if (ref === undefined) return {};
  const { apiVersion = '', kind = '', name = '' } = ref;
  const key = `${namespace}/${name}`;
  const found = async <T extends KubeObject>(of: Kind<T>, at: string): Promise<T> => {
    const object = await find(of, at);
    if (object === undefined) throw notFound(of, name);
    return object;
  };
  const { group, version } = parseApiVersion(apiVersion);
  switch (apiVersion === 'v1' ? kind : '') {
    case 'Pod': {
      const pod = await found(pods, key);
      if (pod.spec.serviceAccountName !== account) {
        throw badRequest(
          `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
        );
      }
      const { nodeName = '' } = pod.spec;
      const node = nodeName === '' ? undefined : await find(nodes, nodeName);
      return { pod: identityOf(pod, ref), ...(node === undefined ? {} : { node: identityOf(node, {}) }) };
    }
    case 'Secret':
      return { secret: identityOf(await found(secrets, key), ref) };
    case 'Node':
      return { node: identityOf(await found(nodes, name), ref) };
    default:
      throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  }
}

function identityOf({ metadata }: KubeObject, { uid = '', kind = '' }: BoundObjectReference): ObjectIdentity {
  const { name } = metadata;
  const own = metadata.uid ?? '';
  if (uid !== '' && uid !== own) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict({ group: '', kind, plural: kind }, name, why);
  }
  return { name, uid: own };
}
