import { isNotFound } from '../api/errors/api-error.ts';
import type { KindVersion } from '../api/kind-version.ts';
import { asJson, type Kind, type KubeObject } from '../api/kind.ts';
import { isJsonObject, type JsonObject } from '../base/json.ts';
import { call } from './call.ts';
import type { Transport } from './transport.ts';

/** What a server that is older than these kinds serves of them. */
export interface ServedKinds {
  /** How the server calls a kind, where it knows another version of it only. */
  versionOf<T extends KubeObject>(kind: Kind<T>): KindVersion | undefined;
  /** A kind that the server does not know at all: there are no such objects. */
  isMissing<T extends KubeObject>(kind: Kind<T>): boolean;
}

export const allServed: ServedKinds = { versionOf: () => undefined, isMissing: () => false };

export interface KnownKinds {
  readonly kinds: readonly Kind[];
  /** Further versions of some of them. */
  readonly versions: readonly KindVersion[];
}

/**
 * Asks the server which of these kinds it has, and of the others which further version. Throws what the server answers,
 * or that it cannot be reached.
 */
export async function askServedKinds(
  transport: Transport,
  { kinds, versions }: KnownKinds,
  signal?: AbortSignal,
): Promise<ServedKinds> {
  const candidates = versions.filter(({ stored }) => kinds.includes(stored));
  const paths = new Set([...kinds, ...candidates.map(({ kind }) => kind)].map(pathOf));
  const names = new Set<string>();
  await Promise.all(
    [...paths].map(async (path) => {
      for (const plural of await pluralsAt(transport, path, signal)) names.add(`${path}/${plural}`);
    }),
  );
  const isServed = (kind: Kind): boolean => names.has(`${pathOf(kind)}/${kind.plural}`);
  const substitutes = new Map<unknown, KindVersion>();
  const missing = new Set<unknown>();
  for (const kind of kinds) {
    if (isServed(kind)) continue;
    const other = candidates.find((version) => version.stored === kind && isServed(version.kind));
    if (other === undefined) missing.add(kind);
    else substitutes.set(kind, other);
  }
  return { versionOf: (kind) => substitutes.get(kind), isMissing: (kind) => missing.has(kind) };
}

const pathOf = ({ group, version }: Kind): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`;

/** None for a group or version that is not served. */
async function pluralsAt(
  transport: Transport,
  path: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const request = { method: 'GET', path, headers: { accept: 'application/json' } } as const;
  try {
    const answer = await call(transport, signal === undefined ? request : { ...request, signal });
    const { resources } = isJsonObject(answer) ? answer : {};
    if (!Array.isArray(resources)) return [];
    return resources.flatMap((each) =>
      isJsonObject(each) && typeof each.name === 'string' ? [each.name] : [],
    );
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** What the server calls this kind. */
export const wireKind = <T extends KubeObject>(served: ServedKinds, kind: Kind<T>): Kind<T> =>
  (served.versionOf(kind)?.kind ?? kind) as Kind<T>;

/** An object of the server as this kind: of its version, and without nulls where Go writes them for what is empty. */
export function fromWire<T extends KubeObject>(served: ServedKinds, kind: Kind<T>, object: T): T {
  const version = served.versionOf(kind);
  const json = version === undefined ? asJson(object) : version.toStored(asJson(object));
  return withoutNulls(kind, json) as unknown as T;
}

/** An object, or the part of one that a patch is, as the server knows it. */
export function toWire<T extends KubeObject>(served: ServedKinds, kind: Kind<T>, object: object): object {
  const version = served.versionOf(kind);
  return version === undefined ? object : version.fromStored(asJson(object));
}

/** Go writes null for an empty list that may not be left out; here it is an empty list, or left out. */
function withoutNulls(kind: Pick<Kind, 'schema'>, object: JsonObject): JsonObject {
  let clean = object;
  for (const name in object) {
    if (object[name] !== null) continue;
    const field = kind.schema.fields[name];
    const { [name]: _, ...rest } = clean;
    const isKept = field?.presence === 'required' || field?.presence === 'filled';
    clean = isKept && field.type.is === 'list' ? { ...rest, [name]: [] } : rest;
  }
  return clean;
}
