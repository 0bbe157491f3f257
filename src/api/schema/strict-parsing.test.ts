import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../errors/api-error.ts';
import { strictJsonParse } from './strict-json.ts';
import { strictYamlParse, strictYamlParseAll } from './strict-yaml.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

describe('strictJsonParse', () => {
  const cases: Record<string, [string, string[]]> = {
    'nothing twice': ['{"a":{"b":1},"c":{"b":2}}', []],
    'a field twice': ['{"a":1,"a":2}', ['duplicate field "a"']],
    'a field three times': ['{"a":1,"a":2,"a":3}', ['duplicate field "a"', 'duplicate field "a"']],
    'a field deep in lists': [
      '{"spec":{"ports":[{"port":1},{"x":[[{"name":1,"name":2}]]}]}}',
      ['duplicate field "spec.ports[1].x[0][0].name"'],
    ],
    'a name written in two ways': [String.raw`{"a":1,"\u0061":2}`, ['duplicate field "a"']],
    'text that looks like fields': ['{"a":"\\"b\\":1,{[","b":"}]"}', []],
    'the same text as key and value': ['{"a":"a","b":"a"}', []],
    'equal items of a list': ['["a","a",{"a":["a","a"]}]', []],
    'a scalar': ['"x"', []],
  };
  for (const [name, [text, duplicates]] of Object.entries(cases)) {
    it(`finds in ${name}: ${duplicates.length}`, () => {
      assert.deepEqual(strictJsonParse(text), { value: JSON.parse(text) as unknown, duplicates });
    });
  }
  it('refuses text that is no JSON', () => {
    for (const text of ['', '{', '{a:1}', '{"a":1}}']) {
      assert.throws(
        () => strictJsonParse(text),
        (e) => e instanceof ApiError && e.code === 400,
      );
    }
  });
  it('finds no duplicates in what JSON.stringify writes', () => {
    fc.assert(fc.property(fc.json(), (text) => assert.deepEqual(strictJsonParse(text).duplicates, [])));
  });
});

describe('strictYamlParse', () => {
  it('reads YAML as kubectl does', () => {
    const { value } = strictYamlParse(
      'a: yes\nmode: 0644\nday: 2001-01-01\nports: "80"\nbase: 22:22\nn: y\nnone: ~',
    );
    assert.deepEqual(value, {
      a: true,
      mode: 420,
      day: '2001-01-01',
      ports: '80',
      base: '22:22',
      n: 'y',
      none: null,
    });
  });
  it('reports duplicate fields; the last one stands', () => {
    assert.deepEqual(strictYamlParse('spec:\n  ports:\n  - port: 1\n    port: 2\nspec2: {a: 1, a: 2}'), {
      value: { spec: { ports: [{ port: 2 }] }, spec2: { a: 2 } },
      duplicates: ['duplicate field "spec.ports[0].port"', 'duplicate field "spec2.a"'],
    });
  });
  it('reads several documents and leaves empty ones out', () => {
    const values = strictYamlParseAll('---\na: 1\n---\n---\n# nothing\n---\nb: 2\n').map(
      ({ value }) => value,
    );
    assert.deepEqual(values, [{ a: 1 }, { b: 2 }]);
  });
  it('is null for an empty text', () => assert.equal(strictYamlParse('').value, null));
  it('refuses text that is no YAML', () => {
    assert.throws(
      () => strictYamlParse('a: [1'),
      (e) => e instanceof ApiError && e.code === 400,
    );
  });
});
