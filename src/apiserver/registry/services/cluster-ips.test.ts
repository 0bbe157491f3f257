import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { services, type Service } from '../../../api/core/v1/service.ts';
import { formatFieldErrors } from '../../../api/errors/field-error.ts';
import { decodeObject } from '../../../api/schema/decode.ts';
import { applyDefaults } from '../../../api/schema/defaults.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { clusterIPChangeFaults } from './cluster-ips.ts';
import { serviceStrategy } from './strategy.ts';

const nothing = { range: '', contains: () => false, findFree: () => undefined };
const strategyOn = (families: readonly IpFamily[]) =>
  serviceStrategy({
    families,
    allocation: { addresses: {}, addressHolder: () => undefined, nodePorts: nothing },
  });
const single = strategyOn(['IPv4']);

const web = { name: 'web', namespace: 'default' };
const port80 = { port: 80 };

function read(spec: JsonObject): Service {
  const { object } = decodeObject(services, { metadata: web, spec }, { mode: 'Strict' });
  return applyDefaults(services, object);
}

function faultsOf(spec: JsonObject, strategy = single): string {
  const next = strategy.prepare({ next: read(spec), prev: undefined });
  const errors = strategy.validate({ next, prev: undefined });
  return errors.length === 0 ? 'valid' : formatFieldErrors(errors);
}

/** spec -> the errors' text, or 'valid', on a cluster with IPv4 only. */
const creates: Readonly<Record<string, readonly [JsonObject, string]>> = {
  'a cluster IP has no leading zeros': [
    { clusterIP: '10.096.0.5', ports: [port80] },
    'spec.clusterIPs[0]: Invalid value: "10.096.0.5": must not have leading 0s',
  ],
  'at most two cluster IPs': [
    { clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5', 'fd00::1', 'fd00::2'], ports: [port80] },
    'spec.clusterIPs: Invalid value: ["10.96.0.5","fd00::1","fd00::2"]: may only hold up to 2 values',
  ],
  'at most one cluster IP of a family': [
    {
      ipFamilyPolicy: 'RequireDualStack',
      clusterIP: '10.96.0.5',
      clusterIPs: ['10.96.0.5', '10.96.0.6'],
      ports: [port80],
    },
    'spec.clusterIPs: Invalid value: ["10.96.0.5","10.96.0.6"]: may specify no more than one IP for each IP family',
  ],
  'a family is named once': [
    { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv4'], ports: [port80] },
    'spec.ipFamilies[1]: Duplicate value: "IPv4"',
  ],
  'a cluster IP is of the family beside it': [
    { ipFamilies: ['IPv6'], clusterIP: '10.96.0.5', ports: [port80] },
    'spec.clusterIPs[0]: Invalid value: "10.96.0.5": expected an IPv6 value as indicated by `ipFamilies[0]`',
  ],
  'two families need a policy that allows them': [
    { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'], ports: [port80] },
    `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified`,
  ],
  'a cluster IP is an address': [
    { clusterIP: '10.96.0', ports: [port80] },
    'spec.clusterIPs[0]: Invalid value: "10.96.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  'cluster IPs without the first one alone': [
    { clusterIPs: ['10.96.0.5'], ports: [port80] },
    'spec.clusterIPs: Invalid value: ["10.96.0.5"]: must be empty when `clusterIP` is not specified',
  ],
  'the two cluster IP fields agree': [
    { clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.6'], ports: [port80] },
    'spec.clusterIPs: Invalid value: ["10.96.0.6"]: first value must match `clusterIP`',
  ],
  'None stands alone': [
    { clusterIP: 'None', clusterIPs: ['None', '10.96.0.6'], ports: [port80] },
    `spec.clusterIPs: Invalid value: ["None","10.96.0.6"]: 'None' must be the first and only value`,
  ],
  'a family is known': [
    { ipFamilies: ['IPv5'], ports: [port80] },
    'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
  ],
  'a family policy is known': [
    { ipFamilyPolicy: 'Dual', ports: [port80] },
    'spec.ipFamilyPolicy: Unsupported value: "Dual": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
  ],
  'a family the cluster does not have': [
    { ipFamilies: ['IPv6'], ports: [port80] },
    'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
  ],
  'an address of a family the cluster does not have': [
    { clusterIP: 'fd00::5', ports: [port80] },
    'spec.clusterIPs[0]: Invalid value: ["fd00::5"]: IPv6 is not configured on this cluster',
  ],
  'both families on a cluster with one': [
    { ipFamilyPolicy: 'RequireDualStack', ports: [port80] },
    'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
  ],
  'a headless Service without selector may have both families anywhere': [
    { clusterIP: 'None', ipFamilies: ['IPv4', 'IPv6'] },
    'valid',
  ],
};

const both = { clusterIPs: ['10.96.0.5', 'fd00::5'], ipFamilies: ['IPv4', 'IPv6'] };
const one = { clusterIPs: ['10.96.0.5'], ipFamilies: ['IPv4'] };
const headless = { clusterIP: 'None', clusterIPs: ['None'], ipFamilies: ['IPv4'] };
type Spec = Service['spec'];

/** Two specs -> the errors' text, or 'valid'. */
const changes: Readonly<Record<string, readonly [from: Spec, to: Spec, expected: string]>> = {
  'one address may be joined by a second': [one, both, 'valid'],
  'the second goes when one family is asked for': [both, { ...one, ipFamilyPolicy: 'SingleStack' }, 'valid'],
  'the second does not go otherwise': [
    both,
    { ...one, ipFamilyPolicy: 'PreferDualStack' },
    '[spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary clusterIP, spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary ipFamily]',
  ],
  'the first does not go': [
    one,
    {},
    '[spec.clusterIPs[0]: Invalid value: null: primary clusterIP can not be unset, spec.ipFamilies[0]: Invalid value: null: primary ipFamily can not be unset]',
  ],
  'the first does not change while the second goes': [
    both,
    { clusterIPs: ['fd00::5'], ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' },
    '[spec.clusterIPs[0]: Invalid value: ["fd00::5"]: may not change once set, spec.ipFamilies[0]: Invalid value: ["IPv6"]: may not change once set]',
  ],
  'the second does not change': [
    both,
    { ...both, clusterIPs: ['10.96.0.5', 'fd00::6'] },
    'spec.clusterIPs[1]: Invalid value: ["10.96.0.5","fd00::6"]: may not change once set',
  ],
  'families of a headless Service may change': [headless, { ...headless, ipFamilies: ['IPv6'] }, 'valid'],
  'everything may go for an external name': [both, { type: 'ExternalName' }, 'valid'],
  'everything may come from an external name': [{ type: 'ExternalName' }, both, 'valid'],
};

describe('the cluster IPs and families of a Service that changes', () => {
  for (const [sentence, [from, to, expected]] of Object.entries(changes)) {
    it(sentence, () => {
      const errors = clusterIPChangeFaults({ metadata: web, spec: to }, { metadata: web, spec: from });
      assert.equal(errors.length === 0 ? 'valid' : formatFieldErrors(errors), expected);
    });
  }
});

describe('the cluster IPs and families of a new Service', () => {
  for (const [sentence, [spec, expected]] of Object.entries(creates)) {
    it(sentence, () => assert.equal(faultsOf(spec), expected));
  }
});
