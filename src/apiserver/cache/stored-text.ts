import type { KubeObject } from '../../api/kind.ts';
import type { ManagedFieldsEntry } from '../../api/meta/v1/object-meta.ts';
import { sharedText } from '../../api/apply/shared-fields.ts';

/** The JSON of an object without its resourceVersion, and the place in it where that belongs. */
export interface StoredText {
  readonly text: string;
  readonly at: number;
}

/** As JSON.stringify writes it, but that what stands in it once for many objects is not written anew each time. */
export function storedText(object: KubeObject): StoredText {
  let text = '';
  let at = 0;
  for (const [name, value] of Object.entries(object)) {
    const part = name === 'metadata' ? metadataText(object.metadata) : JSON.stringify(value);
    if (part === undefined) continue;
    text += `${text === '' ? '{' : ','}${JSON.stringify(name)}:${part}`;
    if (name === 'metadata') at = text.length - 1;
  }
  return { text: `${text}}`, at };
}

/** The same text with the resourceVersion in it. */
export function revisedText({ text, at }: StoredText, revision: number): string {
  const comma = text.charCodeAt(at - 1) === 0x7b ? '' : ',';
  return `${text.slice(0, at)}${comma}"resourceVersion":"${revision}"${text.slice(at)}`;
}

function metadataText({ resourceVersion: _, managedFields, ...metadata }: KubeObject['metadata']): string {
  const text = JSON.stringify(metadata);
  if (managedFields === undefined) return text;
  const entries = managedFields.map(entryText).join(',');
  return `${text.slice(0, -1)}${text === '{}' ? '' : ','}"managedFields":[${entries}]}`;
}

function entryText({ fieldsV1, ...entry }: ManagedFieldsEntry): string {
  const text = JSON.stringify(entry);
  if (fieldsV1 === undefined) return text;
  const fields = sharedText(fieldsV1) ?? JSON.stringify(fieldsV1);
  return `${text.slice(0, -1)}${text === '{}' ? '' : ','}"fieldsV1":${fields}}`;
}
