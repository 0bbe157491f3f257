import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { createAuthority, loadAuthority } from './certificate-authority.ts';
import { element, elements, oid, tags, time } from './der.ts';

describe('DER', () => {
  for (const [dotted, hex] of [
    ['2.5.4.3', '0603550403'],
    ['1.2.840.10045.4.3.2', '06082a8648ce3d040302'],
    ['1.3.6.1.5.5.7.3.1', '06082b06010505070301'],
  ] as const) {
    it(`writes the object identifier ${dotted}`, () => assert.equal(oid(dotted).toString('hex'), hex));
  }

  for (const length of [0, 1, 127, 128, 255, 256, 65535, 65536]) {
    it(`reads back an element of ${length} bytes beside another`, () => {
      const content = Buffer.alloc(length, 7);
      const both = Buffer.concat([
        element(tags.octetString, content),
        element(tags.integer, Buffer.from([1])),
      ]);
      const found = elements(both);
      assert.deepEqual(
        found.map(({ tag, content: bytes }) => [tag, bytes.length]),
        [
          [tags.octetString, length],
          [tags.integer, 1],
        ],
      );
    });
  }

  it('writes times after 2049 with four digits of the year', () => {
    assert.equal(
      time(Date.UTC(2049, 11, 31, 23, 59, 59))
        .subarray(2)
        .toString(),
      '491231235959Z',
    );
    assert.equal(
      time(Date.UTC(2050, 0, 1))
        .subarray(2)
        .toString(),
      '20500101000000Z',
    );
  });

  for (const [what, hex] of [
    ['cut off', '0405aabb'],
    ['without a length', '04'],
    ['of indefinite length', '3080'],
    ['with a length of five bytes', '04850000000001aa'],
    ['whose length is cut off', '0482aa'],
  ] as const) {
    it(`refuses an element ${what}`, () =>
      assert.throws(() => elements(Buffer.from(hex, 'hex')), /^Error: DER: an element/));
  }
});

describe('a certificate authority', () => {
  for (const [what, key] of [
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
  ] as const) {
    it(`signs with a key of its owner's: ${what}`, () => {
      const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
      const now = Date.UTC(2030, 0, 1);
      const authority = createAuthority({ commonName: 'own', days: 30 * 365, now, key: pem });
      const subject = { commonName: 'zoë', organizations: ['a', 'b'] };
      const leaf = loadAuthority(authority).issue(
        { subject, hosts: [], usages: ['clientAuth'], days: 1 },
        now,
      );
      const [ca, cert] = [new X509Certificate(authority.cert), new X509Certificate(leaf.cert)];
      assert.ok(ca.verify(ca.publicKey) && cert.verify(ca.publicKey) && cert.checkIssued(ca));
      assert.equal(ca.validToDate.getUTCFullYear(), 2059);
      assert.equal(cert.subject, 'O=a\nO=b\nCN=zoë');
    });
  }

  it('refuses what is no certificate', () => {
    const { key } = createAuthority({ commonName: 'x', days: 1, now: 0 });
    assert.throws(() => loadAuthority({ cert: 'nothing', key }));
  });
});
