import { forbidden, forbiddenPath, type ApiError } from '../../api/errors/api-error.ts';
import { parseFieldSelector, type FieldRequirement } from '../../api/selectors/field-selector.ts';
import type { RequestInfo, ResourceRequest } from '../request-info.ts';
import type { RequestUser } from '../rest/rest.ts';

/** What somebody would do, for a decision. Of a path that is no resource only `verb` and `path` say anything. */
export interface Attributes {
  readonly user: RequestUser;
  readonly isResource: boolean;
  /** As in RBAC rules; of a path the HTTP method in lower case. */
  readonly verb: string;
  /** Of a Namespace its own name; '' = the whole cluster. */
  readonly namespace: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** '' = no single object. */
  readonly name: string;
  readonly path: string;
  /** What a list or watch is limited to. */
  readonly fields?: readonly FieldRequirement[];
}

/** `isDenied`: no other authorizer may allow it. `reason` may be ''. */
export interface Decision {
  readonly isAllowed: boolean;
  readonly isDenied?: boolean;
  readonly reason: string;
}

/** One decision per request, after authentication and before anything is read. */
export type Authorizer = (attributes: Attributes) => Decision | Promise<Decision>;

const ALLOWED: Decision = { isAllowed: true, reason: '' };
export const NO_OPINION: Decision = { isAllowed: false, reason: '' };

/** Upstream's mode AlwaysAllow: who is authenticated may do everything. */
export const alwaysAllow: Authorizer = () => ALLOWED;
/** Upstream's mode AlwaysDeny. */
export const alwaysDeny: Authorizer = () => ({
  isAllowed: false,
  reason: 'Everything is forbidden.',
});

/** The group whose members may do everything, whatever the modes say. */
export const PRIVILEGED_GROUP = 'system:masters';

export const isPrivileged = ({ groups }: Pick<RequestUser, 'groups'>): boolean =>
  groups.includes(PRIVILEGED_GROUP);

/** Asks one after the other until one allows or denies; the privileged group is never asked about. */
export function createAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  const ask = async (attributes: Attributes): Promise<Decision> => {
    const reasons: string[] = [];
    for (const authorize of authorizers) {
      const decision = await authorize(attributes);
      if (decision.isAllowed || decision.isDenied === true) return decision;
      if (decision.reason !== '') reasons.push(decision.reason);
    }
    return { isAllowed: false, reason: reasons.join('\n') };
  };
  return (attributes) => (isPrivileged(attributes.user) ? ALLOWED : ask(attributes));
}

/** What a request would do. */
export function attributesOf(
  user: RequestUser,
  {
    method,
    info,
    query,
  }: { readonly method: string; readonly info: RequestInfo; readonly query: URLSearchParams },
): Attributes {
  if (!info.isResource) return { ...NOTHING, user, verb: method.toLowerCase(), path: info.path };
  const { verb, group, version, resource, subresource, name } = info;
  const namespace =
    info.namespace === '' && resource === 'namespaces' && group === '' ? name : info.namespace;
  const base = {
    user,
    isResource: true,
    verb,
    namespace,
    group,
    version,
    resource,
    subresource,
    name,
    path: '',
  };
  const fields = selectedFields(info, query);
  if (fields === undefined) return base;
  const named = fields.find(({ field, operator }) => field === 'metadata.name' && operator === '=');
  return { ...base, fields, name: name === '' ? (named?.value ?? '') : name };
}

const NOTHING = {
  isResource: false,
  namespace: '',
  group: '',
  version: '',
  resource: '',
  subresource: '',
  name: '',
} as const;

/** A selector that cannot be read limits nothing; who may ask is told so by the handler. */
function selectedFields(
  { verb }: ResourceRequest,
  query: URLSearchParams,
): readonly FieldRequirement[] | undefined {
  if (verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection') return undefined;
  const text = query.get('fieldSelector');
  if (text === null || text === '') return undefined;
  try {
    return parseFieldSelector(text);
  } catch {
    return undefined;
  }
}

/** As upstream, since messages end up in web pages. */
const sanitized = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** 403, in upstream's words (apiserver/pkg/endpoints/handlers/responsewriters). */
export function forbiddenError(attributes: Attributes, reason: string): ApiError {
  const { isResource, group, resource, name } = attributes;
  const why = sanitized(forbiddenMessage(attributes)) + (reason === '' ? '' : `: ${reason}`);
  return isResource ? forbidden({ group, kind: '', plural: resource }, name, why) : forbiddenPath(why);
}

function forbiddenMessage(attributes: Attributes): string {
  const { user, verb, namespace, group, resource, subresource, path } = attributes;
  const quoted = JSON.stringify;
  if (!attributes.isResource) return `User ${quoted(user.name)} cannot ${verb} path ${quoted(path)}`;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${quoted(namespace)}`;
  return `User ${quoted(user.name)} cannot ${verb} resource ${quoted(whole)} in API group ${quoted(group)} ${where}`;
}
