import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { services, type Service } from '../../../api/core/v1/service.ts';
import { formatFieldErrors } from '../../../api/errors/field-error.ts';
import { decodeObject } from '../../../api/schema/decode.ts';
import { applyDefaults } from '../../../api/schema/defaults.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { serviceStrategy } from './strategy.ts';

const nothing = { range: '', contains: () => false, findFree: () => undefined };
const strategyOn = (families: readonly IpFamily[]) =>
  serviceStrategy({
    families,
    allocation: { addresses: {}, addressHolder: () => undefined, nodePorts: nothing },
  });
const single = strategyOn(['IPv4']);
const dual = strategyOn(['IPv4', 'IPv6']);

const web = { name: 'web', namespace: 'default' };
const port80 = { port: 80 };

function read(spec: JsonObject, extra: JsonObject = {}): Service {
  const { object } = decodeObject(services, { metadata: web, spec, ...extra }, { mode: 'Strict' });
  return applyDefaults(services, object);
}

/** spec on a cluster with both families -> policy and families, or the errors. */
const families: Readonly<Record<string, readonly [JsonObject, string]>> = {
  'one family unless asked': [{ ports: [port80] }, 'SingleStack IPv4'],
  'the family that is asked for': [{ ipFamilies: ['IPv6'], ports: [port80] }, 'SingleStack IPv6'],
  'both when required': [
    { ipFamilyPolicy: 'RequireDualStack', ports: [port80] },
    'RequireDualStack IPv4,IPv6',
  ],
  'both when preferred': [
    { ipFamilyPolicy: 'PreferDualStack', ports: [port80] },
    'PreferDualStack IPv4,IPv6',
  ],
  'the order that is asked for': [
    { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6'], ports: [port80] },
    'PreferDualStack IPv6,IPv4',
  ],
  'the order of the addresses': [
    {
      ipFamilyPolicy: 'RequireDualStack',
      clusterIP: 'fd00::5',
      clusterIPs: ['fd00::5', '10.96.0.5'],
      ports: [port80],
    },
    'RequireDualStack IPv6,IPv4',
  ],
  'both for a headless Service without selector': [{ clusterIP: 'None' }, 'RequireDualStack IPv4,IPv6'],
  'one for a headless Service with selector': [
    { clusterIP: 'None', selector: { a: 'b' } },
    'SingleStack IPv4',
  ],
  'two families need a policy': [
    { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'], ports: [port80] },
    `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified`,
  ],
  'two addresses need a policy': [
    { clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5', 'fd00::5'], ports: [port80] },
    `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified`,
  ],
  'a family is named once': [
    { ipFamilies: ['IPv4', 'IPv4'], ports: [port80] },
    'spec.ipFamilies[1]: Duplicate value: "IPv4"',
  ],
  'an address is of its family': [
    { ipFamilies: ['IPv6'], clusterIP: '10.96.0.5', ports: [port80] },
    'spec.clusterIPs[0]: Invalid value: "10.96.0.5": expected an IPv6 value as indicated by `ipFamilies[0]`',
  ],
  'two addresses are of two families': [
    {
      ipFamilyPolicy: 'PreferDualStack',
      clusterIP: '10.96.0.5',
      clusterIPs: ['10.96.0.5', '10.96.0.6'],
      ports: [port80],
    },
    'spec.clusterIPs: Invalid value: ["10.96.0.5","10.96.0.6"]: may specify no more than one IP for each IP family',
  ],
  'no more than two': [
    { clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5', 'fd00::5', '10.96.0.7'], ports: [port80] },
    'spec.clusterIPs: Invalid value: ["10.96.0.5","fd00::5","10.96.0.7"]: may only hold up to 2 values',
  ],
};

describe('the families of a new Service', () => {
  for (const [sentence, [spec, expected]] of Object.entries(families)) {
    it(sentence, () => {
      const next = dual.prepare({ next: read(spec), prev: undefined });
      const errors = dual.validate({ next, prev: undefined });
      const text = `${next.spec.ipFamilyPolicy} ${next.spec.ipFamilies?.join()}`;
      assert.equal(errors.length === 0 ? text : formatFieldErrors(errors), expected);
    });
  }
});

/** Field of the spec -> value after defaulting. */
const defaults: Readonly<Record<string, readonly [JsonObject, JsonObject]>> = {
  'type, protocol, target port, policies': [
    { ports: [port80] },
    {
      type: 'ClusterIP',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
    },
  ],
  'an affinity of three hours': [
    { sessionAffinity: 'ClientIP', ports: [port80] },
    { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } } },
  ],
  'an external policy where there is traffic from outside': [
    { type: 'NodePort', ports: [port80] },
    { externalTrafficPolicy: 'Cluster' },
  ],
  'node ports for a load balancer': [
    { type: 'LoadBalancer', ports: [port80] },
    { allocateLoadBalancerNodePorts: true, externalTrafficPolicy: 'Cluster' },
  ],
  'no affinity configuration where there is no affinity': [
    { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } }, ports: [port80] },
    { sessionAffinity: 'None', sessionAffinityConfig: undefined },
  ],
  'an affinity of three hours, also when its configuration is empty': [
    { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: {} }, ports: [port80] },
    { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } } },
  ],
  'a target port that is named stays': [
    { ports: [{ port: 80, targetPort: 'http', protocol: 'UDP' }] },
    { ports: [{ port: 80, protocol: 'UDP', targetPort: 'http' }] },
  ],
  'an external policy for external IPs': [
    { externalIPs: ['192.0.2.1'], ports: [port80] },
    { externalTrafficPolicy: 'Cluster' },
  ],
  'no selector where it is empty': [{ selector: {}, ports: [port80] }, { selector: undefined }],
  'nothing of the network for an external name': [
    { type: 'ExternalName', externalName: 'a.b' },
    {
      clusterIP: undefined,
      clusterIPs: undefined,
      ipFamilies: undefined,
      ipFamilyPolicy: undefined,
      externalTrafficPolicy: undefined,
      internalTrafficPolicy: undefined,
    },
  ],
  'the plural of the cluster IP': [{ clusterIP: 'None' }, { clusterIPs: ['None'] }],
};

describe('what a new Service is given', () => {
  for (const [sentence, [spec, expected]] of Object.entries(defaults)) {
    it(sentence, () => {
      const { spec: actual } = single.prepare({ next: read(spec), prev: undefined });
      for (const [field, value] of Object.entries(expected)) {
        assert.deepEqual(actual[field as keyof typeof actual], value, field);
      }
    });
  }

  it('has no status of its own choosing', () => {
    const status = { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } };
    const next = single.prepare({ next: read({ ports: [port80] }, { status }), prev: undefined });
    assert.deepEqual(next.status, { loadBalancer: {} });
  });
});
