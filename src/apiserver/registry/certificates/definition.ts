import { X509Certificate } from 'node:crypto';
import {
  type CertificateSigningRequest,
  certificateSigningRequests,
} from '../../../api/certificates/v1/certificate-signing-request.ts';
import { pathSegmentName } from '../../../api/validation/names.ts';
import { parseCertificateRequest } from '../../pki/certificate-request.ts';
import { ageColumn, column, durationText, nameColumn } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';
import { certificateStrategies } from './strategy.ts';
import type { Readers } from './validation.ts';

const textOf = (base64: string): string => Buffer.from(base64, 'base64').toString('latin1');

const readers: Readers = {
  requestFault(base64) {
    try {
      parseCertificateRequest(textOf(base64));
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  },
  certificateFault(base64) {
    const blocks = [...textOf(base64).matchAll(/-----BEGIN ([^\n-]+)-----([^-]*)-----END \1-----/g)];
    if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block';
    for (const [whole, type = '', content = ''] of blocks) {
      if (type !== 'CERTIFICATE') {
        return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`;
      }
      if (content.includes(':')) return 'no PEM block headers are permitted';
      try {
        new X509Certificate(whole);
      } catch {
        return 'x509: malformed certificate';
      }
    }
    return undefined;
  },
};

/** `Approved,Issued`, as upstream prints it. */
function stateText({ status = {} }: CertificateSigningRequest): string {
  const { conditions = [], certificate = '' } = status;
  const has = (wanted: string): boolean => conditions.some(({ type }) => type === wanted);
  const judged = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return `${judged}${has('Failed') ? ',Failed' : ''}${certificate === '' ? '' : ',Issued'}`;
}

/** `now` gives the time as an object has it. */
export function certificateDefinition(now: () => string): Definition<CertificateSigningRequest> {
  const { main, status, approval } = certificateStrategies(now, readers);
  return {
    kind: certificateSigningRequests,
    name: pathSegmentName,
    strategy: main,
    subresources: { status, approval },
    fields: { 'spec.signerName': ({ spec }) => spec.signerName },
    columns: [
      nameColumn(),
      ageColumn(),
      column('SignerName', 'string', ['Who is to sign.', ({ spec }) => spec.signerName || '<none>']),
      column('Requestor', 'string', ['Who asks.', ({ spec }) => spec.username ?? '']),
      column('RequestedDuration', 'string', [
        'For how long the certificate should hold.',
        ({ spec: { expirationSeconds: seconds } }) =>
          seconds === undefined ? '<none>' : durationText(seconds * 1000),
      ]),
      column('Condition', 'string', ['What became of it.', stateText]),
    ],
    resourceVersion: 'optional',
  };
}
