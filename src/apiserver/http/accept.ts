/** How a body is written. */
export type BodyEncoding = 'json' | 'yaml' | 'protobuf';

/** What is written: the object (or list) itself, a Table of it, or metadata only, of one object or of a list. */
export type Shape = 'object' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';

export interface Accepted {
  readonly encoding: BodyEncoding;
  readonly shape: Shape;
  /** Of meta.k8s.io, for shapes other than `object`. */
  readonly shapeVersion: 'v1' | 'v1beta1';
  /** The clause asked for indented text. */
  readonly isPretty?: true;
}

/** One clause of an Accept header. */
export interface MediaClause {
  /** Lower case, `type/subtype`. */
  readonly type: string;
  /** Lower-case names, values as given. */
  readonly parameters: Readonly<Record<string, string>>;
}

export const defaultAccepted: Accepted = { encoding: 'json', shape: 'object', shapeVersion: 'v1' };

/**
 * Clauses in order of preference: `q` first, then those without wildcards, then as written. Clauses with q=0 are left
 * out. Empty header = `*\/*`.
 */
export function parseAccept(header: string | undefined): readonly MediaClause[] {
  if (header === undefined || header.trim() === '') return [{ type: '*/*', parameters: {} }];
  return header
    .split(',')
    .map(parseClause)
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality || nWildcards(a.clause) - nWildcards(b.clause))
    .map(({ clause }) => clause);
}

const nWildcards = ({ type }: MediaClause): number => (type === '*/*' ? 2 : type.endsWith('/*') ? 1 : 0);

function parseClause(text: string): { readonly clause: MediaClause; readonly quality: number } {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters: Record<string, string> = {};
  for (const part of rest) {
    const equals = part.indexOf('=');
    if (equals <= 0) continue;
    const value = part.slice(equals + 1).trim();
    parameters[part.slice(0, equals).trim().toLowerCase()] = value.replace(/^"(.*)"$/, '$1');
  }
  const quality = Number(parameters.q ?? '1');
  return { clause: { type: type.toLowerCase(), parameters }, quality: Number.isNaN(quality) ? 1 : quality };
}

/** What answers can be written in, in the server's own order of preference. */
export const MEDIA_TYPES = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
] as const;
/** What watches can be written in. */
export const STREAM_MEDIA_TYPES = [
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
] as const;

const encodingOfType: Readonly<Record<string, BodyEncoding>> = {
  '*/*': 'json',
  'application/*': 'json',
  'application/json': 'json',
  'application/yaml': 'yaml',
  'application/vnd.kubernetes.protobuf': 'protobuf',
};

/**
 * The first clause the server can meet, or undefined (406). `hasShapes` says whether Table and metadata-only answers
 * exist for this request; a Table is never written in protobuf, as upstream.
 */
export function negotiate(
  header: string | undefined,
  { hasShapes }: { readonly hasShapes: boolean },
): Accepted | undefined {
  if (header === undefined || header === 'application/json' || header === '*/*') return defaultAccepted;
  for (const { type, parameters } of parseAccept(header)) {
    const encoding = Object.hasOwn(encodingOfType, type) ? encodingOfType[type] : undefined;
    if (encoding === undefined || !isKnownStream(parameters, encoding)) continue;
    const pretty = parameters.pretty === '1' ? { isPretty: true as const } : {};
    const { as, g, v } = parameters;
    if (as === undefined && g === undefined && v === undefined) {
      return { ...defaultAccepted, encoding, ...pretty };
    }
    const shape = hasShapes ? shapeOf(parameters) : undefined;
    if (shape === undefined || (shape.shape === 'Table' && encoding === 'protobuf')) continue;
    return { encoding, ...shape, ...pretty };
  }
  return undefined;
}

/** `stream=watch` is the only stream there is, and YAML has none; `sv` can only be v1. */
function isKnownStream({ stream = '', sv = '' }: MediaClause['parameters'], encoding: BodyEncoding): boolean {
  if (sv !== '' && sv !== 'v1') return false;
  return stream === '' || (stream === 'watch' && encoding !== 'yaml');
}

function shapeOf({
  as,
  g,
  v,
}: MediaClause['parameters']): Pick<Accepted, 'shape' | 'shapeVersion'> | undefined {
  if (g !== 'meta.k8s.io' || (v !== 'v1' && v !== 'v1beta1')) return undefined;
  switch (as) {
    case 'Table':
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList':
      return { shape: as, shapeVersion: v };
    default:
      return undefined;
  }
}

export const contentTypeOf = ({ encoding }: Pick<Accepted, 'encoding'>): string =>
  encoding === 'protobuf' ? 'application/vnd.kubernetes.protobuf' : `application/${encoding}`;
