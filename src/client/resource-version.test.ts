import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compareResourceVersions } from './resource-version.ts';

const cases: [
  a: string | undefined,
  b: string | undefined,
  order: 'less' | 'equal' | 'greater' | 'unknown',
][] = [
  ['9', '10', 'less'],
  ['10', '9', 'greater'],
  ['10', '10', 'equal'],
  ['007', '7', 'equal'],
  ['9007199254740993', '9007199254740992', 'greater'],
  ['abc', 'abc', 'equal'],
  ['abc', 'abd', 'unknown'],
  ['1', 'abd', 'unknown'],
  [undefined, '1', 'unknown'],
  ['1', undefined, 'unknown'],
];
for (const [a, b, expected] of cases) {
  it(`${a} is ${expected} to ${b}`, () => {
    const order = compareResourceVersions(a, b);
    const actual = order === undefined ? 'unknown' : order < 0 ? 'less' : order > 0 ? 'greater' : 'equal';
    assert.equal(actual, expected);
  });
}
