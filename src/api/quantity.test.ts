import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalQuantity, formatQuantity, parseQuantity } from './quantity.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

describe('canonicalQuantity', () => {
  // From the documentation of resource.Quantity and its tests.
  const cases: Record<string, string> = {
    '0': '0',
    '0Mi': '0',
    '1': '1',
    '1000m': '1',
    '0.5': '500m',
    '1.5': '1500m',
    '1500m': '1500m',
    '+5': '5',
    '-1.5k': '-1500',
    '1000': '1k',
    '1024': '1024',
    '1024Mi': '1Gi',
    '0.5Gi': '512Mi',
    '1.5Gi': '1536Mi',
    '0.5Mi': '512Ki',
    '100Ki': '100Ki',
    '1023Ki': '1023Ki',
    '0.001Ki': '1024m',
    '1e3': '1e3',
    '12E6': '12e6',
    '1e-3': '1e-3',
    '1E': '1E',
    '.5': '500m',
    '5.': '5',
    '1n': '1n',
    '0.1n': '1n',
    '1u': '1u',
    '10000000000000000000': '9223372036854775807',
    ' 1 ': '1',
  };
  for (const [text, expected] of Object.entries(cases)) {
    it(`writes ${JSON.stringify(text)} as ${expected}`, () =>
      assert.equal(canonicalQuantity(text), expected));
  }

  for (const text of ['', 'a', '1 Mi', '1MM', '--1', '1e', '.', 'Mi', '1,5', '0x1', '1.2.3', '1mi']) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => canonicalQuantity(text),
        /^RangeError: quantities must match the regular expression/,
      );
    });
  }
});

describe('quantities, for any value', () => {
  const format = fc.constantFrom('DecimalSI', 'BinarySI', 'DecimalExponent') as fc.Arbitrary<'DecimalSI'>;
  it('the canonical text has the same value and is canonical', () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 24n), 10n ** 24n), format, (nano, as) => {
        // Binary amounts of a Ki and more have no fractions.
        const value = as === ('BinarySI' as string) ? nano - (nano % 1_000_000_000n) : nano;
        const text = formatQuantity({ nano: value, format: as });
        assert.equal(parseQuantity(text)?.nano, value);
        assert.equal(canonicalQuantity(text), text);
      }),
    );
  });
});
