import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../base/json.ts';
import { queryOf, refusalOf, scopeOf, startRegistry } from '../../fixtures/test-registry.ts';

const slice = (changes: JsonObject): JsonObject => ({
  metadata: { name: 'web-1' },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.1.2.3'] }],
  ...changes,
});
const endpoint = (changes: JsonObject): JsonObject =>
  slice({ endpoints: [{ addresses: ['10.1.2.3'], ...changes }] });
const fqdn = (address: string): JsonObject =>
  slice({ addressType: 'FQDN', endpoints: [{ addresses: [address] }] });
const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));
const label = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`;
const subdomain = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`;

/** A slice -> what is refused; '' when nothing is. */
const rows: Readonly<Record<string, readonly [JsonObject, string]>> = {
  'with one endpoint': [slice({}), ''],
  'without endpoints': [slice({ endpoints: [] }), ''],
  'without an address type': [slice({ addressType: '' }), 'addressType: Required value'],
  'of an unknown address type': [
    slice({ addressType: 'IP' }),
    'addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4", "IPv6"',
  ],
  'of 1000 endpoints': [
    slice({ endpoints: times(1000, (i) => ({ addresses: [`10.1.${i >> 8}.${i & 255}`] })) }),
    '',
  ],
  'of 1001 endpoints': [
    slice({ endpoints: times(1001, () => ({ addresses: ['10.1.2.3'] })) }),
    'endpoints: Too many: 1001: must have at most 1000 items',
  ],
  'of an endpoint without addresses': [
    slice({ endpoints: [{ addresses: [] }] }),
    'endpoints[0].addresses: Required value: must contain at least 1 address',
  ],
  'of an endpoint with 101 addresses': [
    slice({ endpoints: [{ addresses: times(101, (i) => `10.1.2.${i}`) }] }),
    'endpoints[0].addresses: Too many: 101: must have at most 100 items',
  ],
  'of the other family': [
    slice({ endpoints: [{ addresses: ['fd00::1'] }] }),
    'endpoints[0].addresses[0]: Invalid value: "fd00::1": must be a valid IPv4 address',
  ],
  'of IPv6 with an address of IPv4': [
    slice({ addressType: 'IPv6' }),
    'endpoints[0].addresses[0]: Invalid value: "10.1.2.3": must be a valid IPv6 address',
  ],
  'at loopback': [
    slice({ endpoints: [{ addresses: ['127.0.0.1'] }] }),
    'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
  'at link-local of IPv6': [
    slice({ addressType: 'IPv6', endpoints: [{ addresses: ['fe80::9'] }] }),
    'endpoints[0].addresses[0]: Invalid value: "fe80::9": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  ],
  'at a domain name': [fqdn('a.example.com'), ''],
  'at a domain name with a dot at its end': [fqdn('a.example.com.'), ''],
  'at a name of one label': [
    fqdn('host'),
    'endpoints[0].addresses[0]: Invalid value: "host": should be a domain with at least two segments separated by dots',
  ],
  'at an empty name': [fqdn(''), 'endpoints[0].addresses[0]: Required value'],
  'with a host name of several labels': [
    endpoint({ hostname: 'a.b' }),
    `endpoints[0].hostname: Invalid value: "a.b": ${label}`,
  ],
  'on a node without a proper name': [
    endpoint({ nodeName: '-' }),
    `endpoints[0].nodeName: Invalid value: "-": ${subdomain}`,
  ],
  'with 17 topology labels': [
    endpoint({ deprecatedTopology: Object.fromEntries(times(17, (i) => [`k${i}`, 'v'])) }),
    'endpoints[0].deprecatedTopology: Too many: 17: must have at most 16 items',
  ],
  'with hints': [endpoint({ hints: { forZones: [{ name: 'a' }], forNodes: [{ name: 'n' }] } }), ''],
  'with hints for nine zones': [
    endpoint({ hints: { forZones: times(9, (i) => ({ name: `z${i}` })) } }),
    'endpoints[0].hints.forZones: Too many: 9: must have at most 8 items',
  ],
  'with a hint twice': [
    endpoint({ hints: { forZones: [{ name: 'a' }, { name: 'a' }] } }),
    'endpoints[0].hints.forZones[1].name: Duplicate value: "a"',
  ],
  'with conditions': [endpoint({ conditions: { ready: false, serving: true, terminating: true } }), ''],
  'with a port that has no name': [slice({ ports: [{ port: 80 }] }), ''],
  'with all ports': [slice({ ports: [{ name: 'any' }] }), ''],
  'with two ports without names': [
    slice({ ports: [{ port: 80 }, { port: 81 }] }),
    'ports[1].name: Duplicate value: ""',
  ],
  'with a port whose name has capitals': [
    slice({ ports: [{ name: 'Web', port: 80 }] }),
    `ports[0].name: Invalid value: "Web": ${label}`,
  ],
  'with port 0': [
    slice({ ports: [{ port: 0 }] }),
    'ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
  ],
  'with 20000 ports': [slice({ ports: times(20_000, (i) => ({ name: `p${i}`, port: 80 })) }), ''],
  'with 20001 ports': [
    slice({ ports: times(20_001, (i) => ({ name: `p${i}`, port: 80 })) }),
    'ports: Too many: 20001: must have at most 20000 items',
  ],
  'with hints for nine nodes': [
    endpoint({ hints: { forNodes: times(9, (i) => ({ name: `n${i}` })) } }),
    'endpoints[0].hints.forNodes: Too many: 9: must have at most 8 items',
  ],
  'with an unknown protocol': [
    slice({ ports: [{ port: 80, protocol: 'ICMP' }] }),
    'ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
  ],
  'with an application protocol that has blanks': [
    slice({ ports: [{ port: 80, appProtocol: 'a b' }] }),
    `ports[0].appProtocol: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  ],
};

describe('a slice', () => {
  for (const [sentence, [body, refusal]] of Object.entries(rows)) {
    it(`${sentence} is ${refusal === '' ? 'accepted' : 'refused'}`, async () => {
      const registry = await startRegistry();
      const { write } = registry.resource('endpointslices');
      assert.equal(
        await refusalOf(write.create(scopeOf(), body)),
        refusal === ''
          ? 'accepted'
          : `422 Invalid: EndpointSlice.discovery.k8s.io "web-1" is invalid: ${refusal}`,
      );
      await registry.stop();
    });
  }

  it('has ports of TCP without a name unless it says otherwise', async () => {
    const registry = await startRegistry();
    const made = await registry
      .resource('endpointslices')
      .write.create(scopeOf(), slice({ ports: [{ port: 80 }] }));
    assert.deepEqual((made as unknown as JsonObject).ports, [{ name: '', port: 80, protocol: 'TCP' }]);
    await registry.stop();
  });

  it('keeps its kind of addresses', async () => {
    const registry = await startRegistry();
    const { write } = registry.resource('endpointslices');
    await write.create(scopeOf(), slice({}));
    const body = slice({ addressType: 'IPv6', endpoints: [] });
    assert.equal(
      await refusalOf(write.update(scopeOf(), { name: 'web-1', body })),
      '422 Invalid: EndpointSlice.discovery.k8s.io "web-1" is invalid: addressType: Invalid value: "IPv6": field is immutable',
    );
    await registry.stop();
  });

  it('may be overwritten without a version, but not made by a PUT', async () => {
    const registry = await startRegistry();
    const { write } = registry.resource('endpointslices');
    const put = (): Promise<string> =>
      refusalOf(write.update(scopeOf(), { name: 'web-1', body: endpoint({ hostname: 'a' }) }));
    assert.match(await put(), /^404 NotFound/);
    await write.create(scopeOf(), slice({}));
    assert.equal(await put(), 'accepted');
    await registry.stop();
  });

  it('counts a generation when its content changes or its labels do, but not for an annotation', async () => {
    const registry = await startRegistry();
    const { write } = registry.resource('endpointslices');
    const patch = async (body: JsonObject): Promise<number | undefined> => {
      const type = 'application/merge-patch+json';
      return (await write.patch(scopeOf(), { name: 'web-1', type, body })).metadata.generation;
    };
    assert.equal((await write.create(scopeOf(), slice({}))).metadata.generation, 1);
    assert.equal(await patch({ metadata: { annotations: { a: 'b' } } }), 1);
    assert.equal(await patch({ ports: [{ port: 80 }] }), 2);
    assert.equal(await patch({ metadata: { labels: { a: 'b' } } }), 3);
    await registry.stop();
  });

  it('goes with its collection, which is answered', async () => {
    const registry = await startRegistry();
    const { write } = registry.resource('endpointslices');
    await write.create(scopeOf(), slice({ metadata: { name: 'web-1', labels: { a: 'b' } } }));
    const query = queryOf({ labels: 'a=b' });
    const { items } = await write.deleteCollection(scopeOf(), { query, options: {} });
    assert.equal(items.length, 1);
    await registry.stop();
  });

  const warned: Readonly<Record<string, readonly [JsonObject, readonly string[]]>> = {
    'of domain names': [fqdn('a.example.com'), ['spec.addressType: FQDN endpoints are deprecated']],
    'of an address spelled unwisely': [
      slice({ addressType: 'IPv6', endpoints: [{ addresses: ['FD00::1'] }] }),
      [
        'endpoints[0].addresses[0]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
      ],
    ],
    'that a controller made': [
      slice({
        metadata: {
          name: 'web-1',
          labels: { 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' },
        },
        addressType: 'IPv6',
        endpoints: [{ addresses: ['FD00::1'] }],
      }),
      [],
    ],
  };
  for (const [sentence, [body, warnings]] of Object.entries(warned)) {
    it(`${sentence} is accepted with ${warnings.length} warnings`, async () => {
      const registry = await startRegistry();
      const scope = scopeOf();
      await registry.resource('endpointslices').write.create(scope, body);
      assert.deepEqual(scope.warnings, warnings);
      await registry.stop();
    });
  }
});
