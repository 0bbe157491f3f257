import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canonicalTime, formatTime } from './time.ts';

describe('canonicalTime', () => {
  const cases: [string, 0 | 6, string][] = [
    ['2024-02-29T12:00:00Z', 0, '2024-02-29T12:00:00Z'],
    ['2024-02-29T12:00:00.999Z', 0, '2024-02-29T12:00:00Z'],
    ['2024-02-29t12:00:00z', 0, '2024-02-29T12:00:00Z'],
    ['2024-03-01T00:30:00+01:00', 0, '2024-02-29T23:30:00Z'],
    ['2024-02-29T23:30:00-01:30', 0, '2024-03-01T01:00:00Z'],
    ['2024-02-29T12:00:00Z', 6, '2024-02-29T12:00:00.000000Z'],
    ['2024-02-29T12:00:00.1234567Z', 6, '2024-02-29T12:00:00.123456Z'],
  ];
  for (const [text, decimals, expected] of cases) {
    it(`writes ${text} as ${expected}`, () => assert.equal(canonicalTime(text, decimals), expected));
  }
  for (const text of [
    '',
    '2024-02-29',
    '2023-02-29T12:00:00Z',
    '2024-13-01T00:00:00Z',
    '2024-01-01 00:00:00Z',
    '2024-01-01T00:00:00',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => canonicalTime(text, 0), RangeError));
  }
});

describe('formatTime', () => {
  it('writes whole seconds or six decimals', () => {
    const moment = Date.UTC(2024, 1, 29, 12, 0, 0, 250);
    assert.equal(formatTime(moment), '2024-02-29T12:00:00Z');
    assert.equal(formatTime(moment, 6), '2024-02-29T12:00:00.250000Z');
  });
});
