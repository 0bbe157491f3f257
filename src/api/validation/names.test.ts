import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as names from './names.ts';

const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const label1035 =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const value =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const qualified =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const bytes = (n: number): string => `must be no more than ${n} bytes`;

type Table = Record<string, readonly string[]>;
const rules: [string, names.NameRule, Table][] = [
  [
    'dns1123Label',
    names.dns1123Label,
    {
      a: [],
      '1-a': [],
      ['a'.repeat(63)]: [],
      ['a'.repeat(64)]: [bytes(63)],
      ['-'.repeat(5000)]: [bytes(63), label],
      '': [label],
      A: [label],
      'a.b': [label],
      'a-': [label],
      'a\n': [label],
    },
  ],
  [
    'dns1123Subdomain',
    names.dns1123Subdomain,
    {
      'a.b-c.1': [],
      ['a'.repeat(253)]: [],
      ['a'.repeat(254)]: [bytes(253)],
      'a..b': [subdomain],
      '.a': [subdomain],
    },
  ],
  ['dns1035Label', names.dns1035Label, { 'a-1': [], '1a': [label1035], '': [label1035] }],
  ['labelValueRule', names.labelValueRule, { '': [], 'A_b.c': [], '-a': [value], 'a b': [value] }],
  [
    'qualifiedName',
    names.qualifiedName,
    {
      a: [],
      'A_b.c-d': [],
      'example.com/A': [],
      '': ['name part must be non-empty', `name part ${qualified}`],
      '/a': ['prefix part must be non-empty'],
      'Ex/a': [`prefix part ${subdomain}`],
      'a/b/c': [
        `a qualified name ${qualified} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
      ],
      ['a'.repeat(64)]: [`name part ${bytes(63)}`],
    },
  ],
  [
    'portName',
    names.portName,
    {
      http: [],
      '1a': [],
      '': [
        'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        'must contain at least one letter (a-z)',
      ],
      '80': ['must contain at least one letter (a-z)'],
      'a--b': ['must not contain consecutive hyphens'],
      '-a': ['must not begin or end with a hyphen'],
      abcdefghijklmnop: [bytes(15)],
      HTTP: [
        'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        'must contain at least one letter (a-z)',
      ],
    },
  ],
  [
    'envVarName',
    names.envVarName,
    {
      'A.b-1 {x}': [],
      '1A': [],
      '': ['environment variable name must be non-empty'],
      'A=B': [
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
      ],
      ä: ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
    },
  ],
  [
    'configMapKey',
    names.configMapKey,
    {
      'a.b_c-D': [],
      '.': ["must not be '.'"],
      '..': ["must not be '..'"],
      '..a': ["must not start with '..'"],
      'a/b': [
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ],
    },
  ],
  [
    'pathSegmentName',
    names.pathSegmentName,
    {
      a: [],
      '.': ["may not be '.'"],
      '..': ["may not be '..'"],
      'a/%': ["may not contain '/'", "may not contain '%'"],
    },
  ],
  ['a prefix of a label', names.asPrefix(names.dns1123Label), { 'a-': [], '-': [label], 'A-': [label] }],
];

for (const [name, rule, table] of rules) {
  describe(name, () => {
    for (const [text, messages] of Object.entries(table)) {
      const shown = text.length > 70 ? `${text.length} times ${text.charAt(0)}` : JSON.stringify(text);
      it(`says of ${shown}: ${messages.length} faults`, () => assert.deepEqual(rule(text), messages));
    }
  });
}

describe('portNumber', () => {
  for (const port of [1, 80, 65535]) it(`takes ${port}`, () => assert.deepEqual(names.portNumber(port), []));
  for (const port of [0, -1, 65536, 1.5, NaN]) {
    it(`refuses ${port}`, () => {
      assert.deepEqual(names.portNumber(port), ['must be between 1 and 65535, inclusive']);
    });
  }
});
