import type { JsonObject } from '../base/json.ts';
import type { ObjectMeta } from './meta/v1/object-meta.ts';
import type { MessageType, Typed } from './schema/schema.ts';

/** What every stored object has. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** A change of a whole object after its fields have their defaults, where a rule looks across messages. Pure. */
export type ObjectRule = (object: JsonObject) => JsonObject;

export interface Kind<T extends KubeObject = KubeObject> {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly isNamespaced: boolean;
  readonly subresources: readonly ('status' | 'scale')[];
  readonly schema: MessageType & Typed<T>;
  readonly defaultRules?: readonly ObjectRule[];
  /** Clients are warned of a kind that others take the place of. */
  readonly deprecation?: Deprecation;
}

/** Since which release a kind is deprecated, from which on it is gone, and what to use: `1.21`, `1.25`, `apps/v1 X`. */
export interface Deprecation {
  readonly since: string;
  readonly goneIn?: string;
  readonly use: string;
}

/** As upstream's servers word it; undefined for a kind that may be used. */
export function deprecationOf(kind: Kind): string | undefined {
  if (kind.deprecation === undefined) return undefined;
  const { since, goneIn, use } = kind.deprecation;
  const end = goneIn === undefined ? '' : `, unavailable in v${goneIn}+`;
  return `${apiVersionOf(kind)} ${kind.kind} is deprecated in v${since}+${end}; use ${use}`;
}

/** 'v1' for the core group, otherwise 'group/version'. */
export const apiVersionOf = (kind: Pick<Kind, 'group' | 'version'>): string =>
  kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;

/** Splits an apiVersion: 'v1' is version v1 of the core group ''. */
export function parseApiVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf('/');
  if (slash < 0) return { group: '', version: apiVersion };
  return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** 'services' for the core group, otherwise 'deployments.apps'; as Status messages name resources. */
export const groupResourceOf = (kind: Pick<Kind, 'group' | 'plural'>): string =>
  kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;

/** 'Service' for the core group, otherwise 'Deployment.apps'; as validation errors name kinds. */
export const groupKindOf = (kind: Pick<Kind, 'group' | 'kind'>): string =>
  kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;

/** 'namespace/name', or 'name' for an object without a namespace. */
export function objectKey(object: {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** The parts of an object's key; the namespace is '' when the key has none. */
export function parseObjectKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: slash < 0 ? '' : key.slice(0, slash), name: key.slice(slash + 1) };
}

/** A typed object seen as the JSON it is. */
export const asJson = (object: object): JsonObject => object as JsonObject;

/** JSON seen as the typed object it is: only for what the kind's schema has decoded, or what was made from such. */
export const asObject = <T extends KubeObject = KubeObject>(json: JsonObject): T => json as unknown as T;
