import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { JsonObject } from '../../../base/json.ts';
import { certificateRequests } from '../../fixtures/certificate-requests.ts';
import {
  type ChangeRow,
  kindTrials,
  type Row,
  testChanges,
  testNewObjects,
} from '../../fixtures/kind-trials.ts';

const KIND = 'certificatesigningrequests';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const request = base64(certificateRequests.jane);
const asked = (changes: JsonObject = {}): JsonObject => ({
  spec: { request, signerName: 'example.com/any', usages: ['client auth'], ...changes },
});
const NO_CERTIFICATE = base64('-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n');
const approved = { type: 'Approved', status: 'True' };
const denied = { type: 'Denied', status: 'True' };
const LEGACY = 'kubernetes.io/legacy-unknown';

const rows: Readonly<Record<string, Row>> = {
  'a request': [KIND, asked(), 'accepted'],
  'one that is no request': [
    KIND,
    asked({ request: base64('no') }),
    `spec.request: Invalid value: "${base64('no')}": PEM block type must be CERTIFICATE REQUEST`,
  ],
  'one without usages and signer': [
    KIND,
    { spec: { request } },
    '[spec.usages: Required value: usages must be provided, spec.signerName: Required value: signerName must be provided]',
  ],
  'usages that are unknown and twice': [
    KIND,
    asked({ usages: ['flying', 'any', 'any'] }),
    '[spec.usages[0]: Unsupported value: "flying": supported values: "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping", spec.usages[2]: Duplicate value: "any"]',
  ],
  'the signer of old': [
    KIND,
    asked({ signerName: LEGACY }),
    `spec.signerName: Invalid value: "${LEGACY}": the legacy signerName is not allowed via this API version`,
  ],
  'a signer without a domain': [
    KIND,
    asked({ signerName: 'mine' }),
    `spec.signerName: Invalid value: "mine": must be a fully qualified domain and path of the form 'example.com/signer-name'`,
  ],
  'a signer of a domain of one part': [
    KIND,
    asked({ signerName: 'mine/x' }),
    'spec.signerName: Invalid value: "mine": should be a domain with at least two segments separated by dots',
  ],
  'a signer whose domain is none': [
    KIND,
    asked({ signerName: 'a_b.com/x' }),
    'spec.signerName: Invalid value: "a_b.com": validating label "a_b": a lowercase RFC 1123 label must consist of',
  ],
  'a minute': [
    KIND,
    asked({ expirationSeconds: 60 }),
    'spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)',
  ],
};

const changes: Readonly<Record<string, ChangeRow>> = {
  'an approval': [KIND, asked(), 'accepted', { status: { conditions: [approved] } }, 'approval'],
  'an approval that is none': [
    KIND,
    asked(),
    'status.conditions[0].status: Unsupported value: "False": supported values: "True"',
    { status: { conditions: [{ ...approved, status: 'False' }] } },
    'approval',
  ],
  'an approval and a denial': [
    KIND,
    asked(),
    'status.conditions[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
    { status: { conditions: [approved, denied] } },
    'approval',
  ],
  'an approval through the status': [
    KIND,
    asked(),
    'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
    { status: { conditions: [approved] } },
    'status',
  ],
  'a failure': [
    KIND,
    asked(),
    'accepted',
    { status: { conditions: [{ type: 'Failed', status: 'True' }] } },
    'status',
  ],
  'something that is no certificate': [
    KIND,
    asked(),
    'status.certificate: Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "KEY"',
    { status: { certificate: NO_CERTIFICATE } },
    'status',
  ],
  'nothing at all for a certificate': [
    KIND,
    asked(),
    'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
    { status: { certificate: base64('hello') } },
    'status',
  ],
};

const bench = kindTrials();
testNewObjects(bench, rows);
testChanges(bench, changes);

it('keeps what was asked, fills in who asked and when it was judged, and takes nothing back', async () => {
  const conditionsOf = (object: JsonObject): unknown => (object['status'] as JsonObject)['conditions'];
  const created = await bench.create(KIND, {
    ...asked({ username: 'somebody', groups: ['else'], uid: '7', extra: { a: ['b'] } }),
    status: { conditions: [approved] },
  });
  const { username, groups, uid, extra } = created['spec'] as JsonObject;
  assert.notEqual(username, 'somebody');
  assert.deepEqual([Array.isArray(groups), uid, extra], [true, undefined, undefined]);
  assert.deepEqual(created['status'], {});

  const other = await bench.change(KIND, { spec: { signerName: 'example.com/other' } });
  assert.equal((other['spec'] as JsonObject)['signerName'], 'example.com/any');
  const judged = await bench.change(KIND, { status: { conditions: [approved] } }, 'approval');
  const times = { lastUpdateTime: '2026-01-01T00:00:00Z', lastTransitionTime: '2026-01-01T00:00:00Z' };
  assert.deepEqual(conditionsOf(judged), [{ ...approved, ...times }]);
  const same = await bench.change(
    KIND,
    { status: { conditions: [{ ...approved, reason: 'Mine' }] } },
    'status',
  );
  assert.deepEqual(conditionsOf(same), conditionsOf(judged));
  await assert.rejects(bench.change(KIND, { status: { conditions: [] } }, 'approval'), (error: Error) =>
    error.message.includes(
      'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
    ),
  );
  await bench.remove(KIND);
});

it('has a name that need not be one of DNS', async () => {
  const { metadata } = await bench.create(KIND, { metadata: { name: 'Jane_2' }, ...asked() });
  assert.equal((metadata as JsonObject)['name'], 'Jane_2');
});

it('asks for no client certificate of the group that may do everything', async () => {
  const masters = asked({
    request: base64(certificateRequests.masters),
    signerName: 'kubernetes.io/kube-apiserver-client',
  });
  await assert.rejects(bench.create(KIND, masters), (error: Error) =>
    error.message.endsWith(
      'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    ),
  );
});
