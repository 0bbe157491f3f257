import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiServerConfig } from './config.ts';
import type { ApiServerOptions } from './config.ts';

const options: ApiServerOptions = {
  listen: [{ host: '127.0.0.1', port: 0 }],
  serving: { cert: '', key: '' },
  clientCa: '',
  advertise: { address: '172.18.0.1', port: 6443 },
};

test("what is left out gets upstream's defaults", () => {
  const config = apiServerConfig(options);
  assert.deepEqual(
    config.serviceCidrs.map(({ text }) => text),
    ['10.96.0.0/12'],
  );
  assert.deepEqual(config.nodePortRange, { first: 30000, size: 2768 });
  assert.deepEqual(config.tokens, []);
});

test('two families make a dual-stack cluster, the first is the primary', () => {
  const { serviceCidrs } = apiServerConfig({ ...options, serviceCidrs: ['fd00:96::/112', '10.0.0.0/24'] });
  assert.deepEqual(
    serviceCidrs.map(({ family }) => family),
    ['IPv6', 'IPv4'],
  );
});

const wrong: readonly [title: string, change: Partial<ApiServerOptions>, message: RegExp][] = [
  [
    'a range of ports that is none',
    { nodePortRange: '9-1' },
    /--service-node-port-range: "9-1" is not a port range/,
  ],
  [
    'a CIDR that is none',
    { serviceCidrs: ['10.0.0.1'] },
    /--service-cluster-ip-range: "10.0.0.1" is not a CIDR/,
  ],
  [
    'an authorization mode nobody knows',
    { authorizationMode: 'RBAC,ABAC' },
    /--authorization-mode: "ABAC" is none of Node, RBAC, AlwaysAllow, AlwaysDeny/,
  ],
  ['a mode twice', { authorizationMode: 'RBAC,RBAC' }, /--authorization-mode: a mode is named twice/],
  ['no CIDR', { serviceCidrs: [] }, /one or two CIDRs are needed, not 0/],
  ['two CIDRs of one family', { serviceCidrs: ['10.0.0.0/24', '10.1.0.0/24'] }, /both CIDRs are IPv4/],
  [
    'an address that is none',
    { advertise: { address: 'here', port: 1 } },
    /--advertise-address: "here" is not an IP address/,
  ],
  ['a gate nobody knows', { featureGates: 'Sctp=true' }, /--feature-gates: unrecognized feature gate: Sctp/],
  [
    'an admission plugin nobody knows',
    { disabledAdmission: ['DenyServiceExternalIps'] },
    /--disable-admission-plugins: admission plugin "DenyServiceExternalIps" is unknown/,
  ],
  ['nowhere to listen', { listen: [] }, /--listen: at least one address is needed/],
];
for (const [title, change, message] of wrong) {
  test(`configuration: ${title} is refused`, () =>
    assert.throws(() => apiServerConfig({ ...options, ...change }), message));
}
