import {
  type CertificateSigningRequest,
  certificateSigningRequests,
} from '../../api/certificates/v1/certificate-signing-request.ts';
import { forbidden } from '../../api/errors/api-error.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { type Authorizer, PRIVILEGED_GROUP } from '../authorization/authorize.ts';
import { parseCertificateRequest } from '../pki/certificate-request.ts';
import type { Admission, AdmissionRequest } from './admission.ts';

/** As --disable-admission-plugins names them. */
export const CERTIFICATE_APPROVAL = 'CertificateApproval';
export const CERTIFICATE_SIGNING = 'CertificateSigning';
export const CERTIFICATE_SUBJECT_RESTRICTION = 'CertificateSubjectRestriction';

const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';

const isAbout = ({ kind }: AdmissionRequest): boolean =>
  kind.plural === certificateSigningRequests.plural && kind.group === certificateSigningRequests.group;

const refuse = ({ name }: AdmissionRequest, why: string): never => {
  throw forbidden(certificateSigningRequests, name, why);
};

/** A new request says who asks, whatever it said before. */
export const certificateRequester: Admission = (request) => {
  const { operation, object, user } = request;
  if (operation !== 'create' || !isAbout(request)) return undefined;
  const {
    username: _,
    uid: __,
    groups: ___,
    extra: ____,
    ...spec
  } = (object as CertificateSigningRequest).spec;
  const asker = {
    username: user.name,
    ...(user.uid === undefined ? {} : { uid: user.uid }),
    ...(user.groups.length === 0 ? {} : { groups: user.groups }),
    ...(user.extra === undefined || Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
  };
  return { ...object, spec: { ...spec, ...asker } } as CertificateSigningRequest;
};

/** Upstream's CertificateSubjectRestriction: no client certificate makes a member of the group that may do everything. */
export const certificateSubjectRestriction: Admission = (request) => {
  const { operation, subresource, object } = request;
  if (operation === 'delete' || subresource !== '' || !isAbout(request)) return;
  const { spec } = object as CertificateSigningRequest;
  if (spec.signerName !== CLIENT_SIGNER) return;
  if (organizationsOf(request, spec.request).includes(PRIVILEGED_GROUP)) {
    refuse(request, `use of ${CLIENT_SIGNER} signer with ${PRIVILEGED_GROUP} group is not allowed`);
  }
};

function organizationsOf(request: AdmissionRequest, base64: string): readonly string[] {
  try {
    return parseCertificateRequest(Buffer.from(base64, 'base64').toString('latin1')).organizations;
  } catch (error) {
    return refuse(request, `failed to parse CSR: ${(error as Error).message}`);
  }
}

/** Upstream's CertificateApproval: who approves or denies must be allowed to `approve` for the signer. */
export function certificateApproval(authorizer: Authorizer): Admission {
  return async (request) => {
    if (request.subresource !== 'approval' || !isAbout(request)) return;
    await checkSigner(authorizer, request, 'approve');
  };
}

/** Upstream's CertificateSigning: who writes certificates or conditions must be allowed to `sign` for the signer. */
export function certificateSigning(authorizer: Authorizer): Admission {
  return async (request) => {
    if (request.subresource !== 'status' || !isAbout(request)) return;
    const statusOf = (object: unknown): CertificateSigningRequest['status'] =>
      (object as CertificateSigningRequest | undefined)?.status;
    const [next, prev] = [statusOf(request.object), statusOf(request.old)];
    const isSame =
      next?.certificate === prev?.certificate && deepEqual(next?.conditions ?? [], prev?.conditions ?? []);
    if (!isSame) await checkSigner(authorizer, request, 'sign');
  };
}

/** For the signer by its name, or for every signer of its domain: `kubernetes.io/*`. */
async function checkSigner(
  authorizer: Authorizer,
  request: AdmissionRequest,
  verb: 'approve' | 'sign',
): Promise<void> {
  const { signerName } = (request.old as CertificateSigningRequest).spec;
  const { group } = certificateSigningRequests;
  const place = { namespace: '', group, version: '*', resource: 'signers', subresource: '', path: '' };
  const [domain = ''] = signerName.split('/');
  for (const name of [signerName, `${domain}/*`]) {
    const attributes = { user: request.user, isResource: true, verb, name, ...place };
    if ((await authorizer(attributes)).isAllowed) return;
  }
  refuse(request, `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`);
}
