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

const boolTag = 'tag:yaml.org,2002:bool';
const timestampTag = 'tag:yaml.org,2002:timestamp';

/**
 * YAML 1.1 as Kubernetes' parser reads it: yes and on are booleans and 0644 is octal, but dates, base-60 numbers and
 * the single letters y and n stay text.
 */
const kubernetesTags = (tags: Tags): Tags =>
  tags.flatMap((tag): Tags => {
    if (typeof tag === 'string') return [tag];
    if (tag.tag === timestampTag || ('format' in tag && tag.format === 'TIME')) return [];
    const { test } = tag;
    if (tag.tag !== boolTag || test === undefined) return [tag];
    return [{ ...tag, test: new RegExp(`(?!^[yYnN]$)(?:${test.source})`) }];
  });

/**
 * Parses YAML text of one or more documents, empty ones left out, and reports fields that occur twice.
 * Import this module only where YAML arrives: the parser takes a while to load. Throws ApiError BadRequest.
 */
export const strictYamlParseAll = (text: string): StrictJson[] =>
  [
    ...parseAllDocuments(text, {
      uniqueKeys: false,
      version: '1.1',
      customTags: kubernetesTags,
      // A document can cause any number of warnings, and nobody could act on them.
      logLevel: 'error',
    }),
  ]
    .map((document) => toValue(document as Document.Parsed))
    .filter(({ value }) => value !== null);

/** The first document of a YAML text; an empty text is null. */
export const strictYamlParse = (text: string): StrictJson =>
  strictYamlParseAll(text)[0] ?? { value: null, duplicates: [] };
