import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../base/json.ts';
import { parseFeatureGates } from '../../feature-gates.ts';
import { cidr, queryOf, refusalOf, scopeOf, startRegistry } from '../../fixtures/test-registry.ts';

const port = { port: 9376 };
const subset = (changes: JsonObject): JsonObject => ({
  metadata: { name: 'web' },
  subsets: [{ addresses: [{ ip: '10.1.2.3' }], ports: [port], ...changes }],
});
const at = (ip: string, field = 'addresses'): JsonObject => subset({ addresses: [], [field]: [{ ip }] });
const label = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`;

/** Endpoints -> what is refused; '' when nothing is. */
const rows: Readonly<Record<string, readonly [JsonObject, string]>> = {
  'with an address and a port': [subset({}), ''],
  'whose name has dots': [{ metadata: { name: 'a.b.c' } }, ''],
  'whose name has capitals': [
    { metadata: { name: 'Web' } },
    `metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  ],
  'without subsets': [{ metadata: { name: 'web' } }, ''],
  'without ports': [subset({ ports: [] }), ''],
  'with addresses that are not ready only': [at('10.1.2.3', 'notReadyAddresses'), ''],
  'without addresses': [
    subset({ addresses: [] }),
    'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
  ],
  'at what is no address': [
    at('10.1.2'),
    '[subsets[0].addresses[0].ip: Invalid value: "10.1.2": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff), subsets[0].addresses[0].ip: Invalid value: "10.1.2": must be a valid IP address]',
  ],
  'at an address with leading zeros': [
    at('10.001.2.3'),
    'subsets[0].addresses[0].ip: Invalid value: "10.001.2.3": must not have leading 0s',
  ],
  'at IPv4 dressed as IPv6': [
    at('::ffff:10.1.2.3'),
    'subsets[0].addresses[0].ip: Invalid value: "::ffff:10.1.2.3": must not be an IPv4-mapped IPv6 address',
  ],
  'at the unspecified address': [
    at('0.0.0.0'),
    'subsets[0].addresses[0].ip: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
  ],
  'at loopback': [
    at('127.0.0.1'),
    'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
  'at loopback of IPv6': [
    at('::1'),
    'subsets[0].addresses[0].ip: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
  'at a link-local address, even if not ready': [
    at('169.254.169.254', 'notReadyAddresses'),
    'subsets[0].notReadyAddresses[0].ip: Invalid value: "169.254.169.254": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  ],
  'at link-local multicast': [
    at('224.0.0.9'),
    'subsets[0].addresses[0].ip: Invalid value: "224.0.0.9": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  ],
  'at link-local multicast of IPv6': [
    at('ff02::1'),
    'subsets[0].addresses[0].ip: Invalid value: "ff02::1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  ],
  'with a host name of several labels': [
    subset({ addresses: [{ ip: '10.1.2.3', hostname: 'a.b' }] }),
    `subsets[0].addresses[0].hostname: Invalid value: "a.b": ${label}`,
  ],
  'on a node without a proper name': [
    subset({ addresses: [{ ip: '10.1.2.3', nodeName: '' }] }),
    `subsets[0].addresses[0].nodeName: Invalid value: "": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  ],
  'with several ports of which one has no name': [
    subset({ ports: [port, { port: 80, name: 'a' }] }),
    'subsets[0].ports[0].name: Required value',
  ],
  'with a port whose name has an underscore': [
    subset({ ports: [{ port: 80, name: 'a_b' }] }),
    `subsets[0].ports[0].name: Invalid value: "a_b": ${label}`,
  ],
  'with port 0': [
    subset({ ports: [{ port: 0 }] }),
    'subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
  ],
  'with port 66000': [
    subset({ ports: [{ port: 66000 }] }),
    'subsets[0].ports[0].port: Invalid value: 66000: must be between 1 and 65535, inclusive',
  ],
  'with an unknown protocol': [
    subset({ ports: [{ port: 80, protocol: 'TCPIP' }] }),
    'subsets[0].ports[0].protocol: Unsupported value: "TCPIP": supported values: "SCTP", "TCP", "UDP"',
  ],
  'with an application protocol': [subset({ ports: [{ port: 80, appProtocol: 'kubernetes.io/ws' }] }), ''],
  'with an application protocol that is no name': [
    subset({ ports: [{ port: 80, appProtocol: 'a/b/c' }] }),
    `subsets[0].ports[0].appProtocol: Invalid value: "a/b/c": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
  ],
};

describe('Endpoints', () => {
  for (const [sentence, [body, refusal]] of Object.entries(rows)) {
    it(`${sentence} are ${refusal === '' ? 'accepted' : 'refused'}, new and changed`, async () => {
      const registry = await startRegistry();
      const { write } = registry.resource('endpoints');
      const { name } = body.metadata as { name: string };
      const expected =
        refusal === '' ? 'accepted' : `422 Invalid: Endpoints "${name}" is invalid: ${refusal}`;
      assert.equal(await refusalOf(write.create(scopeOf(), body)), expected);
      // A PUT without a version overwrites, and creates what is missing.
      const put = await refusalOf(write.update(scopeOf(), { name, body }));
      assert.equal(put, expected);
      await registry.stop();
    });
  }

  it('that are missing are created by a PUT', async () => {
    const registry = await startRegistry();
    const { write } = registry.resource('endpoints');
    const first = await write.update(scopeOf(), { name: 'web', body: subset({}) });
    assert.equal(first.isCreated, true);
    const again = await write.update(scopeOf(), { name: 'web', body: subset({ ports: [{ port: 81 }] }) });
    assert.equal(again.isCreated, false);
    await registry.stop();
  });

  it('in a collection that is deleted are answered', async () => {
    const registry = await startRegistry();
    const { write } = registry.resource('endpoints');
    await write.create(scopeOf(), subset({}));
    const { items } = await write.deleteCollection(scopeOf(), {
      query: queryOf({ fields: 'metadata.name=web' }),
      options: {},
    });
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      ['web'],
    );
    await registry.stop();
  });

  it('may be at loopback where a cluster has nothing else', async () => {
    const registry = await startRegistry({ config: { allowedEndpointCidrs: [cidr('127.0.0.0/8')] } });
    const { write } = registry.resource('endpoints');
    assert.equal(await refusalOf(write.create(scopeOf(), at('127.0.0.9'))), 'accepted');
    await registry.stop();
  });

  it('whose addresses are spelled unwisely are accepted with a warning', async () => {
    const registry = await startRegistry();
    const scope = scopeOf();
    await registry.resource('endpoints').write.create(scope, at('FD00::1', 'notReadyAddresses'));
    assert.deepEqual(scope.warnings, [
      'subsets[0].notReadyAddresses[0].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
    ]);
    await registry.stop();
  });

  it('have no SCTP where the gate is off', async () => {
    const config = { featureGates: parseFeatureGates('SCTPSupport=false') };
    const registry = await startRegistry({ config });
    const body = subset({ ports: [{ port: 80, protocol: 'SCTP' }] });
    assert.match(
      await refusalOf(registry.resource('endpoints').write.create(scopeOf(), body)),
      /subsets\[0\]\.ports\[0\]\.protocol: Unsupported value: "SCTP": supported values: "TCP", "UDP"$/,
    );
    await registry.stop();
  });
});
