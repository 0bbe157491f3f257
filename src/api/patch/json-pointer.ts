import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';

/** A patch that does not fit its document; the message is in the words of upstream's JSON patch library. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
}

export type Container = JsonObject | JsonValue[];

/** The tokens of an RFC 6901 pointer; '' is the whole document. */
export function parsePointer(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw new PatchError(`invalid JSON pointer ${JSON.stringify(pointer)}`);
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The index a token names in a list, counted from the end when negative, as upstream allows; undefined if none. */
export function indexIn(length: number, token: string): number | undefined {
  if (!/^(?:0|-?[1-9]\d{0,8})$/.test(token)) return undefined;
  const index = Number(token);
  const positive = index < 0 ? length + index : index;
  return positive >= 0 && positive < length ? positive : undefined;
}

/** The member a token names; undefined when there is none. Inherited members do not count. */
export function child(container: JsonValue | undefined, token: string): JsonValue | undefined {
  if (Array.isArray(container)) {
    const index = indexIn(container.length, token);
    return index === undefined ? undefined : container[index];
  }
  if (!isJsonObject(container) || !Object.hasOwn(container, token)) return undefined;
  return container[token];
}

/** The value at a path; undefined when the path leads nowhere. */
export const valueAt = (document: JsonValue, tokens: readonly string[]): JsonValue | undefined =>
  tokens.reduce<JsonValue | undefined>(child, document);

/** A copy of `document` where the container of the last token was replaced by what `edit` returns. */
export function editAt(
  document: JsonValue,
  tokens: readonly string[],
  edit: (container: Container, token: string) => Container | undefined,
): Container | undefined {
  const [token, ...rest] = tokens;
  if (token === undefined || typeof document !== 'object' || document === null) return undefined;
  if (rest.length === 0) return edit(document, token);
  const inner = child(document, token);
  const edited = inner === undefined ? undefined : editAt(inner, rest, edit);
  return edited === undefined ? undefined : withChild(document, token, edited);
}

/** A copy with an existing member replaced, or in an object set. */
export function withChild(container: Container, token: string, value: JsonValue): Container {
  // A computed key defines an own member whatever its name is.
  if (!Array.isArray(container)) return { ...container, [token]: value };
  const index = indexIn(container.length, token);
  return index === undefined ? container : container.with(index, value);
}
