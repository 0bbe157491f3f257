import { isJsonObject } from '../../base/json.ts';
import type { JsonObject } from '../../base/json.ts';
import { API_VERSION, KIND, defaultConfiguration, withAddresses } from './configuration.ts';
import { parseDuration } from './duration.ts';
import { layout } from './layout.ts';
import type { Field, KubeProxyConfiguration, Layout } from './layout.ts';

export interface Decoded {
  readonly configuration: KubeProxyConfiguration;
  /** What strict decoding objects to: unknown and repeated fields. They are ignored, as kube-proxy does for v1alpha1. */
  readonly warnings: readonly string[];
}

/** Throws an Error with one sentence when the text is no KubeProxyConfiguration; defaults are filled in. */
export async function decodeConfiguration(text: string): Promise<Decoded> {
  const warnings: string[] = [];
  const document = await parse(text, warnings);
  const { apiVersion, kind, ...fields } = document;
  for (const [name, value] of [
    ['apiVersion', apiVersion],
    ['kind', kind],
  ] as const) {
    if (value === undefined || value === '') throw new Error(`failed to decode: Object '${name}' is missing`);
  }
  if (apiVersion !== API_VERSION || kind !== KIND) {
    throw new Error(
      `failed to decode: no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}; expected ${KIND} of ${API_VERSION}`,
    );
  }
  const values = merge(fields, { fields: layout, path: '', defaults: defaultConfiguration(), warnings });
  return { configuration: withAddresses(values as unknown as KubeProxyConfiguration), warnings };
}

async function parse(text: string, warnings: string[]): Promise<JsonObject> {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { uniqueKeys: false });
  const [error] = document.errors;
  if (error !== undefined) throw new Error(`failed to decode: ${error.message.split('\n')[0]}`);
  const [repeated] = parseDocument(text).errors.filter(({ code }) => code === 'DUPLICATE_KEY');
  if (repeated !== undefined) warnings.push(`yaml: ${repeated.message.split('\n')[0]}`);
  const value: unknown = document.toJS();
  if (!isJsonObject(value)) throw new Error('failed to decode: expected an object');
  return value;
}

interface Place {
  readonly fields: Layout;
  /** With a dot behind it, unless it is the top. */
  readonly path: string;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly warnings: string[];
}

function merge(given: JsonObject, { fields, path, defaults, warnings }: Place): Record<string, unknown> {
  const merged = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const place = `${path}${name}`;
    if (field === undefined) warnings.push(`unknown field "${place}"`);
    else if (value === null) continue;
    else if (field.kind === 'group') {
      if (!isJsonObject(value)) throw wrong(place, value, 'an object');
      const inner = defaults[name] as Readonly<Record<string, unknown>>;
      merged[name] = merge(value, { fields: field.fields, path: `${place}.`, defaults: inner, warnings });
    } else merged[name] = filled(valueOf(value, field, place), field);
  }
  return merged;
}

const isUnset = (value: unknown, field: Field): boolean =>
  value === '' || (value === 0 && 'isZeroUnset' in field && field.isZeroUnset === true);

const filled = (value: unknown, field: Exclude<Field, { kind: 'group' }>): unknown =>
  isUnset(value, field) ? field.value : value;

const wrong = (path: string, value: unknown, expected: string): Error =>
  new Error(`failed to decode: ${path}: ${JSON.stringify(value)} must be ${expected}`);

const isText = (value: unknown): value is string => typeof value === 'string';

function valueOf(value: unknown, field: Field, path: string): unknown {
  switch (field.kind) {
    case 'text':
      if (!isText(value)) throw wrong(path, value, 'a string');
      return value;
    case 'switch':
      if (typeof value !== 'boolean') throw wrong(path, value, 'true or false');
      return value;
    case 'whole':
      if (!Number.isInteger(value)) throw wrong(path, value, 'a whole number');
      return value;
    case 'number':
      if (typeof value !== 'number') throw wrong(path, value, 'a number');
      return value;
    case 'duration': {
      const ms = isText(value) ? parseDuration(value) : undefined;
      if (ms === undefined) throw wrong(path, value, 'a duration such as 30s');
      return ms;
    }
    case 'list':
      if (!Array.isArray(value) || !value.every(isText)) throw wrong(path, value, 'a list of strings');
      return value;
    case 'switches':
      if (!isJsonObject(value) || Object.values(value).some((on) => typeof on !== 'boolean'))
        throw wrong(path, value, 'names with true or false');
      return value;
    default:
      return value;
  }
}
