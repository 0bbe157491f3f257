import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { createFakeConntrack } from '../../kernel/conntrack/fake-conntrack.ts';
import { encodeTransaction } from '../../kernel/nft/encode.ts';
import { createFakeNft } from '../../kernel/nft/fake-nft.ts';
import { silentLogger } from '../../base/logger.ts';
import { createNftablesMode } from '../modes/nftables/index.ts';
import { serviceFixture, sliceFixture } from './fixtures.ts';
import { createProxyStateTracker } from './proxy-state-tracker.ts';
import type { ProxyStateChange } from './proxy-state-tracker.ts';

const node = { name: 'node-1', podCIDRs: ['10.244.0.0/16'], nodePortAddresses: [] };
const NEIGHBOUR = 'default/web:http/TCP';
const web = serviceFixture('web');
const ofWeb = sliceFixture('web-1', 'web', { endpoints: ['10.244.0.2'] });
const bad = serviceFixture('bad', {
  type: 'LoadBalancer',
  clusterIP: '10.96.0.20',
  clusterIPs: ['10.96.0.20'],
  externalIPs: ['192.0.2.9'],
  loadBalancerSourceRanges: ['198.51.100.0/24'],
  sessionAffinity: 'ClientIP',
  sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
  ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30009 }],
});
const ofBad = sliceFixture('bad-1', 'bad', {
  endpoints: ['10.244.0.3', { ip: '10.244.0.4', node: 'node-1' }],
});

/** What becomes of a cluster of which a server tells this beside the neighbour. */
function told(service: unknown, slice: unknown = ofBad): ProxyStateChange {
  const tracker = createProxyStateTracker({ family: 'IPv4', node });
  tracker.setSlice('default/web-1', ofWeb);
  tracker.setService('default/web', web);
  tracker.setSlice('default/bad-1', slice as EndpointSlice);
  tracker.setService('default/bad', service as Service);
  const change = tracker.take();
  assert.deepEqual(
    change.state.services.get(NEIGHBOUR)?.frontends.map(({ endpoints }) => endpoints.map(({ ip }) => ip)),
    [['10.244.0.2']],
  );
  return change;
}

interface Case {
  readonly service?: unknown;
  readonly slice?: unknown;
  /** How many frontends and endpoints of the other Service are left. */
  readonly left: readonly [frontends: number, endpoints: number];
  readonly says: string;
}

const port = (fields: object) => ({ name: 'http', protocol: 'TCP', port: 80, ...fields });
const withPorts = (...ports: readonly object[]) => ({ ...bad, spec: { ...bad.spec, ports } });
const cases: Readonly<Record<string, Case>> = {
  'a Service without a spec': {
    service: { metadata: bad.metadata },
    left: [0, 0],
    says: 'default/bad: the Service is ignored: spec is not as the API has it',
  },
  'a cluster IP that is no text': {
    service: { ...bad, spec: { ...bad.spec, clusterIP: null } },
    left: [0, 0],
    says: 'default/bad: the Service is ignored: spec.clusterIP is not as the API has it',
  },
  'ports that are no list': {
    service: { ...bad, spec: { ...bad.spec, ports: 'http' } },
    left: [0, 0],
    says: 'default/bad: the Service is ignored: spec.ports is not as the API has it',
  },
  'a port whose name would break out of a rule’s comment': {
    service: withPorts(port({ name: 'a" -j ACCEPT' })),
    left: [0, 0],
    says: 'default/bad: the Service is ignored: spec.ports[0].name is not as the API has it',
  },
  'a port above the last one': {
    service: withPorts(port({ port: 70_000 }), port({ name: 'fine', port: 81 })),
    left: [2, 0],
    says: 'default/bad: the port "http" is ignored: 70000 is no port number',
  },
  'a port that is a fraction, as the only one': {
    service: withPorts(port({ port: 80.5 })),
    left: [0, 0],
    says: 'default/bad: the port "http" is ignored: 80.5 is no port number',
  },
  'a node port below the first one': {
    service: withPorts(port({ nodePort: -1 })),
    left: [2, 2],
    says: 'default/bad: the node port -1 is ignored: it is no port number',
  },
  'an endpoint’s port above the last one': {
    slice: { ...ofBad, ports: [{ name: 'http', protocol: 'TCP', port: 65_536 }] },
    left: [3, 0],
    says: 'default/bad: endpoint 10.244.0.3, 10.244.0.4 is ignored: 65536 is no port number',
  },
  'an endpoint without addresses': {
    slice: { ...ofBad, endpoints: [{ conditions: { ready: true } }] },
    left: [3, 0],
    says: 'default/bad: EndpointSlice default/bad-1 is ignored: endpoints[0].addresses is not as the API has it',
  },
  'a slice of somebody who has no name': {
    slice: { ...ofBad, metadata: {} },
    left: [3, 0],
    says: 'default/bad-1: EndpointSlice default/bad-1 is ignored: metadata.name is not as the API has it',
  },
};

describe('what a server tells that lies', () => {
  for (const [what, { service = bad, slice, left, says }] of Object.entries(cases)) {
    it(what, () => {
      const { state, problems } = told(service, slice);
      const ports = [...state.services.values()].filter(({ name }) => name === 'bad');
      const frontends = ports.flatMap((each) => each.frontends);
      assert.deepEqual([frontends.length, frontends[0]?.endpoints.length ?? 0], left);
      const words = problems.map((problem) => `${problem.service}: ${problem.message}`);
      assert.ok(words.includes(says), words.join('\n'));
    });
  }

  it('is forgotten when it tells the truth', () => {
    const tracker = createProxyStateTracker({ family: 'IPv4', node });
    tracker.setSlice('default/bad-1', ofBad);
    tracker.setService('default/bad', bad);
    assert.equal(tracker.take().state.services.size, 1);
    tracker.setService('default/bad', { metadata: bad.metadata } as Service);
    assert.equal(tracker.take().state.services.size, 0);
    tracker.setService('default/bad', bad);
    assert.equal(tracker.take().state.services.size, 1);
  });

  it('says null for an empty list, as servers written in Go do', () => {
    const { problems } = told(bad, { ...ofBad, endpoints: null, ports: null });
    assert.deepEqual(problems, []);
  });

  it('never keeps anybody else from the kernel, whatever it is', async () => {
    const paths = (value: unknown, path: readonly string[] = []): string[][] =>
      typeof value === 'object' && value !== null
        ? [
            ...(path.length > 0 ? [[...path]] : []),
            ...Object.entries(value).flatMap(([key, each]) => paths(each, [...path, key])),
          ]
        : [[...path]];
    const instead = fc.oneof(
      fc.constantFrom(
        undefined,
        null,
        '',
        -1,
        0,
        1.5,
        65_536,
        1e21,
        NaN,
        true,
        [],
        [null],
        {},
        'None',
        '::',
        '\n',
      ),
      fc.string(),
      fc.integer(),
    );
    const replaced = (object: object): fc.Arbitrary<unknown> =>
      fc.tuple(fc.constantFrom(...paths(object)), instead).map(([path, value]) => {
        const copy: unknown = structuredClone(object);
        let at = copy as Record<string, unknown>;
        for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
        at[path.at(-1) ?? ''] = value;
        return copy;
      });
    await fc.assert(
      fc.asyncProperty(replaced(bad), replaced(ofBad), async (service, slice) => {
        const { state } = told(service, slice);
        const nft = createFakeNft();
        const conntrack = createFakeConntrack();
        await createNftablesMode({ family: 'IPv4', nft, conntrack, logger: silentLogger }).sync(state);
        for (const transaction of nft.applied) encodeTransaction(transaction);
      }),
      { numRuns: 300, seed: 4 },
    );
  });
});
