import type { TLSSocket } from 'node:tls';
import type { HttpRequest } from '../http/message.ts';
import { userOf } from './authenticate.ts';

type Identity = Pick<HttpRequest, 'user' | 'hasBadCertificate'> & {
  /** In ms since the epoch; absent without a user. A connection may well outlive the certificate it began with. */
  readonly expiresAtMs?: number;
};

/** The TLS layer has checked the chain already: `authorized` says with what result. */
type PeerSocket = Pick<TLSSocket, 'authorized' | 'getPeerCertificate'>;

/** CN is the user's name, every O a group (upstream's x509 CommonNameUserConversion). Nothing shown, nothing known. */
export function identifyPeer(socket: PeerSocket): Identity {
  const { subject, valid_to: end } = socket.getPeerCertificate() as Partial<
    ReturnType<TLSSocket['getPeerCertificate']>
  >;
  if (subject === undefined) return {};
  const names = listOf(subject.CN);
  if (!socket.authorized || names.length !== 1) return { hasBadCertificate: true };
  const user = userOf({ user: names[0] ?? '', groups: listOf(subject.O) });
  return { user, ...(end === undefined ? {} : { expiresAtMs: Date.parse(end) }) };
}

/** OpenSSL gives one value as text and several as a list. */
const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;
