import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../errors/api-error.ts';
import { formatFieldSelector, matchesFields, parseFieldSelector } from './field-selector.ts';
import {
  type LabelRequirement,
  formatLabelSelector,
  fromLabelSelector,
  fromMap,
  matchesLabels,
  parseLabelSelector,
} from './label-selector.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const refuses = (run: () => unknown): void =>
  assert.throws(run, (error) => error instanceof ApiError && error.code === 400);

describe('parseLabelSelector', () => {
  const cases: Record<string, LabelRequirement[]> = {
    '': [],
    ' ': [],
    'a=b': [{ key: 'a', operator: 'In', values: ['b'] }],
    'a == b': [{ key: 'a', operator: 'In', values: ['b'] }],
    'a!=b': [{ key: 'a', operator: 'NotIn', values: ['b'] }],
    'a=': [{ key: 'a', operator: 'In', values: [''] }],
    a: [{ key: 'a', operator: 'Exists', values: [] }],
    '! a': [{ key: 'a', operator: 'DoesNotExist', values: [] }],
    'a in (y, x,y)': [{ key: 'a', operator: 'In', values: ['x', 'y'] }],
    'a notin(x)': [{ key: 'a', operator: 'NotIn', values: ['x'] }],
    'a in (,x)': [{ key: 'a', operator: 'In', values: ['', 'x'] }],
    'a>1,b<2': [
      { key: 'a', operator: 'Gt', values: ['1'] },
      { key: 'b', operator: 'Lt', values: ['2'] },
    ],
    'example.com/a=b,!c,d in (e),in': [
      { key: 'example.com/a', operator: 'In', values: ['b'] },
      { key: 'c', operator: 'DoesNotExist', values: [] },
      { key: 'd', operator: 'In', values: ['e'] },
      { key: 'in', operator: 'Exists', values: [] },
    ],
  };
  for (const [text, expected] of Object.entries(cases)) {
    it(`reads ${JSON.stringify(text)}`, () => {
      assert.deepEqual(parseLabelSelector(text), expected);
    });
  }
  for (const text of [
    'a b',
    '=b',
    'a=b,',
    ',a',
    'a in',
    'a in x',
    'a in (x',
    'a=b c',
    '!',
    '!a=b',
    'a=?',
    '?=a',
    'a>x',
    'a<-2',
    'a/b/c',
    '(a)',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => refuses(() => parseLabelSelector(text)));
  }
});

describe('matchesLabels', () => {
  const labels = { app: 'web', n: '5', empty: '' };
  const cases: Record<string, boolean> = {
    '': true,
    'app=web': true,
    'app=db': false,
    'app!=db': true,
    'other!=x': true,
    'other=x': false,
    'app in (db,web)': true,
    'app notin (db,web)': false,
    'other notin (x)': true,
    empty: true,
    'empty=': true,
    other: false,
    '!other': true,
    '!app': false,
    'n>4': true,
    'n>5': false,
    'n<6': true,
    'app>1': false,
    'other<1': false,
    'app=web,n=5': true,
    'app=web,n=6': false,
    toString: false,
    '!constructor': true,
  };
  for (const [text, expected] of Object.entries(cases)) {
    it(`${JSON.stringify(text)} is ${expected}`, () => {
      assert.equal(matchesLabels(parseLabelSelector(text), labels), expected);
    });
  }
  it('no labels match only what asks for absence', () => {
    assert.equal(matchesLabels(parseLabelSelector('!a')), true);
    assert.equal(matchesLabels(parseLabelSelector('a')), false);
  });
});

describe('fromLabelSelector', () => {
  it('joins labels and expressions', () => {
    const requirements = fromLabelSelector({
      matchLabels: { a: 'b' },
      matchExpressions: [
        { key: 'c', operator: 'In', values: ['d', 'e'] },
        { key: 'f', operator: 'DoesNotExist' },
      ],
    });
    assert.equal(formatLabelSelector(requirements), 'a=b,c in (d,e),!f');
  });
  it('selects everything when empty', () =>
    assert.equal(matchesLabels(fromLabelSelector({}), { a: 'b' }), true));
  it('refuses an unknown operator', () => {
    refuses(() => fromLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Like', values: ['b'] }] }));
  });
});

const plain = { noNullPrototype: true };
const word = fc.string({ minLength: 1, maxLength: 5, unit: fc.constantFrom(...'abcXYZ019') });
const labelMap = fc.dictionary(word, word, { maxKeys: 4, noNullPrototype: true });
const requirement: fc.Arbitrary<LabelRequirement> = fc.oneof(
  fc.record(
    {
      key: word,
      operator: fc.constantFrom('In' as const, 'NotIn' as const),
      values: fc.uniqueArray(word, { minLength: 1, maxLength: 3 }).map((values) => values.sort()),
    },
    plain,
  ),
  fc.record(
    {
      key: word,
      operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const),
      values: fc.constant([]),
    },
    plain,
  ),
  fc.record(
    {
      key: word,
      operator: fc.constantFrom('Gt' as const, 'Lt' as const),
      values: fc.nat(99).map((n) => [`${n}`]),
    },
    plain,
  ),
);

describe('label selectors, for any requirements', () => {
  it('the text reads back as the same requirements', () => {
    fc.assert(
      fc.property(fc.array(requirement, { maxLength: 4 }), (requirements) => {
        assert.deepEqual(parseLabelSelector(formatLabelSelector(requirements)), requirements);
      }),
    );
  });
  it('labels are selected by themselves', () => {
    fc.assert(fc.property(labelMap, (labels) => assert.ok(matchesLabels(fromMap(labels), labels))));
  });
  it('an operator and its opposite never agree', () => {
    const opposite = { In: 'NotIn', NotIn: 'In', Exists: 'DoesNotExist', DoesNotExist: 'Exists' } as const;
    fc.assert(
      fc.property(requirement, labelMap, (one, labels) => {
        if (one.operator === 'Gt' || one.operator === 'Lt') return;
        const other = { ...one, operator: opposite[one.operator] };
        assert.notEqual(matchesLabels([one], labels), matchesLabels([other], labels));
      }),
    );
  });
});

describe('field selectors', () => {
  const fields = { 'metadata.name': 'a', 'spec.nodeName': '', 'status.phase': 'Running' };
  const cases: Record<string, boolean> = {
    '': true,
    'metadata.name=a': true,
    'metadata.name==a': true,
    'metadata.name!=a': false,
    'spec.nodeName=': true,
    'spec.nodeName!=': false,
    'absent=': true,
    'status.phase!=Pending,metadata.name=a': true,
    'status.phase!=Pending,metadata.name=b': false,
  };
  for (const [text, expected] of Object.entries(cases)) {
    it(`${JSON.stringify(text)} is ${expected}`, () => {
      assert.equal(matchesFields(parseFieldSelector(text), fields), expected);
    });
  }
  for (const text of ['a', 'a=b=c', 'a=b\\x', 'a=b\\', 'a>b', 'a==b=c']) {
    it(`refuses ${JSON.stringify(text)}`, () => refuses(() => parseFieldSelector(text)));
  }
  it('reads escaped commas, equals signs and backslashes', () => {
    assert.deepEqual(parseFieldSelector(String.raw`a=b\,c\=d\\,e!=f`), [
      { field: 'a', operator: '=', value: 'b,c=d\\' },
      { field: 'e', operator: '!=', value: 'f' },
    ]);
  });
  it('reads back what it wrote, for any values', () => {
    const any = fc.record(
      {
        field: word,
        operator: fc.constantFrom('=' as const, '!=' as const),
        value: fc.string({ unit: fc.constantFrom(...'ab,=\\!') }),
      },
      plain,
    );
    fc.assert(
      fc.property(fc.array(any, { maxLength: 3 }), (requirements) => {
        assert.deepEqual(parseFieldSelector(formatFieldSelector(requirements)), requirements);
      }),
    );
  });
});
