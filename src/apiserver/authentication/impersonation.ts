import { badRequest } from '../../api/errors/api-error.ts';
import { forbiddenError, type Attributes, type Authorizer } from '../authorization/authorize.ts';
import type { RequestHeaders } from '../http/message.ts';
import type { RequestUser } from '../rest/rest.ts';

const USER = 'impersonate-user';
const GROUP = 'impersonate-group';
const UID = 'impersonate-uid';
const EXTRA = 'impersonate-extra-';
const ACCOUNT = 'system:serviceaccount:';
const ANONYMOUS = 'system:anonymous';

/** One thing that somebody would be, and what must be allowed for it. */
type Wish = Partial<Attributes> & { readonly resource: string; readonly name: string };

/**
 * The user that `user` asks to be taken for by Impersonate-* headers. Rejects with 403 unless `user` may impersonate
 * every part of it, with 400 when there is no name among the headers.
 */
export async function impersonatedUser(
  user: RequestUser,
  headers: RequestHeaders,
  authorizer: Authorizer,
): Promise<RequestUser> {
  const name = headers[USER] ?? '';
  const groups = valuesOf(headers[GROUP]);
  const uid = headers[UID] ?? '';
  const extra = extraOf(headers);
  if (name === '') throw badRequest('Impersonate-Group, -Uid and -Extra need an Impersonate-User as well');
  const account = accountOf(name);
  const wishes: Wish[] = [
    account === undefined
      ? { resource: 'users', name }
      : { resource: 'serviceaccounts', namespace: account.namespace, name: account.name },
    ...groups.map((group) => ({ resource: 'groups', name: group })),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({
        group: 'authentication.k8s.io',
        resource: 'userextras',
        subresource: key,
        name: value,
      })),
    ),
    ...(uid === '' ? [] : [{ group: 'authentication.k8s.io', resource: 'uids', name: uid }]),
  ];
  for (const wish of wishes) {
    const attributes = { ...NOTHING, ...wish, user };
    const decision = await authorizer(attributes);
    if (!decision.isAllowed) throw forbiddenError(attributes, decision.reason);
  }
  const implied =
    account === undefined || groups.length > 0
      ? groups
      : ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`];
  return {
    name,
    ...(uid === '' ? {} : { uid }),
    groups: withStanding(name, implied),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

const NOTHING = {
  isResource: true,
  verb: 'impersonate',
  namespace: '',
  group: '',
  version: 'v1',
  resource: '',
  subresource: '',
  name: '',
  path: '',
} as const satisfies Omit<Attributes, 'user'>;

/** Everybody is authenticated, but who is nobody. */
function withStanding(name: string, groups: readonly string[]): readonly string[] {
  const standing = name === ANONYMOUS ? 'system:unauthenticated' : 'system:authenticated';
  return groups.includes(standing) ? groups : [...groups, standing];
}

function accountOf(name: string): { readonly namespace: string; readonly name: string } | undefined {
  if (!name.startsWith(ACCOUNT)) return undefined;
  const [namespace = '', account = '', ...rest] = name.slice(ACCOUNT.length).split(':');
  return namespace === '' || account === '' || rest.length > 0 ? undefined : { namespace, name: account };
}

/** HTTP joins a header that is given several times by commas. */
const valuesOf = (header: string | undefined): readonly string[] =>
  header === undefined
    ? []
    : header.split(',').flatMap((value) => (value.trim() === '' ? [] : [value.trim()]));

/** Keys are in lower case already, and percent-encoded where a header cannot have them. */
function extraOf(headers: RequestHeaders): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith(EXTRA)) continue;
    const key = decoded(header.slice(EXTRA.length));
    Object.defineProperty(extra, key, {
      value: valuesOf(value),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return extra;
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
