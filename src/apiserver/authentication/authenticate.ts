import { createHash } from 'node:crypto';
import type { StaticToken } from '../config.ts';
import type { HttpRequest } from '../http/message.ts';
import type { RequestUser } from '../rest/rest.ts';
import { hasWebSocketToken, webSocketToken } from './web-socket-token.ts';

const AUTHENTICATED = 'system:authenticated';

/** Whom a request comes from; undefined when it shows nothing the server knows. */
export type Authenticator = (
  request: Pick<HttpRequest, 'headers' | 'user' | 'hasBadCertificate'>,
) => RequestUser | undefined | Promise<RequestUser | undefined>;

/** Whom a bearer token that is no static one stands for. */
export type TokenLookup = (token: string) => Promise<RequestUser | undefined>;

/** Who asks without showing anything, where that is allowed. */
export const anonymous: RequestUser = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/**
 * The caller's own identity (a client certificate, or the same process) first, then a static bearer token, then one that
 * `lookUp` knows. As upstream, a wrong token or a certificate of a foreign authority is refused even where nothing
 * needed to be shown.
 */
export function createAuthenticator(tokens: readonly StaticToken[], lookUp?: TokenLookup): Authenticator {
  const known = staticTokens(tokens);
  return ({ headers, user }) => {
    if (user !== undefined) return user;
    const token = bearerToken(headers.authorization) ?? webSocketToken(headers);
    return token === undefined ? undefined : (known(token) ?? lookUp?.(token));
  };
}

/** Looked up by digest, so that the time of a lookup tells nothing about a token. */
export function staticTokens(tokens: readonly StaticToken[]): (token: string) => RequestUser | undefined {
  const users = new Map(tokens.map((token) => [digest(token.token), userOf(token)]));
  return (token) => users.get(digest(token));
}

/** Adds the group that every authenticated user is in. */
export function userOf({ user, uid, groups }: Omit<StaticToken, 'token'>): RequestUser {
  return {
    name: user,
    groups: groups.includes(AUTHENTICATED) ? groups : [...groups, AUTHENTICATED],
    ...(uid === undefined ? {} : { uid }),
  };
}

/** Whether the request shows anything at all; only one that does not is anonymous. */
export function hasCredentials({ headers, user, hasBadCertificate }: Parameters<Authenticator>[0]): boolean {
  if (user !== undefined || headers.authorization !== undefined) return true;
  return hasBadCertificate === true || hasWebSocketToken(headers);
}

function bearerToken(header: string | undefined): string | undefined {
  const [, token] = /^bearer +(\S+) *$/i.exec(header ?? '') ?? [];
  return token;
}

const digest = (token: string): string => createHash('sha256').update(token).digest('base64');
