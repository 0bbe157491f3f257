/** Characters of JSON kept at most before older texts are dropped: a list of 10 000 Services, with who set which field. */
const LIMIT = 24 * 1024 * 1024;

/** The JSON of objects that are never changed. */
export interface JsonTexts {
  readonly of: (object: object) => string;
  /** Somebody who has just made the text passes it on, to who asks next. */
  readonly keep: (object: object, text: string) => void;
}

/** Texts that wait for who asks next, at most, and their greatest length. */
const WAITING = 256;
const WAITING_LENGTH = 16 * 1024;

/**
 * Serialises each object once for all who ask soon. Texts live as long as their objects, and are dropped all together
 * when they have become many: objects are kept for long, and few of them are asked for again.
 */
export function createJsonTexts(limit = LIMIT): JsonTexts {
  let texts = new WeakMap<object, string>();
  let nCharacters = 0;
  // Most of what is written is asked for once, by its writer; to put it among the others takes longer than all of that.
  const waiting = new Map<object, string>();
  const add = (object: object, text: string): void => {
    nCharacters += text.length;
    if (nCharacters > limit) {
      texts = new WeakMap();
      nCharacters = text.length;
    }
    texts.set(object, text);
  };
  return {
    of(object) {
      const given = waiting.get(object);
      if (given !== undefined) {
        waiting.delete(object);
        return given;
      }
      const known = texts.get(object);
      if (known !== undefined) return known;
      const text = JSON.stringify(object);
      add(object, text);
      return text;
    },
    keep(object, text) {
      if (text.length > WAITING_LENGTH) return add(object, text);
      waiting.set(object, text);
      if (waiting.size <= WAITING) return;
      for (const oldest of waiting.keys()) {
        waiting.delete(oldest);
        return;
      }
    },
  };
}
