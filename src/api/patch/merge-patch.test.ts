import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import { ApiError } from '../errors/api-error.ts';
import { applyMergePatch, createMergePatch } from './merge-patch.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

describe('applyMergePatch does what RFC 7386 says', () => {
  const cases: Record<string, [JsonObject, JsonObject, JsonObject]> = {
    'replaces a value': [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    'adds a value': [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    'removes a value': [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    'replaces a list as a whole': [{ a: ['b', 'x'] }, { a: ['c'] }, { a: ['c'] }],
    'merges objects': [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    'replaces a list by an object': [{ a: [{ b: 'c' }] }, { a: { x: 1 } }, { a: { x: 1 } }],
    'drops nulls of a new object': [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    'keeps nulls that were there': [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    'keeps nulls in lists': [{}, { a: [null] }, { a: [null] }],
  };
  for (const [name, [document, patch, expected]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(applyMergePatch(document, patch), expected));
  }

  it('refuses a patch that is no object', () => {
    for (const patch of [[], 'x', 1, null]) assert.throws(() => applyMergePatch({}, patch), ApiError);
  });

  it('treats __proto__ as a plain name', () => {
    const patch = JSON.parse('{"__proto__":{"evil":true}}') as JsonObject;
    const result = applyMergePatch({ a: 1 }, patch);
    assert.equal(JSON.stringify(result), '{"a":1,"__proto__":{"evil":true}}');
    assert.equal(({} as { evil?: boolean }).evil, undefined);
  });
});

const withoutNull = (value: JsonValue): JsonValue => {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, item]) => item !== null && item !== undefined);
  return Object.fromEntries(kept.map(([name, item]) => [name, withoutNull(item ?? null)]));
};
const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>;
const jsonObject = fc
  .dictionary(fc.string({ maxLength: 3 }), json, { noNullPrototype: true })
  .map((value) => withoutNull(value) as JsonObject);

describe('merge patches, for any documents without nulls', () => {
  it('the patch between two documents turns one into the other', () => {
    fc.assert(
      fc.property(jsonObject, jsonObject, (from, to) => {
        assert.deepEqual(applyMergePatch(from, createMergePatch(from, to)), to);
      }),
    );
  });
  it('the patch between equal documents is empty', () => {
    fc.assert(
      fc.property(jsonObject, (document) => {
        assert.deepEqual(createMergePatch(document, structuredClone(document)), {});
      }),
    );
  });
  it('applying a patch twice is applying it once', () => {
    fc.assert(
      fc.property(jsonObject, jsonObject, (document, patch) => {
        const once = applyMergePatch(document, patch);
        assert.deepEqual(applyMergePatch(once, patch), once);
      }),
    );
  });
});
