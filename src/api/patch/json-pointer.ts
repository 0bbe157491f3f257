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

/**
 * Edits of one document that leave the original as it is: what is changed is copied the first time and changed in place
 * from then on, since a patch may well make ten thousand changes to one large map.
 */
export interface Draft {
  /**
   * The document with the container of the last token as `change` leaves it; undefined when the path does not lead to a
   * container. What has been handed out before may be changed by that.
   */
  edit(
    document: JsonValue,
    tokens: readonly string[],
    change: (container: Container, token: string) => void,
  ): JsonValue | undefined;
  /** The value is in the document twice from now on, so that a change of one must not be seen in the other. */
  share(value: JsonValue): void;
}

const isContainer = (value: JsonValue | undefined): value is Container =>
  typeof value === 'object' && value !== null;

export function createDraft(): Draft {
  /** Copies of ours, each in one place. */
  const own = new WeakSet<Container>();
  const owned = (container: Container): Container => {
    if (own.has(container)) return container;
    const copy = Array.isArray(container) ? [...container] : { ...container };
    own.add(copy);
    return copy;
  };
  const share = (value: JsonValue | undefined): void => {
    if (!isContainer(value)) return;
    own.delete(value);
    for (const member of Object.values(value)) share(member);
  };
  return {
    share,
    edit(document, tokens, change) {
      const last = tokens.at(-1);
      if (last === undefined || !isContainer(document)) return undefined;
      const root = owned(document);
      let at = root;
      for (const token of tokens.slice(0, -1)) {
        const inner = child(at, token);
        if (!isContainer(inner)) return undefined;
        const mine = owned(inner);
        if (mine !== inner) setChild(at, token, mine);
        at = mine;
      }
      change(at, last);
      return root;
    },
  };
}

/** Replaces an existing member, or in an object sets it. */
export function setChild(container: Container, token: string, value: JsonValue): void {
  if (Array.isArray(container)) {
    const index = indexIn(container.length, token);
    if (index !== undefined) container[index] = value;
  } else if (token === '__proto__') {
    // An own member whatever its name is.
    Object.defineProperty(container, token, { value, configurable: true, enumerable: true, writable: true });
  } else {
    container[token] = value;
  }
}
