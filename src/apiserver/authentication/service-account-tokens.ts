import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { JsonObject } from '../../base/json.ts';

/** Keys are PEM text of P-256. */
export interface ServiceAccountConfig {
  /** Signs new tokens; its public half verifies them. */
  readonly signingKey: string;
  /** Public keys that verify tokens besides, such as former ones. */
  readonly verificationKeys?: readonly string[];
  readonly issuer: string;
  /** What the API server calls itself; tokens are for the first of them when nobody asks for others. Default: the issuer. */
  readonly audiences?: readonly string[];
}

export interface ObjectIdentity {
  readonly name: string;
  readonly uid: string;
}

/** What a token says of its holder; `expiresAt` in seconds since the epoch, absent in tokens without an end. */
export interface TokenClaims {
  readonly namespace: string;
  readonly account: ObjectIdentity;
  readonly pod?: ObjectIdentity;
  readonly secret?: Pick<ObjectIdentity, 'name'> & { readonly uid?: string };
  readonly node?: ObjectIdentity;
  readonly id?: string;
  readonly audiences: readonly string[];
  readonly expiresAt?: number;
  readonly notBefore?: number;
}

export interface TokenOrder {
  readonly namespace: string;
  readonly account: ObjectIdentity;
  readonly pod?: ObjectIdentity;
  readonly secret?: ObjectIdentity;
  readonly node?: ObjectIdentity;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
}

export interface ServiceAccountTokens {
  /** Seconds since the epoch; the end that the client is told may be earlier than the token's own. */
  sign(order: TokenOrder): Promise<{ readonly token: string; readonly expiresAt: number }>;
  /** For a Secret of type kubernetes.io/service-account-token; it has no end. */
  readonly signLegacy: (order: {
    readonly namespace: string;
    readonly account: ObjectIdentity;
    readonly secretName: string;
  }) => Promise<string>;
  /** The claims of a token that we signed and that is not over; undefined for every other text. Never rejects for what the text is. */
  verify(token: string): Promise<TokenClaims | undefined>;
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** The JSON Web Key Set of all keys that verify. */
  jwks(): JsonObject;
}

const LEGACY_ISSUER = 'kubernetes/serviceaccount';
const LEGACY = 'kubernetes.io/serviceaccount/';
/** What kubelets ask for; as upstream such a token outlives what its Pod is told, for clients that read it only once. */
const EXTENDED_SECONDS = 3607;
const YEAR_SECONDS = 365 * 24 * 3600;
/** Signatures known to be good, so that a busy client costs one verification. */
const MAX_KNOWN = 4096;
/** Longer texts are none of ours. */
const MAX_TOKEN_LENGTH = 16 * 1024;

interface Key {
  readonly id: string;
  readonly key: KeyObject;
}

function publicKeyOf(pem: string): Key {
  const key = createPublicKey(pem);
  const id = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  return { id, key };
}

/** Whether a bearer token has the form of a JWT. */
export const isJwt = (token: string): boolean =>
  token.length <= MAX_TOKEN_LENGTH && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);

/** The claims of tokens that were seen lately, by digest; what has not been asked for for the longest time goes first. */
function createKnown() {
  const known = new Map<string, TokenClaims>();
  return {
    get: (digest: string): TokenClaims | undefined => known.get(digest),
    set: (digest: string, claims: TokenClaims): void => {
      known.delete(digest);
      known.set(digest, claims);
      const [oldest] = known.keys();
      if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
    },
  };
}

/** Signs and verifies the tokens of service accounts. The library for that is loaded when it is first needed. */
export function createServiceAccountTokens(config: ServiceAccountConfig, clock: Clock): ServiceAccountTokens {
  // The signing key's public half may be named besides.
  const pems = [config.signingKey, ...(config.verificationKeys ?? [])];
  const byId = new Map(pems.map(publicKeyOf).map((each) => [each.id, each]));
  const keys = [...byId.values()];
  const signer = createPrivateKey(config.signingKey);
  const [own] = keys;
  const known = createKnown();
  const audiences = config.audiences ?? [config.issuer];
  const nowSeconds = () => Math.floor(clock.now() / 1000);
  const signed = async (payload: JsonObject): Promise<string> => {
    const { SignJWT } = await import('jose');
    return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: own?.id ?? '' }).sign(signer);
  };
  return {
    issuer: config.issuer,
    audiences,
    async sign(order) {
      const now = nowSeconds();
      const { expirationSeconds: seconds } = order;
      const isExtended =
        seconds === EXTENDED_SECONDS &&
        order.pod !== undefined &&
        order.audiences.every((each) => audiences.includes(each));
      const payload = claimsOf(order, {
        issuer: config.issuer,
        now,
        expiresAt: now + (isExtended ? YEAR_SECONDS : seconds),
        ...(isExtended ? { warnAfter: now + seconds } : {}),
      });
      return { token: await signed(payload), expiresAt: now + seconds };
    },
    signLegacy: ({ namespace, account, secretName }) =>
      signed({
        iss: LEGACY_ISSUER,
        sub: subjectOf(namespace, account.name),
        [`${LEGACY}namespace`]: namespace,
        [`${LEGACY}secret.name`]: secretName,
        [`${LEGACY}service-account.name`]: account.name,
        [`${LEGACY}service-account.uid`]: account.uid,
      }),
    async verify(token) {
      const digest = createHash('sha256').update(token).digest('base64');
      const claims =
        known.get(digest) ?? (await verified(token, { byId, keys, issuer: config.issuer, audiences }));
      if (claims === undefined) return undefined;
      const now = nowSeconds();
      if ((claims.expiresAt ?? Infinity) <= now || (claims.notBefore ?? 0) > now) return undefined;
      known.set(digest, claims);
      return claims;
    },
    jwks: () => ({
      keys: keys.map(({ id, key }) => ({
        use: 'sig',
        ...(key.export({ format: 'jwk' }) as JsonObject),
        kid: id,
        alg: 'ES256',
      })),
    }),
  };
}

const subjectOf = (namespace: string, name: string): string => `system:serviceaccount:${namespace}:${name}`;

function claimsOf(
  order: TokenOrder,
  times: {
    readonly issuer: string;
    readonly now: number;
    readonly expiresAt: number;
    readonly warnAfter?: number;
  },
): JsonObject {
  const { namespace, account, pod, secret, node } = order;
  return {
    aud: [...order.audiences],
    exp: times.expiresAt,
    iat: times.now,
    iss: times.issuer,
    jti: crypto.randomUUID(),
    'kubernetes.io': {
      namespace,
      ...(node === undefined ? {} : { node: { ...node } }),
      ...(pod === undefined ? {} : { pod: { ...pod } }),
      ...(secret === undefined ? {} : { secret: { ...secret } }),
      serviceaccount: { name: account.name, uid: account.uid },
      ...(times.warnAfter === undefined ? {} : { warnafter: times.warnAfter }),
    },
    nbf: times.now,
    sub: subjectOf(namespace, account.name),
  };
}

async function verified(
  token: string,
  trust: {
    readonly byId: ReadonlyMap<string, Key>;
    readonly keys: readonly Key[];
    readonly issuer: string;
    readonly audiences: readonly string[];
  },
): Promise<TokenClaims | undefined> {
  if (!isJwt(token)) return undefined;
  const { compactVerify, decodeProtectedHeader } = await import('jose');
  try {
    const { kid } = decodeProtectedHeader(token);
    const named = kid === undefined ? undefined : trust.byId.get(kid);
    // A token without a key's name may be of any of them; one with a foreign name is of none.
    for (const { key } of kid === undefined ? trust.keys : named === undefined ? [] : [named]) {
      const result = await compactVerify(token, key, { algorithms: ['ES256'] }).catch(() => undefined);
      if (result === undefined) continue;
      return parseClaims(JSON.parse(new TextDecoder().decode(result.payload)) as JsonObject, trust);
    }
  } catch {
    // No JWT after all.
  }
  return undefined;
}

interface PrivateClaims {
  readonly namespace?: string;
  readonly serviceaccount?: ObjectIdentity;
  readonly pod?: ObjectIdentity;
  readonly secret?: ObjectIdentity;
  readonly node?: ObjectIdentity;
}

/** What a signed payload says; undefined when it is of another issuer or does not say enough. */
function parseClaims(
  payload: JsonObject,
  { issuer, audiences }: { readonly issuer: string; readonly audiences: readonly string[] },
): TokenClaims | undefined {
  if (payload.iss === LEGACY_ISSUER) return parseLegacyClaims(payload, audiences);
  const own = (payload['kubernetes.io'] ?? {}) as PrivateClaims;
  const { namespace, serviceaccount: account } = own;
  const { aud, exp, nbf, jti, sub } = payload;
  if (payload.iss !== issuer || namespace === undefined || account === undefined) return undefined;
  if (typeof exp !== 'number' || sub !== subjectOf(namespace, account.name)) return undefined;
  return {
    namespace,
    account,
    ...(own.pod === undefined ? {} : { pod: own.pod }),
    ...(own.secret === undefined ? {} : { secret: own.secret }),
    ...(own.node === undefined ? {} : { node: own.node }),
    ...(typeof jti === 'string' ? { id: jti } : {}),
    audiences: (Array.isArray(aud) ? aud : [aud]).map(String),
    expiresAt: exp,
    ...(typeof nbf === 'number' ? { notBefore: nbf } : {}),
  };
}

function parseLegacyClaims(payload: JsonObject, audiences: readonly string[]): TokenClaims | undefined {
  const of = (name: string): string => {
    const value = payload[LEGACY + name];
    return typeof value === 'string' ? value : '';
  };
  const namespace = of('namespace');
  const account = { name: of('service-account.name'), uid: of('service-account.uid') };
  const secret = { name: of('secret.name') };
  if (payload.sub !== subjectOf(namespace, account.name) || secret.name === '') return undefined;
  return { namespace, account, secret, audiences };
}
