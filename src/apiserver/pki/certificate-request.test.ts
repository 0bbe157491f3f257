import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { certificateRequests } from '../fixtures/certificate-requests.ts';
import { parseCertificateRequest } from './certificate-request.ts';

const { jane, rsa, ed25519, masters } = certificateRequests;
const [begin = '', ...body] = jane.trim().split('\n');
const der = Buffer.from(body.slice(0, -1).join(''), 'base64');
const pemOf = (bytes: Buffer): string =>
  [begin, bytes.toString('base64'), '-----END CERTIFICATE REQUEST-----', ''].join('\n');
/** With one byte changed. */
const bent = (at: number): string => {
  const copy = Buffer.from(der);
  copy[at] = copy.readUInt8(at) ^ 1;
  return pemOf(copy);
};

describe('a certificate signing request', () => {
  it('says who it is for, whatever the key is', () => {
    assert.deepEqual(parseCertificateRequest(jane), { commonName: 'jane', organizations: ['dev', 'ops'] });
    assert.deepEqual(parseCertificateRequest(rsa), { commonName: 'jane', organizations: [] });
    assert.deepEqual(parseCertificateRequest(ed25519), { commonName: 'jane', organizations: [] });
    assert.deepEqual(parseCertificateRequest(masters).organizations, ['system:masters']);
  });

  const wrong: Readonly<Record<string, readonly [text: string, says: RegExp]>> = {
    'is no PEM': ['hello', /^PEM block type must be CERTIFICATE REQUEST$/],
    'is something else': [jane.replaceAll(' REQUEST', ''), /^PEM block type must be CERTIFICATE REQUEST$/],
    'is empty': [pemOf(Buffer.alloc(0)), /^x509: malformed certificate request$/],
    'is cut off': [pemOf(der.subarray(0, 60)), /^x509: malformed certificate request$/],
    'has more behind it': [
      pemOf(Buffer.concat([der, Buffer.from([5, 0])])),
      /^x509: malformed certificate request$/,
    ],
    'is signed for another name': [bent(der.indexOf('jane')), /^x509: ECDSA verification failure$/],
    'is signed by another key': [bent(der.length - 1), /^x509: ECDSA verification failure$/],
    'is signed in a way that nobody knows': [
      bent(der.indexOf(Buffer.from('2a8648ce3d040302', 'hex'))),
      /^x509: cannot verify signature: algorithm unimplemented$/,
    ],
  };
  for (const [sentence, [text, says]] of Object.entries(wrong)) {
    it(`is refused when it ${sentence}`, () => {
      assert.throws(
        () => parseCertificateRequest(text),
        ({ message }: Error) => says.test(message),
      );
    });
  }

  it('is refused in words wherever a byte is cut off or changed', () => {
    for (let at = 0; at < der.length; at++) {
      for (const text of [bent(at), pemOf(der.subarray(0, at))]) {
        assert.throws(
          () => parseCertificateRequest(text),
          ({ message }: Error) => /^(x509|crypto\/rsa): /.test(message),
        );
      }
    }
  });
});
