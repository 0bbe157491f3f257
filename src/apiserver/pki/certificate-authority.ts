import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { ipToBytes, parseIp } from '../../net/ip.ts';
import type { KeyPair } from '../config.ts';
import { bitString, contextTag, element, elements, oid, sequence, tags, time } from './der.ts';

const DAY_MS = 24 * 3600 * 1000;
/** Certificates begin a little in the past, for machines whose clocks are behind. */
const BACKDATE_MS = 3600 * 1000;

/** RFC 5280, RFC 5758 (ECDSA), RFC 4055 (RSA). */
const OIDS = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  sha256WithRsa: '1.2.840.113549.1.1.11',
} as const;

const TRUE = element(tags.boolean, Buffer.from([0xff]));
const NULL = Buffer.from([0x05, 0x00]);

export interface Subject {
  readonly commonName: string;
  /** Kubernetes reads these as groups. */
  readonly organizations: readonly string[];
}

export interface LeafRequest {
  readonly subject: Subject;
  /** IP addresses and DNS names; empty for a client. */
  readonly hosts: readonly string[];
  readonly usages: readonly ('serverAuth' | 'clientAuth')[];
  readonly days: number;
}

/** Signs certificates. All times are milliseconds since the epoch; all material is PEM. */
export interface CertificateAuthority {
  issue(request: LeafRequest, now: number): KeyPair;
}

/** A self-signed P-256 authority. Passing the key of an old one gives it a new validity: what it has signed stays valid. */
export function createAuthority(options: {
  readonly commonName: string;
  readonly days: number;
  readonly now: number;
  readonly key?: string;
}): KeyPair {
  const key = options.key === undefined ? newKey() : createPrivateKey(options.key);
  const publicKey = publicKeyInfo(key);
  const name = distinguishedName({ commonName: options.commonName, organizations: [] });
  const cert = signed(key, {
    issuer: name,
    subject: name,
    publicKey,
    now: options.now,
    days: options.days,
    extensions: [
      critical(OIDS.basicConstraints, sequence(TRUE)),
      // digitalSignature (bit 0) and keyCertSign (bit 5).
      critical(OIDS.keyUsage, bitString(Buffer.from([0x84]), 2)),
      extension(OIDS.subjectKeyIdentifier, element(tags.octetString, keyIdentifier(publicKey))),
    ],
  });
  return { cert, key: privatePem(key) };
}

/** Throws an Error when the pair is no certificate and key. The key may be EC or RSA. */
export function loadAuthority(pair: KeyPair): CertificateAuthority {
  const signingKey = createPrivateKey(pair.key);
  const { subject, identifier } = issuerOf(new X509Certificate(pair.cert));
  const authorityKey = extension(
    OIDS.authorityKeyIdentifier,
    sequence(element(contextTag(0, 'primitive'), identifier)),
  );
  return {
    issue: (request, now) => {
      const key = newKey();
      const cert = signed(signingKey, {
        issuer: subject,
        subject: distinguishedName(request.subject),
        publicKey: publicKeyInfo(key),
        now,
        days: request.days,
        extensions: [...leafExtensions(request), authorityKey],
      });
      return { cert, key: privatePem(key) };
    },
  };
}

/** A P-256 key pair as PEM (PKCS #8 and SPKI), for signatures without a certificate. */
export function createSigningKey(): { readonly privateKey: string; readonly publicKey: string } {
  const key = newKey();
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  return { privateKey: privatePem(key), publicKey };
}

interface CertificateParts {
  /** Names and the key as DER. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly publicKey: Buffer;
  readonly now: number;
  readonly days: number;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280 4.1: what is to be signed, how, and the signature; PEM. */
function signed(key: KeyObject, parts: CertificateParts): string {
  const algorithm =
    key.asymmetricKeyType === 'rsa'
      ? sequence(oid(OIDS.sha256WithRsa), NULL)
      : sequence(oid(OIDS.ecdsaWithSha256));
  const version3 = element(contextTag(0, 'constructed'), element(tags.integer, Buffer.from([2])));
  const body = sequence(
    version3,
    element(tags.integer, serialNumber()),
    algorithm,
    parts.issuer,
    sequence(time(parts.now - BACKDATE_MS), time(parts.now + parts.days * DAY_MS)),
    parts.subject,
    parts.publicKey,
    element(contextTag(3, 'constructed'), sequence(...parts.extensions)),
  );
  const certificate = sequence(body, algorithm, bitString(sign('sha256', body, key)));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function leafExtensions({ hosts, usages }: LeafRequest): readonly Buffer[] {
  const names = hosts.map((host) => {
    const ip = parseIp(host);
    return ip === undefined
      ? element(contextTag(2, 'primitive'), Buffer.from(host))
      : element(contextTag(7, 'primitive'), ipToBytes(ip));
  });
  return [
    critical(OIDS.basicConstraints, sequence()),
    // digitalSignature (bit 0).
    critical(OIDS.keyUsage, bitString(Buffer.from([0x80]), 7)),
    extension(OIDS.extendedKeyUsage, sequence(...usages.map((usage) => oid(OIDS[usage])))),
    ...(names.length === 0 ? [] : [extension(OIDS.subjectAltName, sequence(...names))]),
  ];
}

const extension = (id: string, value: Buffer): Buffer => sequence(oid(id), element(tags.octetString, value));
const critical = (id: string, value: Buffer): Buffer =>
  sequence(oid(id), TRUE, element(tags.octetString, value));

function distinguishedName({ commonName, organizations }: Subject): Buffer {
  const part = (id: string, text: string): Buffer =>
    element(tags.set, sequence(oid(id), element(tags.utf8String, Buffer.from(text))));
  return sequence(
    ...organizations.map((organization) => part(OIDS.organization, organization)),
    part(OIDS.commonName, commonName),
  );
}

/** The authority's own name, and the identifier it gave its key (or would have been given). */
function issuerOf(certificate: X509Certificate): { readonly subject: Buffer; readonly identifier: Buffer } {
  const [whole] = elements(certificate.raw);
  const [body] = elements(whole?.content ?? Buffer.alloc(0));
  // Version 1 leaves its number out.
  const fields = elements(body?.content ?? Buffer.alloc(0)).filter(
    ({ tag }) => tag !== contextTag(0, 'constructed'),
  );
  const [, , , , subject, publicKey] = fields;
  if (subject === undefined || publicKey === undefined) throw new Error('the certificate has no subject');
  const extensions = fields.find(({ tag }) => tag === contextTag(3, 'constructed'));
  const listed =
    extensions === undefined ? [] : elements(elements(extensions.content)[0]?.content ?? Buffer.alloc(0));
  const wanted = oid(OIDS.subjectKeyIdentifier);
  const own = listed
    .map(({ content }) => elements(content))
    .find(([id]) => id !== undefined && id.whole.equals(wanted))
    ?.at(-1);
  const identifier = own === undefined ? undefined : elements(own.content)[0]?.content;
  return { subject: subject.whole, identifier: identifier ?? keyIdentifier(publicKey.whole) };
}

/** RFC 5280 4.2.1.2, method 1: SHA-1 over the bits of the key. */
function keyIdentifier(publicKey: Buffer): Buffer {
  const [info] = elements(publicKey);
  const bits = elements(info?.content ?? Buffer.alloc(0)).at(-1)?.content ?? Buffer.alloc(0);
  return createHash('sha1').update(bits.subarray(1)).digest();
}

/** Positive and unguessable, as RFC 5280 4.1.2.2 wants: the top bit is clear, the first byte not zero. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes.readUInt8(0) & 0x3f) | 0x40;
  return bytes;
}

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

const publicKeyInfo = (key: KeyObject): Buffer =>
  createPublicKey(key).export({ type: 'spki', format: 'der' });

const privatePem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
