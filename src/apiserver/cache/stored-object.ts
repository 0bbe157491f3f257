import type { FieldSet } from '../../api/apply/field-set.ts';
import { sharedText, shareFields } from '../../api/apply/shared-fields.ts';
import { groupResourceOf, type Kind, type KubeObject } from '../../api/kind.ts';
import { revisedText, storedText } from './stored-text.ts';

const ROOT = '/registry/';

/**
 * How an object lies in the store: its JSON without resourceVersion, since that is the revision of the commit which
 * wrote it. Keys are `/registry/plural[.group]/[namespace/]name`.
 */
export const objectPrefix = (kind: Pick<Kind, 'group' | 'plural'>): string =>
  `${ROOT}${groupResourceOf(kind)}/`;

/** The prefix of the resource a key belongs to; the key itself when it is no object's. */
export function prefixOf(key: string): string {
  const end = key.startsWith(ROOT) ? key.indexOf('/', ROOT.length) : -1;
  return end < 0 ? key : key.slice(0, end + 1);
}

const decoder = new TextDecoder();

/** An object on its way into the store. */
export interface Outgoing<T extends KubeObject = KubeObject> {
  readonly value: Uint8Array;
  /** The object as `revision` will have written it; the same one each time, and the one the cache has then. */
  readonly written: (revision: number) => T;
  /** The JSON of that. */
  readonly text: (revision: number) => string;
}

const FRESH = Symbol('fresh');

/**
 * Bytes whose object is in memory already, so that it need not be read from them. They hold it until somebody asks for it:
 * the cache does so as soon as they are committed. (A WeakMap beside them takes longer than all else here.)
 */
interface FreshBytes extends Uint8Array {
  [FRESH]?: Outgoing | undefined;
}

/** The object is not changed by anyone from now on. */
export function outgoing<T extends KubeObject>(object: T): Outgoing<T> {
  const stored = storedText(object);
  let known: T | undefined;
  const made: Outgoing<T> = {
    value: bytesOf(stored.text),
    written: (revision) => (known ??= withRevision(object, revision)),
    text: (revision) => revisedText(stored, revision),
  };
  if (isPlain(object)) (made.value as FreshBytes)[FRESH] = made;
  return made;
}

export const encodeObject = (object: KubeObject): Uint8Array => bytesOf(storedText(object).text);

/** In memory of its own: a slice of Buffer's pool would keep its neighbours for as long as it lives. */
function bytesOf(text: string): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

/** Whether reading the object's JSON would give the same: members that are undefined are not there afterwards. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value !== undefined;
  if (Array.isArray(value)) return value.every(isPlain);
  if (sharedText(value) !== undefined) return true;
  for (const name in value) if (!isPlain((value as Record<string, unknown>)[name])) return false;
  return true;
}

/** Throws a SyntaxError for bytes that are no JSON. */
export function decodeStored(value: Uint8Array, revision: number): KubeObject {
  const known = (value as FreshBytes)[FRESH];
  if (known !== undefined) {
    (value as FreshBytes)[FRESH] = undefined;
    return known.written(revision);
  }
  const object = JSON.parse(decoder.decode(value)) as {
    metadata: { resourceVersion?: string } & KubeObject['metadata'];
  };
  object.metadata.resourceVersion = String(revision);
  const { managedFields } = object.metadata as { managedFields?: { fieldsV1?: FieldSet }[] };
  if (managedFields !== undefined) {
    for (const entry of managedFields) if (entry.fieldsV1) entry.fieldsV1 = shareFields(entry.fieldsV1);
  }
  return object;
}

/** A copy that says it was written by `revision`. */
export function withRevision<T extends KubeObject>(object: T, revision: number | undefined): T {
  const { resourceVersion: _, ...metadata } = object.metadata;
  const stamped = revision === undefined ? metadata : { ...metadata, resourceVersion: String(revision) };
  return { ...object, metadata: stamped };
}

/** The revision an object carries; 0 when it carries none. */
export const revisionOf = (object: KubeObject): number => Number(object.metadata.resourceVersion ?? 0);
