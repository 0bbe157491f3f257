import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthenticator, hasCredentials } from './authenticate.ts';
import { identifyPeer } from './client-certificate.ts';

const authenticate = createAuthenticator([
  { token: 'secret', user: 'admin', groups: ['system:masters'] },
  { token: 'other', user: 'robot', uid: '7', groups: ['system:authenticated'] },
]);
const admin = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

const cases: readonly [title: string, header: string | undefined, expected: object | undefined][] = [
  ['a known token', 'Bearer secret', admin],
  ['the scheme in any case', 'bearer  secret', admin],
  [
    'a group is not added twice',
    'Bearer other',
    { name: 'robot', uid: '7', groups: ['system:authenticated'] },
  ],
  ['a wrong token', 'Bearer secre', undefined],
  ['an empty token', 'Bearer ', undefined],
  ['another scheme', 'Basic c2VjcmV0', undefined],
  ['nothing', undefined, undefined],
];
for (const [title, authorization, expected] of cases) {
  test(`bearer token: ${title}`, () =>
    assert.deepEqual(authenticate({ headers: { authorization } }), expected));
}

test("the caller's own identity comes first", () => {
  const user = { name: 'node', groups: ['system:nodes'] };
  assert.equal(authenticate({ headers: { authorization: 'Bearer secret' }, user }), user);
});

test('a wrong token and a foreign certificate are credentials, nothing is not', () => {
  assert.equal(hasCredentials({ headers: { authorization: 'Bearer x' } }), true);
  assert.equal(hasCredentials({ headers: {}, hasBadCertificate: true }), true);
  assert.equal(hasCredentials({ headers: {} }), false);
});

type Peer = Parameters<typeof identifyPeer>[0];
const peer = (subject: object | undefined, authorized = true): Peer =>
  ({ authorized, getPeerCertificate: () => (subject === undefined ? {} : { subject }) }) as unknown as Peer;

test('a client certificate names a user and groups', () => {
  assert.deepEqual(identifyPeer(peer({ CN: 'system:node:a', O: 'system:nodes' })), {
    user: { name: 'system:node:a', groups: ['system:nodes', 'system:authenticated'] },
  });
  assert.deepEqual(identifyPeer(peer({ CN: 'b', O: ['x', 'y'] })).user?.groups, [
    'x',
    'y',
    'system:authenticated',
  ]);
});

test('no certificate is nobody, an untrusted or nameless one is a bad one', () => {
  assert.deepEqual(identifyPeer(peer(undefined)), {});
  assert.deepEqual(identifyPeer(peer({ CN: 'b' }, false)), { hasBadCertificate: true });
  assert.deepEqual(identifyPeer(peer({ O: 'x' })), { hasBadCertificate: true });
});
