import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { services } from '../../../api/core/v1/service.ts';
import { decodeObject } from '../../../api/schema/decode.ts';
import { applyDefaults } from '../../../api/schema/defaults.ts';
import type { JsonObject } from '../../../base/json.ts';
import { serviceWarnings } from './warnings.ts';

interface Row {
  readonly spec: JsonObject;
  readonly annotations?: JsonObject;
  readonly warnings: readonly string[];
}
const ports = [{ port: 80 }];
const rows: Readonly<Record<string, Row>> = {
  'nothing, as a rule': { spec: { ports, sessionAffinity: 'ClientIP' }, warnings: [] },
  'an annotation that has a successor': {
    spec: { ports },
    annotations: { 'service.kubernetes.io/topology-aware-hints': 'Auto' },
    warnings: [
      'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
    ],
  },
  'what a headless Service ignores': {
    spec: {
      ports,
      clusterIP: 'None',
      loadBalancerIP: '1.2.3.4',
      sessionAffinity: 'ClientIP',
      externalIPs: ['1.2.3.4'],
    },
    warnings: [
      'spec.loadBalancerIP is ignored for headless services',
      'spec.externalIPs is ignored for headless services',
      'spec.SessionAffinity is ignored for headless services',
    ],
  },
  'what an external name ignores': {
    spec: { type: 'ExternalName', externalName: 'a.b', externalIPs: ['1.2.3.4'] },
    warnings: ['spec.externalIPs is ignored when spec.type is "ExternalName"'],
  },
  'a name on another type': {
    spec: { ports, externalName: 'a.b' },
    warnings: ['spec.externalName is ignored when spec.type is not "ExternalName"'],
  },
  'external IPs, which will go': {
    spec: { ports, externalIPs: ['1.2.3.4'] },
    warnings: ['spec.externalIPs is deprecated and may no longer be implemented in some clusters'],
  },
  'a distribution that was renamed': {
    spec: { ports, trafficDistribution: 'PreferClose' },
    warnings: ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'],
  },
  'addresses that are spelled unwisely': {
    spec: {
      ports,
      type: 'LoadBalancer',
      clusterIP: 'FD00::1',
      clusterIPs: ['FD00::1'],
      loadBalancerIP: '2001:DB8::1',
      loadBalancerSourceRanges: ['10.0.0.5/8', '2001:DB8::/32', '10.0.0.0/8'],
    },
    warnings: [
      'spec.clusterIPs[0]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
      'spec.loadBalancerIP: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
      'spec.loadBalancerSourceRanges[0]: CIDR value "10.0.0.5/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.5/32"?)',
      'spec.loadBalancerSourceRanges[1]: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format ("2001:db8::/32")',
    ],
  },
};

describe('whoever writes a Service is warned of', () => {
  for (const [sentence, { spec, annotations = {}, warnings }] of Object.entries(rows)) {
    it(sentence, () => {
      const metadata = { name: 'web', namespace: 'default', annotations };
      const { object } = decodeObject(services, { metadata, spec }, { mode: 'Strict' });
      assert.deepEqual(serviceWarnings(applyDefaults(services, object)), warnings);
    });
  }
});
