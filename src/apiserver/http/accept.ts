/** How a body is written. */
export type BodyEncoding = 'json' | 'yaml';

/** What is written: the object itself, a Table of it, or its metadata only. */
export type Shape = 'object' | 'Table' | 'PartialObjectMetadata';

export interface Accepted {
  readonly encoding: BodyEncoding;
  readonly shape: Shape;
  /** Of meta.k8s.io, for shapes other than `object`. */
  readonly shapeVersion: 'v1' | 'v1beta1';
}

/** One clause of an Accept header. */
export interface MediaClause {
  /** Lower case, `type/subtype`. */
  readonly type: string;
  /** Lower-case names, values as given. */
  readonly parameters: Readonly<Record<string, string>>;
}

export const defaultAccepted: Accepted = { encoding: 'json', shape: 'object', shapeVersion: 'v1' };

/** Clauses in order of preference: `q` first, then as written. Clauses with q=0 are left out. Empty header = `*\/*`. */
export function parseAccept(header: string | undefined): readonly MediaClause[] {
  if (header === undefined || header.trim() === '') return [{ type: '*/*', parameters: {} }];
  return header
    .split(',')
    .map(parseClause)
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ clause }) => clause);
}

function parseClause(text: string): { readonly clause: MediaClause; readonly quality: number } {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters: Record<string, string> = {};
  for (const part of rest) {
    const equals = part.indexOf('=');
    if (equals > 0) parameters[part.slice(0, equals).trim().toLowerCase()] = part.slice(equals + 1).trim();
  }
  const quality = Number(parameters.q ?? '1');
  return { clause: { type: type.toLowerCase(), parameters }, quality: Number.isNaN(quality) ? 1 : quality };
}

const encodingOfType: Readonly<Record<string, BodyEncoding>> = {
  '*/*': 'json',
  'application/*': 'json',
  'application/json': 'json',
  'application/yaml': 'yaml',
};

/**
 * The first clause the server can meet, or undefined (406). `isList` says whether the list form of
 * PartialObjectMetadata is the right one; `shapes` whether Table and metadata-only answers exist for this request.
 */
export function negotiate(
  header: string | undefined,
  { isList, hasShapes }: { readonly isList: boolean; readonly hasShapes: boolean },
): Accepted | undefined {
  if (header === undefined || header === 'application/json' || header === '*/*') return defaultAccepted;
  for (const { type, parameters } of parseAccept(header)) {
    const encoding = encodingOfType[type];
    if (encoding === undefined) continue;
    if (parameters.as === undefined) return { ...defaultAccepted, encoding };
    const shape = hasShapes ? shapeOf(parameters, isList) : undefined;
    if (shape !== undefined) return { encoding, ...shape };
  }
  return undefined;
}

function shapeOf(
  { as, g, v }: MediaClause['parameters'],
  isList: boolean,
): Pick<Accepted, 'shape' | 'shapeVersion'> | undefined {
  if (g !== 'meta.k8s.io' || (v !== 'v1' && v !== 'v1beta1')) return undefined;
  if (as === 'Table') return { shape: 'Table', shapeVersion: v };
  const metadataOnly = isList ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  return as === metadataOnly ? { shape: 'PartialObjectMetadata', shapeVersion: v } : undefined;
}

export const contentTypeOf = ({ encoding }: Pick<Accepted, 'encoding'>): string => `application/${encoding}`;
