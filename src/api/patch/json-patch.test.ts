import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import { ApiError } from '../errors/api-error.ts';
import { applyJsonPatch } from './json-patch.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

describe('applyJsonPatch does what RFC 6902 says', () => {
  const cases: Record<string, [JsonObject, JsonValue, JsonObject]> = {
    'adds a member': [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 1 }], { foo: 'bar', baz: 1 }],
    'adds a list item before another': [
      { a: [1, 3] },
      [{ op: 'add', path: '/a/1', value: 2 }],
      { a: [1, 2, 3] },
    ],
    'appends to a list': [{ a: [1] }, [{ op: 'add', path: '/a/-', value: [2] }], { a: [1, [2]] }],
    'adds at the end by index': [{ a: [1] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2] }],
    'replaces what an add finds': [{ a: 1 }, [{ op: 'add', path: '/a', value: null }], { a: null }],
    'adds the whole document': [{ a: 1 }, [{ op: 'add', path: '', value: { b: 2 } }], { b: 2 }],
    'removes a member': [{ a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
    'removes an item': [{ a: [1, 2, 3] }, [{ op: 'remove', path: '/a/1' }], { a: [1, 3] }],
    'replaces a value': [{ a: { b: 1 } }, [{ op: 'replace', path: '/a/b', value: 2 }], { a: { b: 2 } }],
    'replaces the whole document': [{ a: 1 }, [{ op: 'replace', path: '', value: {} }], {}],
    'moves a value': [
      { a: { x: 1 }, b: {} },
      [{ op: 'move', from: '/a/x', path: '/b/y' }],
      { a: {}, b: { y: 1 } },
    ],
    'moves an item': [{ a: [1, 2, 3] }, [{ op: 'move', from: '/a/0', path: '/a/2' }], { a: [2, 3, 1] }],
    'moves a value to where it is': [{ a: 1 }, [{ op: 'move', from: '/a', path: '/a' }], { a: 1 }],
    'copies a value': [
      { a: { x: 1 } },
      [{ op: 'copy', from: '/a', path: '/b' }],
      { a: { x: 1 }, b: { x: 1 } },
    ],
    'goes on after a test that holds': [
      { a: { x: [1, 'z'] } },
      [
        { op: 'test', path: '/a', value: { x: [1, 'z'] } },
        { op: 'remove', path: '/a' },
      ],
      {},
    ],
    'counts an absent value as null in a test': [{}, [{ op: 'test', path: '/a', value: null }], {}],
    'reads escapes in pointers': [
      { 'a/b': 1, 'm~n': 2 },
      [
        { op: 'replace', path: '/a~1b', value: 3 },
        { op: 'remove', path: '/m~0n' },
      ],
      { 'a/b': 3 },
    ],
    'counts negative indexes from the end': [{ a: [1, 2] }, [{ op: 'remove', path: '/a/-1' }], { a: [1] }],
    'does nothing for no operations': [{ a: 1 }, [], { a: 1 }],
  };
  for (const [name, [document, patch, expected]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(applyJsonPatch(document, patch), expected));
  }
});

describe('applyJsonPatch refuses', () => {
  const cases: Record<string, [JsonValue, number, RegExp]> = {
    'a patch that is no list': [{}, 400, /error decoding patch/],
    'an operation that is no object': [['x'], 422, /Unexpected kind: unknown/],
    'an unknown operation': [[{ op: 'spam', path: '/a' }], 422, /Unexpected kind: spam/],
    'an operation without a path': [[{ op: 'add', value: 1 }], 422, /has no path/],
    'an add without a value': [[{ op: 'add', path: '/b' }], 422, /has no value/],
    'a path that does not begin with a slash': [
      [{ op: 'add', path: 'b', value: 1 }],
      422,
      /invalid JSON pointer/,
    ],
    'an add below nothing': [
      [{ op: 'add', path: '/x/y', value: 1 }],
      422,
      /add operation does not apply: doc is missing path: "\/x\/y": missing value/,
    ],
    'an add below a scalar': [[{ op: 'add', path: '/a/y', value: 1 }], 422, /doc is missing path/],
    'an index beyond the end': [
      [{ op: 'add', path: '/l/3', value: 1 }],
      422,
      /Unable to access invalid index: 3: invalid index referenced/,
    ],
    'an index with a leading zero': [[{ op: 'replace', path: '/l/00', value: 1 }], 422, /missing value/],
    'removing a member that is not there': [
      [{ op: 'remove', path: '/b' }],
      422,
      /error in remove for path: '\/b': Unable to remove nonexistent key: b: missing value/,
    ],
    'removing an item that is not there': [[{ op: 'remove', path: '/l/9' }], 422, /invalid index referenced/],
    'removing the whole document': [[{ op: 'remove', path: '' }], 422, /remove operation does not apply/],
    'replacing what is not there': [
      [{ op: 'replace', path: '/b', value: 1 }],
      422,
      /replace operation does not apply: doc is missing key: \/b: missing value/,
    ],
    'moving what is not there': [
      [{ op: 'move', from: '/b', path: '/c' }],
      422,
      /doc is missing from path: "\/b"/,
    ],
    'moving something into itself': [[{ op: 'move', from: '/o', path: '/o/p' }], 422, /move operation/],
    'copying without a source': [[{ op: 'copy', path: '/c' }], 422, /doc is missing from path: ""/],
    'a test that fails': [
      [{ op: 'test', path: '/a', value: 2 }],
      422,
      /testing value \/a failed: test failed/,
    ],
    'inherited members': [[{ op: 'test', path: '/toString', value: 1 }], 422, /test failed/],
    'a result that is no object': [[{ op: 'replace', path: '', value: [] }], 422, /does not leave an object/],
    'too many operations': [
      Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: 1 })),
      413,
      /The allowed maximum operations in a JSON patch is 10000, got 10001/,
    ],
    'copies that grow without end': [
      [
        { op: 'add', path: '/big', value: 'x'.repeat(1024 * 1024) },
        ...Array.from({ length: 4 }, (_, i) => ({ op: 'copy', from: '/big', path: `/c${i}` })),
      ],
      422,
      /accumulated size increase of copy/,
    ],
  };
  const document = { a: 1, l: [1, 2], o: { p: 1 } };
  for (const [name, [patch, code, message]] of Object.entries(cases)) {
    it(name, () => {
      const before = structuredClone(document);
      assert.throws(
        () => applyJsonPatch(document, patch),
        (error) => error instanceof ApiError && error.code === code && message.test(error.message),
      );
      assert.deepEqual(document, before);
    });
  }
});

describe('applyJsonPatch and prototypes', () => {
  it('treats __proto__ and constructor as plain names', () => {
    const patch = [
      { op: 'add', path: '/__proto__', value: { evil: true } },
      { op: 'add', path: '/__proto__/more', value: 1 },
    ];
    const result = applyJsonPatch({}, patch);
    assert.equal(JSON.stringify(result), '{"__proto__":{"evil":true,"more":1}}');
    assert.equal(({} as { evil?: boolean }).evil, undefined);
    assert.throws(
      () => applyJsonPatch({}, [{ op: 'add', path: '/constructor/prototype/x', value: 1 }]),
      ApiError,
    );
  });
});

const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>;
const jsonObject = fc.dictionary(fc.string({ maxLength: 3 }), json, { noNullPrototype: true });
const escape = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** A patch that turns `from` into `to`, member by member and item by item. */
function diff(from: JsonValue, to: JsonValue, path: string): JsonObject[] {
  if (Array.isArray(from) && Array.isArray(to)) {
    const both = Math.min(from.length, to.length);
    return [
      ...from.slice(both).map(() => ({ op: 'remove', path: `${path}/${both}` })),
      ...from.slice(0, both).flatMap((item, i) => diff(item, to[i] ?? null, `${path}/${i}`)),
      ...to.slice(both).map((value) => ({ op: 'add', path: `${path}/-`, value })),
    ];
  }
  const areObjects = [from, to].every((v) => typeof v === 'object' && v !== null && !Array.isArray(v));
  if (!areObjects) return [{ op: 'replace', path, value: to }];
  const [a, b] = [from as JsonObject, to as JsonObject];
  return [
    ...Object.keys(a)
      .filter((name) => !Object.hasOwn(b, name))
      .map((name) => ({ op: 'remove', path: `${path}/${escape(name)}` })),
    ...Object.entries(b).flatMap(([name, value]) => {
      const at = `${path}/${escape(name)}`;
      return Object.hasOwn(a, name)
        ? diff(a[name] ?? null, value ?? null, at)
        : [{ op: 'add', path: at, value: value ?? null }];
    }),
  ];
}

describe('applyJsonPatch, change by change', () => {
  it('what was copied is changed in one place only, and the document and the patch in none', () => {
    const document = { a: { b: { c: [1] } }, z: 0 };
    const patch = [
      { op: 'add', path: '/a/b/d', value: { e: {} } },
      { op: 'copy', from: '/a', path: '/f' },
      { op: 'add', path: '/a/b/c/-', value: 2 },
      { op: 'replace', path: '/f/b/c/0', value: 3 },
      { op: 'add', path: '/f/b/d/e/g', value: true },
      { op: 'move', from: '/a/b', path: '/h' },
      { op: 'remove', path: '/h/c/0' },
      { op: 'add', path: '/h/__proto__', value: 4 },
    ];
    const before = JSON.stringify([document, patch]);
    const expected =
      '{"a":{},"z":0,"f":{"b":{"c":[3],"d":{"e":{"g":true}}}},"h":{"c":[2],"d":{"e":{}},"__proto__":4}}';
    assert.equal(JSON.stringify(applyJsonPatch(document, patch)), expected);
    assert.equal(JSON.stringify([document, patch]), before);
  });

  it('ten thousand changes of a large map are no more work than they look', () => {
    const data = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, '']));
    const patch = Array.from({ length: 10_000 }, (_, i) => ({ op: 'add', path: `/data/x${i}`, value: '' }));
    const { data: after } = applyJsonPatch({ data }, patch);
    assert.equal(Object.keys(after as object).length, 30_000);
    assert.equal(Object.keys(data).length, 20_000);
  });
});

describe('applyJsonPatch, for any documents', () => {
  it('applying the difference gives the target and leaves the source', () => {
    fc.assert(
      fc.property(jsonObject, jsonObject, (from, to) => {
        const before = JSON.stringify(from);
        assert.deepEqual(applyJsonPatch(from, diff(from, to, '')), to);
        assert.equal(JSON.stringify(from), before);
      }),
    );
  });
});
