import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { JsonObject } from '../../base/json.ts';
import { kindTrials, testChanges, testNewObjects } from '../fixtures/kind-trials.ts';
import type { ChangeRow, Row } from '../fixtures/kind-trials.ts';
import { cidr, json, refusalOf, scopeOf, startRegistry } from '../fixtures/test-registry.ts';

const subset = (changes: JsonObject): JsonObject => ({
  subsets: [{ addresses: [{ ip: '10.1.2.3' }], ...changes }],
});
const slice = (changes: JsonObject): JsonObject => ({
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.1.2.3'] }],
  ...changes,
});
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const times = (n: number, make: (i: number) => JsonObject): JsonObject[] =>
  Array.from({ length: n }, (_, i) => make(i));

/** A new object of a kind -> how the refusal goes on after `is invalid: `, or 'accepted'. */
const rows: Readonly<Record<string, Row>> = {
  Endpoints: ['endpoints', subset({ ports: [{ port: 9376 }] }), 'accepted'],
  'Endpoints whose name has dots': ['endpoints', { metadata: { name: 'a.b.c' }, subsets: [] }, 'accepted'],
  'Endpoints without addresses': [
    'endpoints',
    { subsets: [{ ports: [{ port: 80 }] }] },
    'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
  ],
  'Endpoints at loopback': [
    'endpoints',
    subset({ addresses: [{ ip: '127.0.0.1' }] }),
    'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
  'Endpoints at a link-local address, even if not ready': [
    'endpoints',
    subset({ notReadyAddresses: [{ ip: '169.254.169.254' }] }),
    'subsets[0].notReadyAddresses[0].ip: Invalid value: "169.254.169.254": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  ],
  'Endpoints at link-local multicast': [
    'endpoints',
    subset({ addresses: [{ ip: '224.0.0.1' }] }),
    'subsets[0].addresses[0].ip: Invalid value: "224.0.0.1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  ],
  'Endpoints with several ports without names': [
    'endpoints',
    subset({ ports: [{ port: 80 }, { port: 81, name: 'b' }] }),
    'subsets[0].ports[0].name: Required value',
  ],
  'Endpoints with a wrong protocol': [
    'endpoints',
    subset({ ports: [{ port: 80, protocol: 'tcp' }] }),
    'subsets[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
  ],
  'Endpoints with a bad host name': [
    'endpoints',
    subset({ addresses: [{ ip: '10.1.2.3', hostname: 'a.b' }] }),
    'subsets[0].addresses[0].hostname: Invalid value: "a.b": ',
  ],
  'a slice': ['endpointslices', slice({ ports: [{ port: 80 }] }), 'accepted'],
  'a slice without address type': ['endpointslices', { endpoints: [] }, 'addressType: Required value'],
  'a slice of unknown addresses': [
    'endpointslices',
    slice({ addressType: 'IP' }),
    'addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4", "IPv6"',
  ],
  'a slice with an endpoint nowhere': [
    'endpointslices',
    slice({ endpoints: [{ addresses: [] }] }),
    'endpoints[0].addresses: Required value: must contain at least 1 address',
  ],
  'a slice with an address of another family': [
    'endpointslices',
    slice({ endpoints: [{ addresses: ['fd00::1'] }] }),
    'endpoints[0].addresses[0]: Invalid value: "fd00::1": must be a valid IPv4 address',
  ],
  'a slice at loopback': [
    'endpointslices',
    slice({ addressType: 'IPv6', endpoints: [{ addresses: ['::1'] }] }),
    'endpoints[0].addresses[0]: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
  'a slice of names': [
    'endpointslices',
    slice({ addressType: 'FQDN', endpoints: [{ addresses: ['a.example.com'] }] }),
    'accepted',
  ],
  'a slice of a name that is not complete': [
    'endpointslices',
    slice({ addressType: 'FQDN', endpoints: [{ addresses: ['host'] }] }),
    'endpoints[0].addresses[0]: Invalid value: "host": should be a domain with at least two segments separated by dots',
  ],
  'a slice of too many endpoints': [
    'endpointslices',
    slice({ endpoints: times(1001, () => ({ addresses: ['10.1.2.3'] })) }),
    'endpoints: Too many: 1001: must have at most 1000 items',
  ],
  'a slice with too many addresses': [
    'endpointslices',
    slice({ endpoints: [{ addresses: times(101, () => ({})).map((_, i) => `10.1.2.${i}`) }] }),
    'endpoints[0].addresses: Too many: 101: must have at most 100 items',
  ],
  'a slice with one port name twice': [
    'endpointslices',
    slice({ ports: [{ port: 80 }, { port: 81 }] }),
    'ports[1].name: Duplicate value: ""',
  ],
  'a slice with a bad port': [
    'endpointslices',
    slice({ ports: [{ port: 0, protocol: 'x' }] }),
    '[ports[0].protocol: Unsupported value: "x": supported values: "SCTP", "TCP", "UDP", ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive]',
  ],
  'a slice with one zone twice': [
    'endpointslices',
    slice({ endpoints: [{ addresses: ['10.1.2.3'], hints: { forZones: [{ name: 'a' }, { name: 'a' }] } }] }),
    'endpoints[0].hints.forZones[1].name: Duplicate value: "a"',
  ],
  'a Node': ['nodes', { spec: { podCIDR: '10.244.0.0/24' } }, 'accepted'],
  'a Node with a bad range': [
    'nodes',
    { spec: { podCIDRs: ['10.244.0.0'] } },
    'spec.podCIDRs[0]: Invalid value: "10.244.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  ],
  'a Node with two ranges of one family': [
    'nodes',
    { spec: { podCIDRs: ['10.244.0.0/24', '10.244.1.0/24'] } },
    'spec.podCIDRs: Invalid value: ["10.244.0.0/24","10.244.1.0/24"]: may specify no more than one CIDR for each IP family',
  ],
  'a Node with a wrong taint': [
    'nodes',
    { spec: { taints: [{ key: 'a', effect: 'Never' }] } },
    'metadata.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
  ],
  'a Node with one taint twice': [
    'nodes',
    {
      spec: {
        taints: [
          { key: 'a', effect: 'NoExecute' },
          { key: 'a', effect: 'NoExecute', value: 'b' },
        ],
      },
    },
    'metadata.taints[1]: Duplicate value: {"key":"a","effect":"NoExecute","value":"b"}: taints must be unique by key and effect pair',
  ],
  'a Node with one address twice': [
    'nodes',
    {
      status: {
        addresses: [
          { type: 'InternalIP', address: '1.2.3.4' },
          { type: 'InternalIP', address: '1.2.3.4' },
        ],
      },
    },
    'status.addresses[1]: Duplicate value: {"type":"InternalIP","address":"1.2.3.4"}',
  ],
  'an Event': ['events', { involvedObject: { kind: 'Pod', namespace: 'default', name: 'a' } }, 'accepted'],
  'an Event of a node': ['events', { involvedObject: { kind: 'Node', name: 'a' } }, 'accepted'],
  'an Event of another namespace': [
    'events',
    { involvedObject: { kind: 'Pod', namespace: 'other', name: 'a' } },
    'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
  ],
  'a ConfigMap with one key twice': [
    'configmaps',
    { data: { a: 'b' }, binaryData: { a: base64('b') } },
    'data[a]: Invalid value: "a": duplicate of key present in binaryData',
  ],
  'a ConfigMap that is too big': [
    'configmaps',
    { data: { a: 'x'.repeat(1024 * 1024 + 1) } },
    ': Too long: may not be more than 1048576 bytes',
  ],
  'a Secret': ['secrets', { stringData: { password: 'x' } }, 'accepted'],
  'a Secret of a type that objects of JavaScript have': [
    'secrets',
    { type: 'constructor', stringData: { a: 'b' } },
    'accepted',
  ],
  'an account whose Secrets have no names': ['serviceaccounts', { secrets: [{}, {}] }, 'accepted'],
  'a limit of a sort there is not': [
    'limitranges',
    { spec: { limits: [{ type: 'Everything' }] } },
    'spec.limits[0].type: Invalid value: "Everything": must be a standard limit type or fully qualified',
  ],
  'a default above the most': [
    'limitranges',
    { spec: { limits: [{ type: 'Container', max: { cpu: '1' }, default: { cpu: '2' } }] } },
    'spec.limits[0].default[cpu]: Invalid value: "1": default value 2 is greater than max value 1',
  ],
  'a ratio that cannot be': [
    'limitranges',
    {
      spec: {
        limits: [
          { type: 'Container', max: { cpu: '2' }, min: { cpu: '1' }, maxLimitRequestRatio: { cpu: '3' } },
        ],
      },
    },
    'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000',
  ],
  'half a Pod': [
    'resourcequotas',
    { spec: { hard: { pods: '1500m' } } },
    'spec.hard[pods]: Invalid value: "1500m": must be an integer',
  ],
  'a Secret that leaves its directory': [
    'secrets',
    { stringData: { '..': 'x' } },
    `data[..]: Invalid value: "..": must not be '..'`,
  ],
  'a TLS Secret without key': [
    'secrets',
    { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } },
    'data[tls.key]: Required value',
  ],
  'a token without account': [
    'secrets',
    { type: 'kubernetes.io/service-account-token' },
    'metadata.annotations[kubernetes.io/service-account.name]: Required value',
  ],
  'a login without anything': [
    'secrets',
    { type: 'kubernetes.io/basic-auth' },
    '[data[username]: Required value, data[password]: Required value]',
  ],
  'an account of a registry that is no JSON': [
    'secrets',
    { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64('x') } },
    'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>"',
  ],
  'a Lease': ['leases', { spec: { holderIdentity: 'me', leaseDurationSeconds: 40 } }, 'accepted'],
  'a Lease of no time': [
    'leases',
    { spec: { leaseDurationSeconds: 0 } },
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
  ],
  'a ServiceAccount': ['serviceaccounts', {}, 'accepted'],
};

/** A standing object -> a merge patch (through a subresource) -> the refusal, or 'accepted'. */
const patches: Readonly<Record<string, ChangeRow>> = {
  'a slice keeps its address type': [
    'endpointslices',
    slice({}),
    'addressType: Invalid value: "FQDN": field is immutable',
    { addressType: 'FQDN', endpoints: [{ addresses: ['a.example.com'] }] },
  ],
  'a Node keeps its range': [
    'nodes',
    { spec: { podCIDR: '10.244.0.0/24' } },
    'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    { spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] } },
  ],
  'a Node keeps its machine': [
    'nodes',
    { spec: { providerID: 'a' } },
    'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
    { spec: { providerID: 'b' } },
  ],
  'a Node gets its range once': ['nodes', { spec: {} }, 'accepted', { spec: { podCIDR: '10.244.1.0/24' } }],
  'a sealed ConfigMap keeps its data': [
    'configmaps',
    { immutable: true, data: { a: '1' } },
    'data: Forbidden: field is immutable when `immutable` is set',
    { data: { a: '2' } },
  ],
  'a sealed Secret stays sealed': [
    'secrets',
    { immutable: true },
    'immutable: Forbidden: field is immutable when `immutable` is set',
    { immutable: false },
  ],
  'a Secret keeps its type': [
    'secrets',
    {},
    'type: Invalid value: "other": field is immutable',
    { type: 'other' },
  ],
};

const trials = kindTrials();
testNewObjects(trials, rows);
testChanges(trials, patches);

it('endpoints may be on loopback where a cluster has nothing else', async () => {
  const local = await startRegistry({ config: { allowedEndpointCidrs: [cidr('127.0.0.0/8')] } });
  const { write } = local.resource('endpointslices');
  const body = { metadata: { name: 'a' }, ...slice({ endpoints: [{ addresses: ['127.0.0.1'] }] }) };
  assert.equal(await refusalOf(write.create(scopeOf(), body)), 'accepted');
  const linkLocal = { metadata: { name: 'b' }, ...slice({ endpoints: [{ addresses: ['169.254.1.1'] }] }) };
  assert.match(await refusalOf(write.create(scopeOf(), linkLocal)), /may not be in the link-local range/);
  await local.stop();
});

it('a Node registers with its status, which then goes its own way', async () => {
  const status = { addresses: [{ type: 'InternalIP', address: '1.2.3.4' }] };
  const node = json(await trials.create('nodes', { status }));
  assert.deepEqual(node.status, status);
  const { write } = trials.resource('nodes');
  const { object } = await write.update(scopeOf(''), { name: 'it', body: { ...node, status: {} } });
  assert.deepEqual(json(object).status, status);
  const { object: changed } = await write.update(scopeOf(''), {
    name: 'it',
    body: { ...json(object), status: {} },
    subresource: 'status',
  });
  assert.deepEqual(json(changed).status, {});
});
