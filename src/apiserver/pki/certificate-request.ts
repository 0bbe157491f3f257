import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { elements, oid, tags, type Element } from './der.ts';

/** A certificate signing request (PKCS #10, RFC 2986), as far as it is looked at. */
export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

const MALFORMED = 'x509: malformed certificate request';
const BEGIN = '-----BEGIN ';
const PEM = /-----BEGIN ([^\n-]*)-----\r?\n([A-Za-z0-9+/=\s]*)-----END \1-----/;
const COMMON_NAME = oid('2.5.4.3');
const ORGANIZATION = oid('2.5.4.10');

/** How a signature is checked: RFC 4055, RFC 5758, RFC 8410. Others are not known here. */
const ALGORITHMS: ReadonlyMap<string, { readonly hash: string | null; readonly failure: string }> = new Map(
  (
    [
      ['1.2.840.113549.1.1.11', 'sha256', 'crypto/rsa: verification error'],
      ['1.2.840.113549.1.1.12', 'sha384', 'crypto/rsa: verification error'],
      ['1.2.840.113549.1.1.13', 'sha512', 'crypto/rsa: verification error'],
      ['1.2.840.10045.4.3.2', 'sha256', 'x509: ECDSA verification failure'],
      ['1.2.840.10045.4.3.3', 'sha384', 'x509: ECDSA verification failure'],
      ['1.2.840.10045.4.3.4', 'sha512', 'x509: ECDSA verification failure'],
      ['1.3.101.112', null, 'x509: Ed25519 verification failure'],
    ] as const
  ).map(([id, hash, failure]) => [oid(id).toString('hex'), { hash, failure }]),
);

/** Reads a request in PEM and checks that who made it has the key. Throws an Error in the words of Go's crypto/x509. */
export function parseCertificateRequest(pem: string): CertificateRequest {
  const [, type, base64 = ''] = pem.includes(BEGIN) ? (PEM.exec(pem) ?? []) : [];
  if (type !== 'CERTIFICATE REQUEST') throw new Error('PEM block type must be CERTIFICATE REQUEST');
  try {
    return checked(Buffer.from(base64, 'base64'));
  } catch (cause) {
    const { message } = cause as Error;
    throw message.startsWith('DER: ') ? new Error(MALFORMED, { cause }) : cause;
  }
}

function checked(der: Buffer): CertificateRequest {
  const parts = partsOf(der);
  checkSignature(parts);
  const names = elements(parts.subject.content)
    .flatMap(({ content }) => elements(content))
    .map(({ content }) => elements(content));
  const valuesOf = (id: Buffer): string[] =>
    names.flatMap(([key, value]) =>
      key?.whole.equals(id) === true && value !== undefined ? [value.content.toString()] : [],
    );
  return { commonName: valuesOf(COMMON_NAME).at(-1) ?? '', organizations: valuesOf(ORGANIZATION) };
}

interface Parts {
  /** What is signed. */
  readonly info: Element;
  readonly subject: Element;
  readonly publicKey: Element;
  readonly algorithm: Element;
  readonly signature: Element;
}

function partsOf(der: Buffer): Parts {
  const fail = (): Error => new Error(MALFORMED);
  const [whole, ...more] = elements(der);
  if (whole?.tag !== tags.sequence || more.length > 0) throw fail();
  const [info, algorithm, signature] = elements(whole.content);
  if (info?.tag !== tags.sequence || algorithm?.tag !== tags.sequence) throw fail();
  const [, subject, publicKey] = elements(info.content);
  if (subject === undefined || publicKey === undefined) throw fail();
  // The first byte of a bit string says how many bits of the last do not count.
  if (signature?.tag !== tags.bitString || signature.content[0] !== 0) throw fail();
  return { info, subject, publicKey, algorithm, signature };
}

function checkSignature({ info, publicKey, algorithm, signature }: Parts): void {
  const [id] = elements(algorithm.content);
  const known = ALGORITHMS.get(id?.whole.toString('hex') ?? '');
  if (known === undefined) throw new Error('x509: cannot verify signature: algorithm unimplemented');
  let key: KeyObject;
  try {
    key = createPublicKey({ key: publicKey.whole, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new Error('x509: unsupported public key', { cause });
  }
  const isGood = verify(known.hash, info.whole, key, signature.content.subarray(1));
  if (!isGood) throw new Error(known.failure);
}
