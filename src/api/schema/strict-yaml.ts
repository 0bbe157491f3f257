import { type Document, type Tags, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml';
import type { JsonValue } from '../../base/json.ts';
import { badRequest } from '../errors/api-error.ts';
import type { StrictJson } from './strict-json.ts';

function findDuplicates(node: unknown, path: string, found: string[]): void {
  if (isSeq(node)) node.items.forEach((item, i) => findDuplicates(item, `${path}[${i}]`, found));
  if (!isMap(node)) return;
  const seen = new Set<string>();
  for (const { key, value } of node.items) {
    const name = String(isScalar(key) ? key.value : key);
    const here = path === '' ? name : `${path}.${name}`;
    if (seen.has(name)) found.push(`duplicate field ${JSON.stringify(here)}`);
    seen.add(name);
    findDuplicates(value, here, found);
  }
}

function toValue(document: Document.Parsed): StrictJson {
  const [error] = document.errors;
  if (error !== undefined) throw badRequest(`error converting YAML to JSON: yaml: ${error.message}`, error);
  const duplicates: string[] = [];
  findDuplicates(document.contents, '', duplicates);
  return { value: (document.toJS() ?? null) as JsonValue, duplicates };
}

/** YAML 1.1 without dates and base-60 numbers: kubectl's parser keeps 2001-01-01 and 22:22 as text. */
const withoutTimes = (tags: Tags): Tags =>
  tags.filter(
    (tag) =>
      typeof tag === 'string' || (!('format' in tag && tag.format === 'TIME') && tag.tag !== timestampTag),
  );
const timestampTag = 'tag:yaml.org,2002:timestamp';

/**
 * Parses YAML text of one or more documents, empty ones left out, and reports fields that occur twice.
 * Import this module only where YAML arrives: the parser takes a while to load. Throws ApiError BadRequest.
 */
export const strictYamlParseAll = (text: string): StrictJson[] =>
  [...parseAllDocuments(text, { uniqueKeys: false, version: '1.1', customTags: withoutTimes })]
    .map((document) => toValue(document as Document.Parsed))
    .filter(({ value }) => value !== null);

/** The first document of a YAML text; an empty text is null. */
export const strictYamlParse = (text: string): StrictJson =>
  strictYamlParseAll(text)[0] ?? { value: null, duplicates: [] };
