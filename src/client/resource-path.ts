import type { Kind, KubeObject } from '../api/kind.ts';

export interface ObjectRef {
  /** Left out for cluster-wide kinds. */
  readonly namespace?: string;
  readonly name: string;
}

/** What a resource path may name below the kind; an empty value lists all namespaces. */
export interface ResourcePath {
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** `/api/v1/namespaces/a/pods/b/status?x=y`: the absolute path of a resource, percent-encoded. */
export function resourcePath<T extends KubeObject>(
  kind: Kind<T>,
  at: ResourcePath,
  query: Query = {},
): string {
  const parts = kind.group === '' ? ['api', kind.version] : ['apis', kind.group, kind.version];
  if (kind.isNamespaced && at.namespace !== undefined) parts.push('namespaces', at.namespace);
  parts.push(kind.plural);
  if (at.name !== undefined) parts.push(at.name);
  if (at.subresource !== undefined) parts.push(at.subresource);
  return `/${parts.map(encodeURIComponent).join('/')}${queryText(query)}`;
}

function queryText(query: Query): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') params.set(name, String(value));
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}
