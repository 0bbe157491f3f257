import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatPortRange, parsePortRange, portRangeContains } from './port-range.ts';
import { isPort, parsePort } from './port.ts';

const ranges: Record<string, string | undefined> = {
  '30000-32767': '30000-32767',
  '30000+2767': '30000-32767',
  '80': '80-80',
  '1-65535': '1-65535',
  '5-5': '5-5',
  '5-4': undefined,
  '0-10': undefined,
  '0': undefined,
  '60000+6000': undefined,
  '1-65536': undefined,
  '': undefined,
  '-': undefined,
  '1-': undefined,
  '-1': undefined,
  '01-2': undefined,
  '1 - 2': undefined,
  '1-2-3': undefined,
  a: undefined,
};

describe('port range', () => {
  for (const [text, expected] of Object.entries(ranges)) {
    it(`${JSON.stringify(text)} is ${expected ?? 'refused'}`, () => {
      const range = parsePortRange(text);
      assert.equal(range && formatPortRange(range), expected);
    });
  }

  it('contains both of its ends', () => {
    const range = parsePortRange('30000-32767');
    assert.ok(range);
    assert.deepEqual(range, { first: 30000, size: 2768 });
    const inside = [29999, 30000, 32767, 32768, 30000.5].map((port) => portRangeContains(range, port));
    assert.deepEqual(inside, [false, true, true, false, false]);
  });
});

describe('port', () => {
  const ports: Record<string, number | undefined> = {
    '1': 1,
    '65535': 65535,
    '0': undefined,
    '65536': undefined,
    '080': undefined,
    '+1': undefined,
    '1.0': undefined,
    '': undefined,
  };
  for (const [text, expected] of Object.entries(ports)) {
    it(`${JSON.stringify(text)} is ${expected ?? 'refused'}`, () => assert.equal(parsePort(text), expected));
  }
  it('is a whole number of 1 to 65535', () => {
    assert.deepEqual([1, 65535, 0, 65536, 1.5, NaN, '80', undefined].map(isPort), [
      true,
      true,
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});
