import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  bytes,
  filled,
  int32,
  list,
  listMap,
  map,
  message,
  optional,
  pointer,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

const condition = message(
  'io.k8s.api.certificates.v1.CertificateSigningRequestCondition',
  'What became of a request.',
  {
    type: required([1, string], 'What happened: Approved, Denied, Failed, or something of the signer.'),
    status: required([6, string], 'True; of other types False and Unknown as well.'),
    reason: optional([2, string], 'Why, as one word.'),
    message: optional([3, string], 'The same for people.'),
    lastUpdateTime: optional([4, time], 'When the condition was last written.'),
    lastTransitionTime: optional([5, time], 'When the status last changed.'),
  },
);
export type CertificateSigningRequestCondition = Infer<typeof condition>;

const spec = message('io.k8s.api.certificates.v1.CertificateSigningRequestSpec', 'What is asked for.', {
  request: required([1, bytes], 'The request itself (PKCS #10) as PEM.'),
  signerName: required([7, string], 'Who is to sign, such as kubernetes.io/kube-apiserver-client.'),
  expirationSeconds: pointer([8, int32], 'For how long the certificate should hold; 600 at the least.'),
  usages: optional([5, list(string)], 'What the key is to be used for.'),
  username: optional([2, string], 'Who asks; the server fills it in.'),
  uid: optional([3, string], 'The id of who asks; the server fills it in.'),
  groups: optional([4, list(string)], 'The groups of who asks; the server fills them in.'),
  extra: optional([6, map(list(string))], 'More that is known of who asks; the server fills it in.'),
});
export type CertificateSigningRequestSpec = Infer<typeof spec>;

const status = message(
  'io.k8s.api.certificates.v1.CertificateSigningRequestStatus',
  'What became of the request.',
  {
    conditions: optional([1, listMap(condition, ['type'])], 'Whether it is approved, denied or has failed.'),
    certificate: optional([2, bytes], 'The certificate as PEM.'),
  },
);
export type CertificateSigningRequestStatus = Infer<typeof status>;

export const certificateSigningRequest = message(
  'io.k8s.api.certificates.v1.CertificateSigningRequest',
  'Asks for a certificate.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: required([2, spec], 'What is asked for.'),
    status: optional([3, status], 'What became of it.'),
  },
);
export type CertificateSigningRequest = Infer<typeof certificateSigningRequest>;

export const certificateSigningRequests: Kind<CertificateSigningRequest> = {
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  singular: 'certificatesigningrequest',
  shortNames: ['csr'],
  categories: [],
  isNamespaced: false,
  subresources: ['status'],
  schema: certificateSigningRequest,
};
