/** Characters of JSON kept at most before older texts are dropped: a list of 10 000 Services, with who set which field. */
const LIMIT = 24 * 1024 * 1024;

/** The JSON of objects that are never changed. */
export interface JsonTexts {
  readonly of: (object: object) => string;
  /** Somebody who has just made the text passes it on. */
  readonly keep: (object: object, text: string) => void;
}

/**
 * Serialises each object once for all who ask soon. Texts live as long as their objects, and are dropped all together
 * when they have become many: objects are kept for long, and few of them are asked for again.
 */
export function createJsonTexts(limit = LIMIT): JsonTexts {
  let texts = new WeakMap<object, string>();
  let nCharacters = 0;
  const keep = (object: object, text: string): void => {
    nCharacters += text.length;
    if (nCharacters > limit) {
      texts = new WeakMap();
      nCharacters = text.length;
    }
    texts.set(object, text);
  };
  return {
    of(object) {
      const known = texts.get(object);
      if (known !== undefined) return known;
      const text = JSON.stringify(object);
      keep(object, text);
      return text;
    },
    keep,
  };
}
