import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTokenFile } from './token-file.ts';

describe('a token file', () => {
  it('has a token, a user, a UID and groups in each line', () => {
    assert.deepEqual(parseTokenFile('a,jane,1,"dev,ops"\r\n\n# comment\nb, bob ,,\n"c,""d",eve,3,one\n'), [
      { token: 'a', user: 'jane', uid: '1', groups: ['dev', 'ops'] },
      { token: 'b', user: 'bob', groups: [] },
      { token: 'c,"d', user: 'eve', uid: '3', groups: ['one'] },
    ]);
  });

  const wrong: Readonly<Record<string, readonly [text: string, message: string]>> = {
    'too few columns': [
      'good,x,1\nsecret,jane',
      '--token-auth-file: line 2 must have at least 3 columns (token, user name, user uid), found 2',
    ],
    'no user': ['secret,,1', '--token-auth-file: line 1 has no token or no user name'],
    'an open quote': ['secret,jane,1,"dev', '--token-auth-file: line 1 has a quote that is not closed'],
  };
  for (const [title, [text, message]] of Object.entries(wrong)) {
    it(`with ${title} is refused without what stands in it`, () =>
      assert.throws(() => parseTokenFile(text), { message }));
  }
});
