import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
  CertificateSigningRequestSpec,
} from '../../../api/certificates/v1/certificate-signing-request.ts';
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from '../../../api/errors/field-error.ts';
import { dns1123Label, dns1123Subdomain } from '../../../api/validation/names.ts';
import { deepEqual } from '../../../base/deep-equal.ts';

export type Condition = CertificateSigningRequestCondition;

/** The signer of old that v1 knows no more. */
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown';
const MIN_SECONDS = 600;
const MAX_DOMAIN = 253;
/** A domain, a slash, a label, a dot and a subdomain. */
const MAX_SIGNER = 253 + 1 + 63 + 1 + 253;

/** Of those an Approved one can't be taken back. */
const APPROVALS = ['Approved', 'Denied'];
const FINAL = ['Approved', 'Denied', 'Failed'];

const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];

/** What only a look into PEM and DER tells; each gives what is wrong, in words. */
export interface Readers {
  readonly requestFault: (base64: string) => string | undefined;
  readonly certificateFault: (base64: string) => string | undefined;
}

/** Upstream's validateCertificateSigningRequest; faults that `prev` has already are no reason to refuse a change. */
export function signingRequestFaults(
  next: CertificateSigningRequest,
  prev: CertificateSigningRequest | undefined,
  { requestFault, certificateFault }: Readers,
): FieldError[] {
  const { spec, status = {} } = next;
  const { expirationSeconds: seconds } = spec;
  const errors: FieldError[] = [];
  const fault = deepEqual(spec.request, prev?.spec.request) ? undefined : requestFault(spec.request);
  if (fault !== undefined) errors.push(invalidValue('spec.request', spec.request, fault));
  errors.push(...usageFaults(spec, prev?.spec));
  if (spec.signerName === LEGACY_SIGNER && prev?.spec.signerName !== LEGACY_SIGNER) {
    const detail = 'the legacy signerName is not allowed via this API version';
    errors.push(invalidValue('spec.signerName', spec.signerName, detail));
  } else errors.push(...signerNameFaults('spec.signerName', spec.signerName));
  if (seconds !== undefined && seconds < MIN_SECONDS) {
    const detail = 'may not specify a duration less than 600 seconds (10 minutes)';
    errors.push(invalidValue('spec.expirationSeconds', seconds, detail));
  }
  errors.push(...conditionFaults(status.conditions ?? [], prev?.status?.conditions ?? []));
  const { certificate = '' } = status;
  const before = prev?.status?.certificate ?? '';
  if (certificate === '' || certificate === before) return errors;
  if (before !== '' && certificateFault(before) !== undefined) return errors;
  const detail = certificateFault(certificate);
  if (detail === undefined) return errors;
  return [...errors, invalidValue('status.certificate', '<certificate data>', detail)];
}

function usageFaults(
  { usages = [] }: CertificateSigningRequestSpec,
  prev: CertificateSigningRequestSpec | undefined,
): FieldError[] {
  if (usages.length === 0) return [required('spec.usages', 'usages must be provided')];
  const standing = prev?.usages ?? [];
  const isKnown = (usage: string): boolean => USAGES.includes(usage);
  const errors: FieldError[] = [];
  if (standing.every(isKnown)) {
    usages.forEach((usage, i) => {
      if (!isKnown(usage)) errors.push(notSupported(`spec.usages[${i}]`, usage, USAGES));
    });
  }
  if (new Set(standing).size < standing.length) return errors;
  usages.forEach((usage, i) => {
    if (usages.indexOf(usage) < i) errors.push(duplicate(`spec.usages[${i}]`, usage));
  });
  return errors;
}

/** `example.com/signer-name` (upstream's ValidateCertificateSigningRequestSignerName). */
export function signerNameFaults(path: string, name: string): FieldError[] {
  if (name === '') return [required(path, 'signerName must be provided')];
  const [domain = '', rest, ...more] = name.split('/');
  if (rest === undefined || more.length > 0) {
    const detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    return [invalidValue(path, name, detail)];
  }
  const errors: FieldError[] = [];
  if (domain.length > MAX_DOMAIN) errors.push(tooLong(path, MAX_DOMAIN));
  const labelFaults = (part: string, rule: typeof dns1123Label): FieldError[] => {
    const wrong = part.split('.').find((label) => rule(label).length > 0);
    if (wrong === undefined) return [];
    return rule(wrong).map((fault) =>
      invalidValue(path, part, `validating label ${JSON.stringify(wrong)}: ${fault}`),
    );
  };
  errors.push(...labelFaults(domain, dns1123Label));
  if (!domain.includes('.')) {
    const detail = 'should be a domain with at least two segments separated by dots';
    errors.push(invalidValue(path, domain, detail));
  }
  errors.push(...labelFaults(rest, dns1123Subdomain));
  return name.length > MAX_SIGNER ? [...errors, tooLong(path, MAX_SIGNER)] : errors;
}

const ANY_STATUS = ['False', 'True', 'Unknown'];

function conditionFaults(next: readonly Condition[], prev: readonly Condition[]): FieldError[] {
  const errors: FieldError[] = [];
  const isBoth = (list: readonly Condition[]): boolean =>
    APPROVALS.every((type) => list.some((condition) => condition.type === type));
  const hasDouble = new Set(prev.map(({ type }) => type)).size < prev.length;
  const seen = new Set<string>();
  next.forEach(({ type, status }, i) => {
    const path = `status.conditions[${i}]`;
    if (type === '' && !prev.some((condition) => condition.type === ''))
      errors.push(required(`${path}.type`));
    const allowed = FINAL.includes(type) ? ['True'] : ANY_STATUS;
    if (status === '') errors.push(required(`${path}.status`));
    else if (!allowed.includes(status)) errors.push(notSupported(`${path}.status`, status, allowed));
    const other = APPROVALS.find((each) => each !== type);
    if (APPROVALS.includes(type) && other !== undefined && seen.has(other) && !isBoth(prev)) {
      const detail = 'Approved and Denied conditions are mutually exclusive';
      errors.push(invalidValue(`${path}.type`, type, detail));
    }
    if (seen.has(type) && !hasDouble) errors.push(duplicate(`${path}.type`, type));
    seen.add(type);
  });
  return errors;
}

/** Through which door a request is changed, and so what of its status may change. */
export type Door = 'main' | 'status' | 'approval';

/** Upstream's validateCertificateSigningRequestUpdate. */
export function statusChangeFaults(
  next: CertificateSigningRequest,
  prev: CertificateSigningRequest,
  door: Door,
): FieldError[] {
  const errors: FieldError[] = [];
  const path = 'status.conditions';
  const ofType = ({ status }: CertificateSigningRequest, type: string): readonly Condition[] =>
    (status?.conditions ?? []).filter((condition) => condition.type === type);
  const forbid = (what: string, type: string): void => {
    errors.push(forbiddenField(path, `updates may not ${what} a condition of type "${type}"`));
  };
  for (const type of FINAL) {
    if (ofType(next, type).length < ofType(prev, type).length) forbid('remove', type);
  }
  for (const type of door === 'approval' ? [] : APPROVALS) {
    const [now, before] = [ofType(next, type), ofType(prev, type)];
    if (now.length > before.length) forbid('add', type);
    else if (now.length === before.length && !deepEqual(now, before)) forbid('modify', type);
  }
  const certificate = next.status?.certificate ?? '';
  const before = prev.status?.certificate ?? '';
  if (certificate === before) return errors;
  if (door !== 'status') {
    errors.push(forbiddenField('status.certificate', 'updates may not set certificate content'));
  } else if (before !== '') {
    const detail = 'updates may not modify existing certificate content';
    errors.push(forbiddenField('status.certificate', detail));
  }
  return errors;
}
