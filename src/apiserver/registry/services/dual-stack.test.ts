import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '../../../api/core/v1/service.ts';
import type { JsonObject } from '../../../base/json.ts';
import { claimedKeys, cidr, json, refusalOf, scopeOf, startRegistry } from '../../fixtures/test-registry.ts';
import { claimKeysOf } from './claims.ts';

/** Service ranges of a cluster, the primary first. */
const clusters = {
  IPv4: ['10.96.0.0/16'],
  IPv6: ['fd00:96::/112'],
  'IPv4 and IPv6': ['10.96.0.0/16', 'fd00:96::/112'],
  'IPv6 and IPv4': ['fd00:96::/112', '10.96.0.0/16'],
} as const;
type Cluster = keyof typeof clusters;

const ports = [{ port: 80 }];
const familyOf = (ip: string): string => (ip === 'None' ? ip : ip.includes(':') ? 'IPv6' : 'IPv4');
/** `policy families / families of the addresses`. */
const shown = ({ spec }: Service): string =>
  `${spec.ipFamilyPolicy} ${(spec.ipFamilies ?? []).join()} / ${(spec.clusterIPs ?? []).map(familyOf).join()}`;

type Row = readonly [cluster: Cluster, spec: JsonObject, outcome: string | RegExp];

/** What is created where, and what comes of it (or is refused). */
const creates: Readonly<Record<string, Row>> = {
  'nothing asked for, on IPv4': ['IPv4', { ports }, 'SingleStack IPv4 / IPv4'],
  'nothing asked for, on IPv6': ['IPv6', { ports }, 'SingleStack IPv6 / IPv6'],
  'nothing asked for, on both': ['IPv4 and IPv6', { ports }, 'SingleStack IPv4 / IPv4'],
  'nothing asked for, on both with IPv6 first': ['IPv6 and IPv4', { ports }, 'SingleStack IPv6 / IPv6'],
  'the secondary family': ['IPv4 and IPv6', { ports, ipFamilies: ['IPv6'] }, 'SingleStack IPv6 / IPv6'],
  'an address of the secondary family': [
    'IPv4 and IPv6',
    { ports, clusterIP: 'fd00:96::9' },
    'SingleStack IPv6 / IPv6',
  ],
  'both preferred, where there is one': [
    'IPv4',
    { ports, ipFamilyPolicy: 'PreferDualStack' },
    'PreferDualStack IPv4 / IPv4',
  ],
  'both preferred, where there is the other one': [
    'IPv6',
    { ports, ipFamilyPolicy: 'PreferDualStack' },
    'PreferDualStack IPv6 / IPv6',
  ],
  'both preferred': [
    'IPv4 and IPv6',
    { ports, ipFamilyPolicy: 'PreferDualStack' },
    'PreferDualStack IPv4,IPv6 / IPv4,IPv6',
  ],
  'both preferred with IPv6 first': [
    'IPv6 and IPv4',
    { ports, ipFamilyPolicy: 'PreferDualStack' },
    'PreferDualStack IPv6,IPv4 / IPv6,IPv4',
  ],
  'both required': [
    'IPv4 and IPv6',
    { ports, ipFamilyPolicy: 'RequireDualStack' },
    'RequireDualStack IPv4,IPv6 / IPv4,IPv6',
  ],
  'both required, the named one first': [
    'IPv4 and IPv6',
    { ports, ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] },
    'RequireDualStack IPv6,IPv4 / IPv6,IPv4',
  ],
  'both required, the family of the address first': [
    'IPv4 and IPv6',
    { ports, ipFamilyPolicy: 'RequireDualStack', clusterIP: 'fd00:96::9' },
    'RequireDualStack IPv6,IPv4 / IPv6,IPv4',
  ],
  'both required with both addresses': [
    'IPv4 and IPv6',
    {
      ports,
      ipFamilyPolicy: 'RequireDualStack',
      clusterIP: 'fd00:96::9',
      clusterIPs: ['fd00:96::9', '10.96.0.9'],
    },
    'RequireDualStack IPv6,IPv4 / IPv6,IPv4',
  ],
  'both required on IPv4': [
    'IPv4',
    { ports, ipFamilyPolicy: 'RequireDualStack' },
    /ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services$/,
  ],
  'both required on IPv6': [
    'IPv6',
    { ports, ipFamilyPolicy: 'RequireDualStack' },
    /this cluster is not configured for dual-stack services$/,
  ],
  'IPv4 on IPv6': [
    'IPv6',
    { ports, ipFamilies: ['IPv4'] },
    /spec\.ipFamilies\[0\]: Invalid value: "IPv4": not configured on this cluster$/,
  ],
  'an address of IPv4 on IPv6': [
    'IPv6',
    { ports, clusterIP: '10.96.0.9' },
    /spec\.clusterIPs\[0\]: Invalid value: \["10\.96\.0\.9"\]: IPv4 is not configured on this cluster$/,
  ],
  'two families without a policy, from which older versions inferred one': [
    'IPv4 and IPv6',
    { ports, ipFamilies: ['IPv4', 'IPv6'] },
    /must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified$/,
  ],
  'two addresses without a policy, from which older versions inferred one': [
    'IPv4 and IPv6',
    { ports, clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9', 'fd00:96::9'] },
    /must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified$/,
  ],
  'a headless Service with selector': [
    'IPv4 and IPv6',
    { clusterIP: 'None', selector: { a: 'b' } },
    'SingleStack IPv4 / None',
  ],
  'a headless Service with selector that prefers both': [
    'IPv4 and IPv6',
    { clusterIP: 'None', selector: { a: 'b' }, ipFamilyPolicy: 'PreferDualStack' },
    'PreferDualStack IPv4,IPv6 / None',
  ],
  'a headless Service with selector that requires both on IPv4': [
    'IPv4',
    { clusterIP: 'None', selector: { a: 'b' }, ipFamilyPolicy: 'RequireDualStack' },
    /this cluster is not configured for dual-stack services$/,
  ],
  'a headless Service without selector on IPv4': [
    'IPv4',
    { clusterIP: 'None' },
    'RequireDualStack IPv4,IPv6 / None',
  ],
  'a headless Service without selector on IPv6': [
    'IPv6',
    { clusterIP: 'None' },
    'RequireDualStack IPv6,IPv4 / None',
  ],
  'a headless Service without selector of one family': [
    'IPv4',
    { clusterIP: 'None', ipFamilyPolicy: 'SingleStack' },
    'SingleStack IPv4 / None',
  ],
  'a headless Service without selector of the other family': [
    'IPv4',
    { clusterIP: 'None', ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6'] },
    'SingleStack IPv6 / None',
  ],
  'an external name': ['IPv4 and IPv6', { type: 'ExternalName', externalName: 'a.b' }, 'undefined  / '],
};

type Change = readonly [
  cluster: Cluster,
  from: JsonObject,
  /** Fields of the spec; undefined removes one. */
  to: (spec: Service['spec']) => Readonly<Record<string, unknown>>,
  outcome: string | RegExp,
];
const both = { ports, ipFamilyPolicy: 'RequireDualStack' };
const first = (list: readonly string[] | undefined): readonly string[] => (list ?? []).slice(0, 1);

/** What is changed where, and what comes of it (or is refused). */
const updates: Readonly<Record<string, Change>> = {
  'one family to both preferred': [
    'IPv4 and IPv6',
    { ports },
    () => ({ ipFamilyPolicy: 'PreferDualStack' }),
    'PreferDualStack IPv4,IPv6 / IPv4,IPv6',
  ],
  'one family to both required': [
    'IPv6 and IPv4',
    { ports },
    () => ({ ipFamilyPolicy: 'RequireDualStack' }),
    'RequireDualStack IPv6,IPv4 / IPv6,IPv4',
  ],
  'one family to both, with the second address named': [
    'IPv4 and IPv6',
    { ports },
    ({ clusterIP }) => ({ ipFamilyPolicy: 'PreferDualStack', clusterIPs: [clusterIP, 'fd00:96::77'] }),
    'PreferDualStack IPv4,IPv6 / IPv4,IPv6',
  ],
  'one family to both, with an address kept for explicit choices': [
    'IPv4 and IPv6',
    { ports },
    ({ clusterIP }) => ({ ipFamilyPolicy: 'PreferDualStack', clusterIPs: [clusterIP, 'fd00:96::1'] }),
    'PreferDualStack IPv4,IPv6 / IPv4,IPv6',
  ],
  'one family to both, with the second address out of range': [
    'IPv4 and IPv6',
    { ports },
    ({ clusterIP }) => ({ ipFamilyPolicy: 'PreferDualStack', clusterIPs: [clusterIP, 'fd00:97::1'] }),
    /failed to allocate IP fd00:97::1: the provided IP \(fd00:97::1\) is not in the valid range/,
  ],
  'one family to both by the families alone': [
    'IPv4 and IPv6',
    { ports },
    () => ({ ipFamilies: ['IPv4', 'IPv6'] }),
    /must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified$/,
  ],
  'one family to both required where there is one': [
    'IPv4',
    { ports },
    () => ({ ipFamilyPolicy: 'RequireDualStack' }),
    /this cluster is not configured for dual-stack services$/,
  ],
  'one family to both preferred where there is one': [
    'IPv4',
    { ports },
    () => ({ ipFamilyPolicy: 'PreferDualStack' }),
    'PreferDualStack IPv4 / IPv4',
  ],
  'both to one by the policy alone': [
    'IPv4 and IPv6',
    both,
    () => ({ ipFamilyPolicy: 'SingleStack' }),
    'SingleStack IPv4 / IPv4',
  ],
  'both to one by the policy and both lists': [
    'IPv4 and IPv6',
    both,
    ({ clusterIPs, ipFamilies }) => ({
      ipFamilyPolicy: 'SingleStack',
      clusterIPs: first(clusterIPs),
      ipFamilies: first(ipFamilies),
    }),
    'SingleStack IPv4 / IPv4',
  ],
  'both to the second one': [
    'IPv4 and IPv6',
    both,
    ({ clusterIPs }) => ({
      ipFamilyPolicy: 'SingleStack',
      clusterIP: clusterIPs?.[1],
      clusterIPs: clusterIPs?.slice(1),
      ipFamilies: ['IPv6'],
    }),
    /spec\.clusterIPs\[0\]: Invalid value: .*: may not change once set/,
  ],
  'the second address dropped': [
    'IPv4 and IPv6',
    both,
    ({ clusterIPs }) => ({ clusterIPs: first(clusterIPs) }),
    /ipFamilyPolicy: Invalid value: "RequireDualStack": must be 'SingleStack' to release the secondary cluster IP$/,
  ],
  'the second family dropped': [
    'IPv4 and IPv6',
    both,
    ({ ipFamilies }) => ({ ipFamilies: first(ipFamilies) }),
    /ipFamilyPolicy: Invalid value: "RequireDualStack": must be 'SingleStack' to release the secondary IP family$/,
  ],
  'both lists dropped, as clients do that do not know them': [
    'IPv4 and IPv6',
    both,
    () => ({ clusterIPs: undefined, ipFamilies: undefined, ipFamilyPolicy: undefined }),
    'RequireDualStack IPv4,IPv6 / IPv4,IPv6',
  ],
  'both swapped': [
    'IPv4 and IPv6',
    both,
    ({ clusterIPs = [], ipFamilies = [] }) => ({
      clusterIP: clusterIPs[1],
      clusterIPs: [...clusterIPs].reverse(),
      ipFamilies: [...ipFamilies].reverse(),
    }),
    /spec\.clusterIPs\[0\]: Invalid value: .*: may not change once set, spec\.clusterIPs\[1\]: .*: may not change once set, spec\.ipFamilies\[0\]/,
  ],
  'another second address': [
    'IPv4 and IPv6',
    both,
    ({ clusterIPs }) => ({ clusterIPs: [clusterIPs?.[0], 'fd00:96::88'] }),
    /spec\.clusterIPs\[1\]: Invalid value: .*: may not change once set/,
  ],
  'both to an external name': [
    'IPv4 and IPv6',
    both,
    () => ({ type: 'ExternalName', externalName: 'a.b' }),
    'undefined  / ',
  ],
  'an external name to both': [
    'IPv4 and IPv6',
    { type: 'ExternalName', externalName: 'a.b', ports },
    () => ({ type: 'ClusterIP', ipFamilyPolicy: 'RequireDualStack' }),
    'RequireDualStack IPv4,IPv6 / IPv4,IPv6',
  ],
  'a headless Service to both families': [
    'IPv4 and IPv6',
    { clusterIP: 'None', selector: { a: 'b' } },
    () => ({ ipFamilyPolicy: 'RequireDualStack' }),
    'RequireDualStack IPv4,IPv6 / None',
  ],
  'a headless Service to the other family': [
    'IPv4 and IPv6',
    { clusterIP: 'None', selector: { a: 'b' } },
    () => ({ ipFamilies: ['IPv6'] }),
    'SingleStack IPv6 / None',
  ],
};

const start = (cluster: Cluster) =>
  startRegistry({ config: { serviceCidrs: clusters[cluster].map((text) => cidr(text)) } });

async function assertClaims({ store }: Awaited<ReturnType<typeof start>>): Promise<void> {
  const { entries } = await store.list('/registry/services/');
  const held = entries.flatMap(({ value }) =>
    claimKeysOf(JSON.parse(Buffer.from(value).toString()) as Service),
  );
  assert.deepEqual([...(await claimedKeys(store))].sort(), held.sort());
}

describe('families of a new Service', () => {
  for (const [sentence, [cluster, spec, outcome]] of Object.entries(creates)) {
    it(sentence, async () => {
      const registry = await start(cluster);
      const creating = registry
        .resource('services')
        .write.create(scopeOf(), { metadata: { name: 'web' }, spec });
      if (typeof outcome === 'string') assert.equal(shown((await creating) as Service), outcome);
      else assert.match(await refusalOf(creating), outcome);
      await assertClaims(registry);
      await registry.stop();
    });
  }
});

describe('families of a Service that changes', () => {
  for (const [sentence, [cluster, from, to, outcome]] of Object.entries(updates)) {
    it(sentence, async () => {
      const registry = await start(cluster);
      const { write } = registry.resource('services');
      const made = json(await write.create(scopeOf(), { metadata: { name: 'web' }, spec: from }));
      const spec = Object.fromEntries(
        Object.entries({
          ...(made.spec as JsonObject),
          ...to(made.spec as unknown as Service['spec']),
        }).filter(([, value]) => value !== undefined),
      ) as JsonObject;
      const updating = write.update(scopeOf(), { name: 'web', body: { ...made, spec } });
      if (typeof outcome === 'string') {
        assert.equal(shown((await updating).object as Service), outcome);
      } else assert.match(await refusalOf(updating), outcome);
      await assertClaims(registry);
      await registry.stop();
    });
  }

  it('that prefers both stays as it is when the cluster gets its second family', async () => {
    const one = await start('IPv4');
    const spec = { ports, ipFamilyPolicy: 'PreferDualStack' };
    await one.resource('services').write.create(scopeOf(), { metadata: { name: 'web' }, spec });
    await one.stop();
    const serviceCidrs = clusters['IPv4 and IPv6'].map((text) => cidr(text));
    const two = await startRegistry({ store: one.store, config: { serviceCidrs } });
    const { write } = two.resource('services');
    const patch = (body: JsonObject): Promise<unknown> =>
      write.patch(scopeOf(), { name: 'web', type: 'application/merge-patch+json', body });
    assert.equal(
      shown((await patch({ metadata: { labels: { a: 'b' } } })) as Service),
      'PreferDualStack IPv4 / IPv4',
    );
    assert.equal(
      shown((await patch({ spec: { ipFamilyPolicy: 'RequireDualStack' } })) as Service),
      'RequireDualStack IPv4,IPv6 / IPv4,IPv6',
    );
    await two.stop();
  });
});
