import { serviceAccounts } from '../api/core/v1/service-account.ts';
import { tokenRequests } from '../api/authentication/v1/authentication.ts';
import type { Kind, KubeObject } from '../api/kind.ts';
import { RBAC_GROUP } from '../api/rbac/v1/role.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { hostPort } from '../net/host-port.ts';
import { admit, type Admission } from './admission/admission.ts';
import {
  CERTIFICATE_APPROVAL,
  CERTIFICATE_SIGNING,
  certificateApproval,
  certificateSigning,
} from './admission/certificates.ts';
import { nodeRestriction } from './admission/node-restriction.ts';
import { rbacEscalation } from './admission/rbac-escalation.ts';
import { serviceAccountAdmission } from './admission/service-account.ts';
import { createAuthenticator, staticTokens, type Authenticator } from './authentication/authenticate.ts';
import {
  createServiceAccountTokens,
  type ServiceAccountTokens,
} from './authentication/service-account-tokens.ts';
import { userOfClaims, type FindObject } from './authentication/service-account-users.ts';
import { alwaysAllow, alwaysDeny, createAuthorizer, type Authorizer } from './authorization/authorize.ts';
import { createNodeAuthorizer, nodeOf } from './authorization/node-authorizer.ts';
import { createRbacAuthorizer, type RbacAuthorizer } from './authorization/rbac-authorizer.ts';
import { decodeStored, objectPrefix } from './cache/stored-object.ts';
import type { ApiServerConfig } from './config.ts';
import type { HttpResponse } from './http/message.ts';
import type { RegistryContext } from './registry/generic/context.ts';
import type { CreateAction, RequestUser, Resource } from './rest/rest.ts';
import type { AccessReviewDeps } from './reviews/access-reviews.ts';
import type { TokenIdentity } from './reviews/identity-reviews.ts';

/** Who asks, and what they may do: all of it that a server has. */
export interface Access {
  readonly authenticate: Authenticator;
  readonly authorizer: Authorizer;
  /** Called once, as soon as there is a registry; everything above waits for it. */
  readonly join: (context: RegistryContext) => readonly Admission[];
  /** The resources as they are served: with tokens of service accounts, and what asks about identities and rights. */
  extend(resources: readonly Resource<KubeObject>[]): Promise<readonly Resource<KubeObject>[]>;
  /** The documents by which others verify our tokens; undefined for other paths. */
  readonly document: (path: string) => HttpResponse | undefined;
  /** Keeps the default policy, once `ready`, until `signal` aborts. Never rejects. */
  run(signal: AbortSignal, isReady: () => boolean): Promise<void>;
}

export interface AccessDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Instead of what the configuration's modes say. */
  readonly authorizer?: Authorizer;
}

type AccessConfig = Pick<
  ApiServerConfig,
  'tokens' | 'serviceAccount' | 'authorizationModes' | 'advertise'
> & {
  /** Admission plugins that are off, by upstream's names. */
  readonly disabledAdmission?: readonly string[];
};

interface Parts {
  readonly context: RegistryContext;
  readonly find: FindObject;
  readonly rbac: RbacAuthorizer;
  readonly authorizer: Authorizer;
  readonly admissions: readonly Admission[];
}

/** The default policy is put right this long after the server is ready: the first moments belong to the clients. */
const POLICY_DELAY_MS = 300;
const POLICY_RETRY_MS = 5000;

export function createAccess(config: AccessConfig, deps: AccessDeps): Access {
  const { clock } = deps;
  const tokens = config.serviceAccount && createServiceAccountTokens(config.serviceAccount, clock);
  const joined = Promise.withResolvers<Parts>();
  let parts: Parts | undefined;
  const identify = async (token: string) => {
    const claims = await tokens?.verify(token);
    if (claims === undefined) return undefined;
    const { find } = parts ?? (await joined.promise);
    const user = await userOfClaims(claims, { find, clock, token });
    return user && { user, audiences: claims.audiences };
  };
  const lookUp = async (token: string): Promise<RequestUser | undefined> => {
    const found = await identify(token);
    const isForUs = found?.audiences.some((audience) => tokens?.audiences.includes(audience)) === true;
    return isForUs ? found?.user : undefined;
  };
  const authorizer: Authorizer = (attributes) =>
    parts === undefined
      ? joined.promise.then((ready) => ready.authorizer(attributes))
      : parts.authorizer(attributes);
  return {
    authenticate: createAuthenticator(config.tokens, tokens === undefined ? undefined : lookUp),
    authorizer,
    join(context) {
      parts = createParts(config, deps, context);
      joined.resolve(parts);
      return parts.admissions;
    },
    async extend(resources) {
      const ready = await joined.promise;
      const served = resources.map((resource) => withAccess(resource, { ...ready, tokens }));
      return [...served, ...(await reviewsOf(config, ready, { tokens, identify }))];
    },
    document: (path) => tokens && tokenDocument(path, tokens, config.advertise),
    async run(signal, isReady) {
      if (!config.authorizationModes.includes('RBAC') && deps.authorizer === undefined) return;
      await keepPolicy(await joined.promise, { ...deps, signal, isReady });
    },
  };
}

/** As new as what this server has acknowledged; what another server has written comes from the store. */
const finder =
  (context: RegistryContext): FindObject =>
  async <T extends KubeObject>(kind: Kind<T>, key: string) => {
    const prefix = objectPrefix(kind);
    await context.cache.atLeast(Math.max(context.acknowledged.revision, 0));
    const known = context.cache.resource(prefix).objects.get(key);
    if (known !== undefined) return known as T;
    const entry = await context.store.get(prefix + key);
    return entry && (decodeStored(entry.value, entry.revision) as T);
  };

function createParts(config: AccessConfig, deps: AccessDeps, context: RegistryContext): Parts {
  const { cache } = context;
  const { clock } = deps;
  const find = finder(context);
  const rbac = createRbacAuthorizer(cache, async () => {
    const { bootstrapPolicy } = await import('./authorization/default-roles.ts');
    return bootstrapPolicy();
  });
  const modes = {
    Node: createNodeAuthorizer(cache),
    RBAC: rbac.authorize,
    AlwaysAllow: alwaysAllow,
    AlwaysDeny: alwaysDeny,
  };
  const authorizer =
    deps.authorizer ?? createAuthorizer(config.authorizationModes.map((mode) => modes[mode]));
  const isOn = (plugin: string): boolean => config.disabledAdmission?.includes(plugin) !== true;
  const usesRbac = config.authorizationModes.includes('RBAC');
  const admissions = [
    ...(config.serviceAccount !== undefined && isOn('ServiceAccount')
      ? [serviceAccountAdmission({ find, cache, clock })]
      : []),
    ...(config.authorizationModes.includes('Node') && isOn('NodeRestriction') ? [nodeRestriction(find)] : []),
    ...(isOn(CERTIFICATE_APPROVAL) ? [certificateApproval(authorizer)] : []),
    ...(isOn(CERTIFICATE_SIGNING) ? [certificateSigning(authorizer)] : []),
    ...(usesRbac ? [rbacEscalation({ rbac, authorizer })] : []),
  ];
  return { context, find, rbac, authorizer, admissions };
}

/** Writes of RBAC objects are answered when decisions are made by them; accounts give tokens. */
function withAccess(
  resource: Resource<KubeObject>,
  { context, find, admissions, tokens }: Parts & { readonly tokens: ServiceAccountTokens | undefined },
): Resource<KubeObject> {
  if (resource.kind.group === RBAC_GROUP) return { ...resource, write: settled(resource.write, context) };
  if (resource.kind.plural !== serviceAccounts.plural || tokens === undefined) return resource;
  const token: CreateAction = {
    kind: tokenRequests,
    create: async (scope, name, body) => {
      const { requestToken } = await import('./reviews/token-requests.ts');
      const admitToken = async ({ object }: { readonly object: KubeObject }): Promise<void> => {
        const { namespace, user } = scope;
        const asked = {
          operation: 'create',
          kind: resource.kind,
          namespace,
          name,
        } as const;
        await admit(admissions, { ...asked, subresource: 'token', object, user });
      };
      return requestToken({ tokens, find, admit: admitToken }, scope, [name, body]);
    },
  };
  return { ...resource, creates: { ...resource.creates, token } };
}

function settled(
  write: Resource<KubeObject>['write'],
  context: RegistryContext,
): Resource<KubeObject>['write'] {
  const after = async <T>(result: Promise<T>): Promise<T> => {
    const answer = await result;
    await context.cache.atLeast(context.acknowledged.revision);
    return answer;
  };
  return {
    create: (...request) => after(write.create(...request)),
    update: (...request) => after(write.update(...request)),
    patch: (...request) => after(write.patch(...request)),
    apply: (...request) => after(write.apply(...request)),
    delete: (...request) => after(write.delete(...request)),
    deleteCollection: (...request) => after(write.deleteCollection(...request)),
  };
}

async function reviewsOf(
  config: AccessConfig,
  { rbac, authorizer }: Parts,
  {
    tokens,
    identify,
  }: { readonly tokens: ServiceAccountTokens | undefined; readonly identify: TokenIdentity },
): Promise<readonly Resource<KubeObject>[]> {
  const [{ accessReviews }, { identityReviews }] = await Promise.all([
    import('./reviews/access-reviews.ts'),
    import('./reviews/identity-reviews.ts'),
  ]);
  const audiences = tokens?.audiences ?? [];
  const known = staticTokens(config.tokens);
  const identifyAny: TokenIdentity = async (token) => {
    const user = known(token);
    return user === undefined ? identify(token) : { user, audiences };
  };
  const rulesFor: AccessReviewDeps['rulesFor'] = async (user, namespace) => {
    const modes = config.authorizationModes;
    const held = modes.includes('RBAC') ? await rbac.rulesFor(user, namespace) : { rules: [], errors: [] };
    const all = modes.includes('AlwaysAllow')
      ? [
          { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
          { verbs: ['*'], nonResourceURLs: ['*'] },
        ]
      : [];
    const isNode = modes.includes('Node') && nodeOf(user) !== undefined;
    const errors = isNode ? ['node authorizer does not support user rule resolution'] : [];
    const unknown = [...held.errors, ...errors];
    return { rules: [...all, ...held.rules], isIncomplete: unknown.length > 0, errors: unknown };
  };
  return [
    ...identityReviews({ identify: identifyAny, audiences }),
    ...accessReviews({ authorizer, rulesFor }),
  ];
}

function tokenDocument(
  path: string,
  tokens: ServiceAccountTokens,
  { address, port }: AccessConfig['advertise'],
): HttpResponse | undefined {
  const headers = (type: string) => ({ 'content-type': type, 'cache-control': 'public, max-age=3600' });
  if (path === '/openid/v1/jwks') {
    return { status: 200, headers: headers('application/jwk-set+json'), body: JSON.stringify(tokens.jwks()) };
  }
  if (path !== '/.well-known/openid-configuration') return undefined;
  const body = JSON.stringify({
    issuer: tokens.issuer,
    jwks_uri: `https://${hostPort(address, port)}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  });
  return { status: 200, headers: headers('application/json'), body };
}

async function keepPolicy(
  { context, rbac }: Parts,
  {
    clock,
    logger,
    signal,
    isReady,
  }: AccessDeps & { readonly signal: AbortSignal; readonly isReady: () => boolean },
): Promise<void> {
  await context.cache.loaded(signal);
  while (!signal.aborted) {
    await clock.sleep(POLICY_DELAY_MS, signal);
    if (!isReady()) continue;
    try {
      const { reconcilePolicy } = await import('./authorization/reconcile-policy.ts');
      if (signal.aborted) return;
      await reconcilePolicy(context);
      rbac.dropDefaults();
      return;
    } catch (error) {
      logger.warn('making the default roles failed; it is tried again', { err: error });
      await clock.sleep(POLICY_RETRY_MS, signal);
    }
  }
}
