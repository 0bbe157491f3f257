import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Endpoints } from '../../../api/core/v1/endpoints.ts';
import type { Node } from '../../../api/core/v1/node.ts';
import type { Service } from '../../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../../api/discovery/v1/endpoint-slice.ts';
import type { FieldError } from '../../../api/errors/field-error.ts';
import type { NetworkPolicy } from '../../../api/networking/v1/ingress.ts';
import { endpointsFaults } from '../endpoints/validation.ts';
import { endpointSliceFaults } from '../endpointslices/validation.ts';
import { networkPolicyFaults, networkPolicyWarnings } from '../networking/validation.ts';
import { nodeFaults, nodeWarnings } from '../nodes/validation.ts';
import { serviceFaults, serviceStatusFaults } from '../services/validation.ts';
import { serviceWarnings } from '../services/warnings.ts';
import { cidrWarnings, ipWarnings } from './addresses.ts';

const metadata = { name: 'x', namespace: 'default' };

const service = (spec: object, status: object = {}): Service => ({
  metadata,
  spec: {
    type: 'LoadBalancer',
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: 'Cluster',
    allocateLoadBalancerNodePorts: true,
    ...spec,
  },
  status,
});
const ranges = (annotation: string): Service => ({
  ...service({}),
  metadata: {
    ...metadata,
    annotations: { 'service.beta.kubernetes.io/load-balancer-source-ranges': annotation },
  },
});
const ingress = (ip: string): Service => service({}, { loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] } });
const endpoints = (field: string, ip: string): Endpoints => ({
  metadata,
  subsets: [{ [field]: [{ ip }], ports: [] }],
});
const slice = (...addresses: string[]): EndpointSlice => ({
  metadata,
  addressType: 'IPv4',
  endpoints: addresses.map((address) => ({ addresses: [address] })),
});
const policy = (cidr: string, except: readonly string[] = []): NetworkPolicy => ({
  metadata,
  spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr, except } }] }] },
});
const node = (...podCIDRs: string[]): Node => ({ metadata, spec: { podCIDRs } });

const checked =
  <T>(validate: (next: T, prev?: T) => readonly FieldError[]) =>
  (next: T, prev?: T) =>
    validate(next, prev).map(({ path, detail }) => `${path}: ${detail}`);
const ofService = checked<Service>(serviceFaults);
const ofStatus = checked<Service>((next, prev) => serviceStatusFaults(next, prev));
const ofEndpoints = checked<Endpoints>((next, prev) => endpointsFaults(next, { prev }));
const ofSlice = checked<EndpointSlice>((next, prev) => endpointSliceFaults(next, { prev }));
const ofPolicy = checked<NetworkPolicy>(networkPolicyFaults);
const ofNode = checked<Node>(nodeFaults);

const ZEROS = 'must not have leading 0s';
const MAPPED = 'must not be an IPv4-mapped IPv6 address';
const BITS = 'must not have bits set beyond the prefix length';

/** What a new object is refused for, and what is said when the same stands already. */
const cases: Readonly<Record<string, readonly [asNew: readonly string[], asOld: readonly string[]]>> = {
  'an external IP': [
    ofService(service({ externalIPs: ['192.000.002.001'] })),
    ofService(
      service({ externalIPs: ['192.0.2.9', '192.000.002.001'] }),
      service({ externalIPs: ['192.000.002.001'] }),
    ),
  ],
  'a cluster IP': [
    ofService(
      service({ clusterIP: '010.096.000.005', clusterIPs: ['010.096.000.005'], ipFamilies: ['IPv4'] }),
    ),
    ofService(
      service({ clusterIP: '010.096.000.005', clusterIPs: ['010.096.000.005'], ipFamilies: ['IPv4'] }),
      service({ clusterIPs: ['010.096.000.005'] }),
    ),
  ],
  'a source range': [
    ofService(service({ loadBalancerSourceRanges: ['10.1.2.3/8'] })),
    ofService(
      service({ loadBalancerSourceRanges: ['10.0.0.0/8', ' 10.1.2.3/8'] }),
      service({ loadBalancerSourceRanges: ['10.1.2.3/8'] }),
    ),
  ],
  'a source range of the annotation': [
    ofService(ranges('10.1.2.3/8')),
    ofService(ranges('10.1.2.3/8'), ranges('10.1.2.3/8')),
  ],
  'an address of a load balancer': [
    ofStatus(ingress('::ffff:192.0.2.1')),
    ofStatus(ingress('::ffff:192.0.2.1'), ingress('::ffff:192.0.2.1')),
  ],
  'an address of Endpoints': [
    ofEndpoints(endpoints('addresses', '10.0.0.01')),
    ofEndpoints(endpoints('addresses', '10.0.0.01'), endpoints('notReadyAddresses', '10.0.0.01')),
  ],
  'an address of a slice': [
    ofSlice(slice('::ffff:10.0.0.1')),
    ofSlice(slice('10.0.0.2', '::ffff:10.0.0.1'), slice('::ffff:10.0.0.1')),
  ],
  'a block of a policy': [
    ofPolicy(policy('10.0.0.1/8')),
    ofPolicy(policy('10.0.0.1/8'), policy('10.0.0.1/8')),
  ],
  'what a policy leaves out': [
    ofPolicy(policy('10.0.0.0/8', ['10.1.0.0/016'])),
    ofPolicy(policy('10.0.0.0/8', ['10.1.0.0/016']), policy('10.0.0.0/8', ['10.1.0.0/016'])),
  ],
  'the Pods of a node': [ofNode(node('10.1.2.3/24')), ofNode(node('10.1.2.3/24'), node('10.1.2.3/24'))],
};

const refusals: Readonly<Record<string, string>> = {
  'an external IP': `spec.externalIPs[0]: ${ZEROS}`,
  'a cluster IP': `spec.clusterIPs[0]: ${ZEROS}`,
  'a source range': `spec.LoadBalancerSourceRanges[0]: ${BITS}`,
  'a source range of the annotation': `metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: ${BITS}`,
  'an address of a load balancer': `status.loadBalancer.ingress[0].ip: ${MAPPED}`,
  'an address of Endpoints': `subsets[0].addresses[0].ip: ${ZEROS}`,
  'an address of a slice': `endpoints[0].addresses[0]: ${MAPPED}`,
  'a block of a policy': `spec.ingress[0].from[0].ipBlock.cidr: ${BITS}`,
  'what a policy leaves out':
    'spec.ingress[0].from[0].ipBlock.except[0]: must not have leading 0s in IP or prefix length',
  'the Pods of a node': `spec.podCIDRs[0]: ${BITS}`,
};

describe('an unwise spelling', () => {
  for (const [what, [asNew, asOld]] of Object.entries(cases)) {
    it(`of ${what} is refused when it is new, and stays where it stands`, () => {
      assert.deepEqual([asNew, asOld], [[refusals[what]], []]);
    });
  }

  it('that is no address at all is refused even where it stands', () => {
    const odd = service({ externalIPs: ['1.2.3'] });
    assert.equal(ofService(odd, odd).length, 1);
    assert.equal(ofNode(node('10.0.0.0/33'), node('10.0.0.0/33')).length, 1);
  });

  it('of a special address does not hide it', () => {
    const standing = endpoints('addresses', '127.0.0.01');
    assert.deepEqual(ofEndpoints(standing, standing), [
      'subsets[0].addresses[0].ip: may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ]);
  });
});

const future = 'will be considered invalid in a future Kubernetes release: use';
const warnings: Readonly<Record<string, readonly [given: readonly string[], expected: readonly string[]]>> = {
  'of zeros in front': [
    ipWarnings('f', '010.0.0.1'),
    [`f: non-standard IP address "010.0.0.1" ${future} "10.0.0.1"`],
  ],
  'of a mapped address': [
    ipWarnings('f', '::ffff:1.2.3.4'),
    [`f: non-standard IP address "::ffff:1.2.3.4" ${future} "1.2.3.4"`],
  ],
  'of no address': [ipWarnings('f', 'nonsense'), []],
  'of zeros in a block': [
    cidrWarnings('f', '10.0.0.0/08'),
    [`f: non-standard CIDR value "10.0.0.0/08" ${future} "10.0.0.0/8"`],
  ],
  'of a mapped block': [
    cidrWarnings('f', '::ffff:10.0.0.0/104'),
    [`f: non-standard CIDR value "::ffff:10.0.0.0/104" ${future} "10.0.0.0/8"`],
  ],
  'of bits too many, and zeros': [
    cidrWarnings('f', '10.1.0.0/08'),
    [
      'f: CIDR value "10.1.0.0/08" is ambiguous in this context (should be "10.0.0.0/8" or "10.1.0.0/32"?)',
      `f: non-standard CIDR value "10.1.0.0/08" ${future} "10.0.0.0/8"`,
    ],
  ],
  'in a policy': [
    networkPolicyWarnings(policy('FD00::/8')),
    [
      'spec.ingress[0].from[0].ipBlock.cidr: IPv6 CIDR value "FD00::/8" should be in RFC 5952 canonical format ("fd00::/8")',
    ],
  ],
  'in a node': [
    nodeWarnings(node('FD00::/64')),
    ['spec.podCIDRs[0]: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")'],
  ],
  'in a Service': [
    serviceWarnings(service({ loadBalancerIP: '192.0.2.01' })),
    [`spec.loadBalancerIP: non-standard IP address "192.0.2.01" ${future} "192.0.2.1"`],
  ],
};

describe('a warning', () => {
  for (const [title, [given, expected]] of Object.entries(warnings)) {
    it(title, () => assert.deepEqual(given, expected));
  }
});
