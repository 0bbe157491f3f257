import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { parseIp } from '../../net/ip.ts';
import type { KeyPair } from '../config.ts';

/** A certificate with less time left is made anew. */
const RENEW_BEFORE_MS = 30 * 24 * 3600 * 1000;

/** What lies on the disk; a member is absent when its file is. */
export interface FoundPair {
  readonly cert?: string;
  readonly key?: string;
}

export type AuthorityState =
  | { readonly isCurrent: true; readonly pair: KeyPair }
  /** `pair` is set when only its time is over: the new one keeps the key. */
  | { readonly isCurrent: false; readonly pair?: KeyPair };

/** Throws an Error naming the file when the authority is damaged, or missing while certificates of it are there. */
export function checkAuthority(
  path: string,
  found: FoundPair,
  { now, hasLeaves }: { readonly now: number; readonly hasLeaves: boolean },
): AuthorityState {
  if (found.cert === undefined) {
    if (hasLeaves) throw damaged(`${path}.crt`, 'is missing, but certificates it signed are there');
    return { isCurrent: false };
  }
  const pair = completePair(path, found);
  const certificate = matchedCertificate(path, pair);
  if (!certificate.ca) throw damaged(`${path}.crt`, 'is not an authority');
  return { isCurrent: hasTimeLeft(certificate, now), pair };
}

/**
 * The pair when it can stay in use; undefined when it must be made: nothing there, another authority, other hosts, or
 * little time left. Throws an Error naming the file when it is damaged.
 */
export function inspectLeaf(
  path: string,
  found: FoundPair,
  want: { readonly caCert: string; readonly hosts: readonly string[]; readonly now: number },
): KeyPair | undefined {
  if (found.cert === undefined) return undefined;
  const pair = completePair(path, found);
  const certificate = matchedCertificate(path, pair);
  if (!certificate.verify(new X509Certificate(want.caCert).publicKey)) {
    throw damaged(`${path}.crt`, 'was not signed by the authority beside it');
  }
  const isSame = hasTimeLeft(certificate, want.now) && sameHosts(certificate, want.hosts);
  return isSame ? pair : undefined;
}

/** Both halves of the key of `<path>.key`, PEM. Throws an Error naming the file when it holds no private key. */
export function checkSigningKey(
  path: string,
  privateKey: string,
): { readonly privateKey: string; readonly publicKey: string } {
  const key = parsed(`${path}.key`, 'private key', () => createPrivateKey(privateKey));
  return { privateKey, publicKey: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString() };
}

function completePair(path: string, found: FoundPair): KeyPair {
  if (found.cert === undefined || found.key === undefined) {
    throw damaged(`${path}.key`, 'is missing, but its certificate is there');
  }
  return { cert: found.cert, key: found.key };
}

function matchedCertificate(path: string, pair: KeyPair): X509Certificate {
  const certificate = parsed(`${path}.crt`, 'certificate', () => new X509Certificate(pair.cert));
  const key = parsed(`${path}.key`, 'private key', () => createPrivateKey(pair.key));
  if (!certificate.checkPrivateKey(key)) throw damaged(`${path}.key`, 'does not belong to its certificate');
  return certificate;
}

function parsed<T>(file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw damaged(file, `holds no ${what}`, cause);
  }
}

const damaged = (file: string, what: string, cause?: unknown): Error =>
  new Error(`${file} ${what}; restore it, or remove the whole directory to make new certificates`, { cause });

const hasTimeLeft = (certificate: X509Certificate, now: number): boolean =>
  certificate.validToDate.getTime() - now >= RENEW_BEFORE_MS;

/** `subjectAltName` reads `DNS:a, IP Address:10.0.0.1`; IPv6 comes in full form, so addresses are compared by value. */
function sameHosts(certificate: X509Certificate, hosts: readonly string[]): boolean {
  const names = (certificate.subjectAltName ?? '').split(', ').filter((name) => name !== '');
  const found = new Set(names.map((name) => canonical(name.replace(/^(DNS|IP Address):/, ''))));
  const wanted = new Set(hosts.map(canonical));
  return found.symmetricDifference(wanted).size === 0;
}

const canonical = (host: string): string => parseIp(host)?.text ?? host;
