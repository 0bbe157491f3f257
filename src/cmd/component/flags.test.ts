import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UserError } from '../up/user-error.ts';
import { helpText, parseFlags } from './flags.ts';

const table = {
  name: { kind: 'text', help: 'A name.' },
  servers: { kind: 'list', help: 'Some servers.' },
  'leader-elect': { kind: 'switch', help: 'Whether.' },
  port: { kind: 'number', help: 'A port.' },
  wait: { kind: 'duration', help: 'How long.' },
} as const;

const parse = (...args: string[]) => {
  const flags = parseFlags('prog', table, args);
  assert.ok(flags);
  return flags;
};

const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof UserError);
    assert.equal(error.exitCode, 2);
    return error.message;
  }
  throw new Error('it was accepted');
};

describe('flags', () => {
  it('are read in both spellings; the last of a text counts, a list grows, values may hold =', () => {
    const flags = parse(
      '--name=a',
      '--name',
      'b=c',
      '--servers=x,y',
      '--servers',
      ' z',
      '--leader-elect=false',
    );
    assert.equal(flags.text('name'), 'b=c');
    assert.deepEqual(flags.list('servers'), ['x', 'y', 'z']);
    assert.equal(flags.isOn('leader-elect'), false);
    assert.equal(parse('--leader-elect').isOn('leader-elect'), true);
    assert.equal(parse('--leader-elect=T').isOn('leader-elect'), true);
  });

  it('that are absent are undefined, or an empty list', () => {
    const flags = parse();
    assert.deepEqual(
      [
        flags.text('name'),
        flags.isOn('leader-elect'),
        flags.number('port', [0, 9]),
        flags.durationMs('wait'),
      ],
      [undefined, undefined, undefined, undefined],
    );
    assert.deepEqual(flags.list('servers'), []);
  });

  const durations: Readonly<Record<string, number>> = {
    '15s': 15_000,
    '1m30s': 90_000,
    '200ms': 200,
    '1.5h': 5_400_000,
    '0': 0,
  };
  for (const [text, ms] of Object.entries(durations)) {
    it(`read ${text} as ${ms} ms`, () => assert.equal(parse(`--wait=${text}`).durationMs('wait'), ms));
  }

  const wrong: Readonly<Record<string, readonly [args: readonly string[], words: RegExp]>> = {
    'a flag that does not exist': [['--other=1'], /^unknown flag --other \(portico prog --help/],
    'a flag that is misspelt': [['--nam=1'], /unknown flag --nam; did you mean --name\?/],
    'a flag of every object': [['--toString=1'], /unknown flag --toString/],
    'a flag without its value': [['--name'], /--name needs a value, as --name=VALUE/],
    'a word that is no flag': [['word'], /^word: prog takes flags only, such as --name/],
  };
  for (const [what, [args, words]] of Object.entries(wrong)) {
    it(`refuse ${what}`, () =>
      assert.match(
        refusal(() => parse(...args)),
        words,
      ));
  }

  it('refuse values of another kind when they are asked for', () => {
    assert.match(
      refusal(() => parse('--leader-elect=maybe').isOn('leader-elect')),
      /must be true or false/,
    );
    assert.match(
      refusal(() => parse('--port=70000').number('port', [1, 65535])),
      /--port=70000: must be a whole number from 1 to 65535/,
    );
    assert.match(
      refusal(() => parse('--port=0x1').number('port', [1, 65535])),
      /whole number/,
    );
    for (const text of ['15', '15x', 's', '', '1s2']) {
      assert.match(
        refusal(() => parse(`--wait=${text}`).durationMs('wait')),
        /must be a duration like 15s/,
      );
    }
  });

  it('explain themselves', () => {
    assert.equal(parseFlags('prog', table, ['--name=a', '--help']), undefined);
    assert.match(
      helpText('prog [flags]', 'About.', table),
      /Usage: prog \[flags\][\s\S]*--servers=A,B,\.\.\.\n {6}Some servers\./,
    );
  });
});
