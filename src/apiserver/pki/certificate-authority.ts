import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { parseIp } from '../../net/ip.ts';
import type { KeyPair } from '../config.ts';

const DAY_MS = 24 * 3600 * 1000;
const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' };
/** Certificates begin a little in the past, for machines whose clocks are behind. */
const BACKDATE_MS = 3600 * 1000;

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
  issue(request: LeafRequest, now: number): Promise<KeyPair>;
}

/** A self-signed P-256 authority. Passing the key of an old one gives it a new validity: what it has signed stays valid. */
export async function createAuthority(options: {
  readonly commonName: string;
  readonly days: number;
  readonly now: number;
  readonly key?: string;
}): Promise<KeyPair> {
  const keys = options.key === undefined ? await newKeys() : await importKeys(options.key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: distinguishedName({ commonName: options.commonName, organizations: [] }),
    ...validity(options.now, options.days),
    keys,
    signingAlgorithm: SIGNATURE,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: certificate.toString('pem') + '\n', key: await exportKey(keys.privateKey) };
}

export async function loadAuthority(pair: KeyPair): Promise<CertificateAuthority> {
  const issuer = new x509.X509Certificate(pair.cert);
  const { privateKey } = await importKeys(pair.key);
  const authorityKey = await x509.AuthorityKeyIdentifierExtension.create(issuer);
  return {
    issue: async (request, now) => {
      const keys = await newKeys();
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serialNumber(),
        subject: distinguishedName(request.subject),
        issuer: issuer.subjectName,
        ...validity(now, request.days),
        publicKey: keys.publicKey,
        signingKey: privateKey,
        signingAlgorithm: SIGNATURE,
        extensions: leafExtensions(request, authorityKey),
      });
      return { cert: certificate.toString('pem') + '\n', key: await exportKey(keys.privateKey) };
    },
  };
}

function leafExtensions(request: LeafRequest, authorityKey: x509.Extension): x509.Extension[] {
  const usages = request.usages.map((usage) => x509.ExtendedKeyUsage[usage]);
  const names = request.hosts.map((host): x509.JsonGeneralName => ({
    type: parseIp(host) === undefined ? 'dns' : 'ip',
    value: host,
  }));
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(usages),
    authorityKey,
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
  ];
}

const distinguishedName = (subject: Subject): x509.Name =>
  new x509.Name([
    ...subject.organizations.map((organization) => ({ O: [organization] })),
    { CN: [subject.commonName] },
  ]);

/** Positive and unguessable, as RFC 5280 4.1.2.2 wants: the top bit is clear, the first byte not zero. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes.readUInt8(0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

const validity = (now: number, days: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(now - BACKDATE_MS),
  notAfter: new Date(now + days * DAY_MS),
});

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY') + '\n';
}

async function importKeys(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const der = x509.PemConverter.decodeFirst(pem);
  const privateKey = await webcrypto.subtle.importKey('pkcs8', der, CURVE, true, ['sign']);
  const { kty, crv, x, y } = await webcrypto.subtle.exportKey('jwk', privateKey);
  const publicKey = await webcrypto.subtle.importKey('jwk', { kty, crv, x, y }, CURVE, true, ['verify']);
  return { privateKey, publicKey };
}
