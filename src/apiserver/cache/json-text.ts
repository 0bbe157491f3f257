/** Characters of JSON kept at most before older texts are dropped: a list of 10 000 Services, with who set which field. */
const LIMIT = 24 * 1024 * 1024;

/**
 * Serialises objects that are never changed, once for all who ask soon. Texts live as long as their objects, and are
 * dropped all together when they have become many: objects are kept for long, and few of them are asked for again.
 */
export function createJsonTexts(limit = LIMIT): (object: object) => string {
  let texts = new WeakMap<object, string>();
  let nCharacters = 0;
  return (object) => {
    const known = texts.get(object);
    if (known !== undefined) return known;
    const text = JSON.stringify(object);
    nCharacters += text.length;
    if (nCharacters > limit) {
      texts = new WeakMap();
      nCharacters = text.length;
    }
    texts.set(object, text);
    return text;
  };
}
