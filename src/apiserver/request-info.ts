export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** A path under /api or /apis that names a resource. */
export interface ResourceRequest {
  readonly isResource: true;
  /** '' when the method has no meaning for resources. */
  readonly verb: Verb | '';
  /** '' = core. */
  readonly group: string;
  readonly version: string;
  /** '' = all namespaces, or a cluster-scoped resource. */
  readonly namespace: string;
  /** Plural, as in the path. */
  readonly resource: string;
  /** '' = the whole collection. */
  readonly name: string;
  /** '' = the object itself. */
  readonly subresource: string;
  /** Segments after the subresource. */
  readonly rest: readonly string[];
}

/** Discovery, health and everything unknown; `path` has no trailing slash. */
export interface OtherRequest {
  readonly isResource: false;
  readonly path: string;
}

export type RequestInfo = ResourceRequest | OtherRequest;

const verbOfMethod: Readonly<Record<string, Verb>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** What stands under a Namespace but is about the Namespace itself. */
const namespaceSubresources = new Set(['status', 'finalize']);

/**
 * Reads method, path and query as upstream does (apiserver/pkg/endpoints/request/requestinfo.go):
 * `/api/v1/namespaces/NS/RESOURCE/NAME/SUBRESOURCE`. Undefined when a segment is not valid percent-encoding.
 */
export function parseRequestInfo(
  method: string,
  path: string,
  query: URLSearchParams,
): RequestInfo | undefined {
  const segments = decodeSegments(path);
  if (segments === undefined) return undefined;
  const other: OtherRequest = { isResource: false, path: `/${segments.join('/')}` };
  const [prefix, ...tail] = segments;
  if (prefix === 'api') {
    const [version, ...parts] = tail;
    if (version === undefined || parts.length === 0) return other;
    return resourceRequest({ method, query, group: '', version, parts });
  }
  if (prefix !== 'apis') return other;
  const [group, version, ...parts] = tail;
  if (group === undefined || version === undefined || parts.length === 0) return other;
  return resourceRequest({ method, query, group, version, parts });
}

interface Parts {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly group: string;
  readonly version: string;
  readonly parts: readonly string[];
}

function resourceRequest({ method, query, group, version, parts }: Parts): ResourceRequest {
  const { namespace, target } = splitNamespace(parts);
  const [resource = '', name = '', subresource = '', ...rest] = target;
  const verb = collectionVerb(verbOfMethod[method] ?? '', name, query);
  return { isResource: true, verb, group, version, namespace, resource, name, subresource, rest };
}

function splitNamespace(parts: readonly string[]): { namespace: string; target: readonly string[] } {
  const [first, namespace, ...target] = parts;
  if (first !== 'namespaces' || namespace === undefined) return { namespace: '', target: parts };
  const isAboutNamespace = target.length === 0 || namespaceSubresources.has(target[0] ?? '');
  return isAboutNamespace ? { namespace: '', target: parts } : { namespace, target };
}

function collectionVerb(verb: Verb | '', name: string, query: URLSearchParams): Verb | '' {
  if (name !== '') return verb;
  if (verb === 'get') return isTrue(query.get('watch')) ? 'watch' : 'list';
  return verb === 'delete' ? 'deletecollection' : verb;
}

/** Upstream's reading of a boolean in a query: present without a value is true. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

function decodeSegments(path: string): string[] | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  if (!path.includes('%')) return parts;
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
