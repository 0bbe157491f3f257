import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../base/json.ts';
import { ns, tokenPath } from './fixtures/access-server.ts';
import { createTestPki, jsonOf, overHttp1, postJson, startServer } from './fixtures/running-server.ts';
import type { Ask, Running, TestPki } from './fixtures/running-server.ts';

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a token of a service account', () => {
  let test: TestPki;
  let running: Running;
  let claims: JsonObject;
  let header: JsonObject;
  before(async () => {
    test = await createTestPki();
    const { privateKey, publicKey } = test.pki.serviceAccount;
    const serviceAccount = {
      signingKey: privateKey,
      verificationKeys: [publicKey],
      issuer: 'https://portico.test',
    };
    running = await startServer(test.pki, { config: { serviceAccount, authorizationMode: 'RBAC' } });
    await ask(test.pki.adminToken, ns('serviceaccounts'), postJson({ metadata: { name: 'robot' } }));
    const made = await ask(test.pki.adminToken, tokenPath, postJson({ spec: {} }));
    const { token } = jsonOf<{ status: { token: string } }>(made).status;
    const parts = token
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as JsonObject);
    [header = {}, claims = {}] = parts;
  });
  after(async () => {
    await running.stop();
    await test.remove();
  });
  const ask = (token: string, path: string, { headers, ...more }: Ask = {}) =>
    overHttp1(running.url + path, {
      ca: test.pki.caCert,
      ...more,
      headers: { ...headers, authorization: `Bearer ${token}` },
    });
  const signed = (
    body: JsonObject,
    head = header,
    key: KeyObject = createPrivateKey(test.pki.serviceAccount.privateKey),
  ): string => {
    const text = `${base64(head)}.${base64(body)}`;
    const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  };
  const code = async (token: string): Promise<number> => (await ask(token, ns('pods'))).status;

  it('is believed as it is', async () => assert.equal(await code(signed(claims)), 403));

  const now = Math.floor(Date.now() / 1000);
  const spoiled: Readonly<Record<string, (right: JsonObject) => JsonObject>> = {
    'that is over': (right) => ({ ...right, exp: now - 3600 }),
    'that has no end': ({ exp: _, ...right }) => right,
    'of the future': (right) => ({ ...right, nbf: now + 3600 }),
    'of another issuer': (right) => ({ ...right, iss: 'https://elsewhere.test' }),
    'for nobody': ({ aud: _, ...right }) => right,
    'for others': (right) => ({ ...right, aud: ['vault'] }),
    'of a subject that is not the account': (right) => ({
      ...right,
      sub: 'system:serviceaccount:kube-system:robot',
    }),
    'of an account that is gone': (right) => ({
      ...right,
      'kubernetes.io': {
        ...(right['kubernetes.io'] as JsonObject),
        serviceaccount: { name: 'robot', uid: 'older' },
      },
    }),
    'of nobody': ({ 'kubernetes.io': _, ...right }) => right,
  };
  for (const [title, spoil] of Object.entries(spoiled)) {
    it(`is none ${title}`, async () => assert.equal(await code(signed(spoil(claims))), 401));
  }

  it('is none by another key, or by a secret that is no secret', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    assert.equal(await code(signed(claims, header, privateKey)), 401);
    const jwk = { ...header, jwk: privateKey.export({ format: 'jwk' }) };
    assert.equal(await code(signed(claims, jwk as JsonObject, privateKey)), 401);
    for (const alg of ['HS256', 'none', 'None', 'ES384', 'RS256', '']) {
      const text = `${base64({ ...header, alg })}.${base64(claims)}`;
      const hmac = createHmac('sha256', test.pki.serviceAccount.publicKey).update(text).digest('base64url');
      for (const token of [`${text}.${hmac}`, `${text}.`, text]) assert.equal(await code(token), 401, alg);
    }
  });

  it('is none with a signature of zeroes', async () => {
    const text = `${base64(header)}.${base64(claims)}`;
    assert.equal(await code(`${text}.${Buffer.alloc(64).toString('base64url')}`), 401);
    assert.equal(await code(`${text}.${Buffer.alloc(0).toString('base64url')}`), 401);
  });

  const whoami = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const withCertificate = (client: { readonly cert: string; readonly key: string }) =>
    overHttp1(running.url + whoami, { ca: test.pki.caCert, client, ...postJson({}) }).then(
      ({ status }) => status,
      () => 'no connection',
    );

  it('nor is everyone known who shows a certificate', async () => {
    assert.equal(await withCertificate(test.pki.admin), 201);
    const other = await createTestPki();
    try {
      assert.ok(
        [401, 'no connection'].includes(await withCertificate(other.pki.admin)),
        'of another authority',
      );
    } finally {
      await other.remove();
    }
    assert.ok([401, 'no connection'].includes(await withCertificate(test.pki.serving)), 'of a server');
  });
});
