import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { services } from '../../../src/api/core/v1/service.ts';
import type { Service } from '../../../src/api/core/v1/service.ts';
import { endpointSlices } from '../../../src/api/discovery/v1/endpoint-slice.ts';
import { realClock } from '../../../src/base/clock.ts';
import { memoryLogger } from '../../../src/base/logger.ts';
import { createClient } from '../../../src/client/client.ts';
import { loadMode } from '../../../src/proxy/modes/registry.ts';
import { createServiceProxy } from '../../../src/proxy/service-proxy.ts';
import { serviceFixture, sliceFixture } from '../../../src/proxy/state/fixtures.ts';
import type { EndpointFixture } from '../../../src/proxy/state/fixtures.ts';
import type { ProxyMode } from '../../../src/proxy/state/model.ts';
import { createObjectFeed } from '../../../src/testing/object-feed.ts';
import { createPacketLab, labAddresses, podPort } from '../../../src/testing/packet-lab.ts';
import { createSocketLab } from '../../../src/testing/socket-lab.ts';
import type { SocketCall } from '../../../src/testing/socket-lab.ts';

const lab = createPacketLab(3);
const sockets = createSocketLab((place) => lab.netns(place));
const families = ['IPv4', 'IPv6'] as const;
type Family = (typeof families)[number];
const PATIENCE_MS = 60_000;
/** Of one client to one endpoint; longer than IPVS remembers a silent flow of UDP, which keeps the memory of its client. */
const AFFINITY_SECONDS = 3;
const UDP_TIMEOUT_MS = 1000;

before(() => {
  for (const n of [2, 3])
    for (const family of families)
      for (const protocol of ['TCP', 'UDP'] as const)
        sockets.serve(`pod${n}`, { family, protocol, port: podPort });
});
after(async () => {
  sockets.close();
  await lab.close();
});

const ending = { ready: false, serving: true, terminating: true } as const;
type Conditions = Omit<EndpointFixture, 'ip' | 'node'>;
type Where = (family: Family) => EndpointFixture;
/** Pod 2, on this node, in zone a. */
const here =
  (more: Conditions = {}): Where =>
  (family) => ({ ip: labAddresses[family].pod(2), node: 'node-1', ...more });
/** Pod 3, said to be on another node, in zone b. */
const there =
  (more: Conditions = {}): Where =>
  (family) => ({ ip: labAddresses[family].pod(3), node: 'node-2', ...more });

interface Case {
  readonly spec?: Partial<Service['spec']>;
  readonly endpoints: readonly Where[];
  /** Who answers a Pod that calls the cluster IP, in the order of their names; or what it gets. */
  readonly inside: string;
  /** The same of a machine outside that calls the node port, where there is one; it keeps its address. */
  readonly outside?: string;
}
const a = { forZones: ['a'] };
const b = { forZones: ['b'] };
const local = { type: 'NodePort', externalTrafficPolicy: 'Local' } as const;
const both = 'pod2 pod3';

const cases: Record<string, Case> = {
  'every endpoint, whichever node it is on': { endpoints: [here(), there()], inside: both },
  'with internalTrafficPolicy Local, those here': {
    spec: { internalTrafficPolicy: 'Local' },
    endpoints: [here(), there()],
    inside: 'pod2',
  },
  'with internalTrafficPolicy Local and none here, nobody, in silence': {
    spec: { internalTrafficPolicy: 'Local' },
    endpoints: [there()],
    inside: 'timeout',
  },
  'with hints for zones, those for this one': { endpoints: [here(a), there(b)], inside: 'pod2' },
  'with hints for zones that miss at one endpoint, all': { endpoints: [here(a), there()], inside: both },
  'with hints for nodes, those for this one': {
    spec: { trafficDistribution: 'PreferSameNode' },
    endpoints: [here({ ...b, forNodes: ['node-2'] }), there({ ...a, forNodes: ['node-1'] })],
    inside: 'pod3',
  },
  'with externalTrafficPolicy Local, those here for clients outside, and all for Pods': {
    spec: local,
    endpoints: [here(), there()],
    inside: both,
    outside: 'pod2',
  },
  'no endpoint that terminates, while one is ready': {
    endpoints: [here(ending), there()],
    inside: 'pod3',
  },
  'those that terminate, when none is ready': {
    endpoints: [here(ending), there({ ...ending, serving: false })],
    inside: 'pod2',
  },
  'with policy Local the one here that terminates, though another is ready elsewhere': {
    spec: local,
    endpoints: [here(ending), there()],
    inside: 'pod3',
    outside: 'pod2',
  },
  'nobody, and says so, when all that terminate serve no more': {
    endpoints: [here({ ...ending, serving: false })],
    inside: 'ECONNREFUSED',
  },
};

for (const family of families) {
  const at = labAddresses[family];
  const addressOf = (n: number): string =>
    family === 'IPv4' ? `10.96.1.${10 + n}` : `fd00:10:96::1:${10 + n}`;
  const serviceOf = (name: string, n: number, spec: Partial<Service['spec']> = {}): Service => {
    const hasNodePort = spec.type === 'NodePort';
    const port = {
      name: 'http',
      protocol: 'TCP',
      port: 80,
      ...(hasNodePort ? { nodePort: 30_000 + n } : {}),
    };
    return serviceFixture(name, { clusterIPs: [addressOf(n)], ports: [port], ...spec });
  };
  const sliceOf = (name: string, endpoints: readonly Where[], protocol = 'TCP') =>
    sliceFixture(`${name}-1`, name, {
      addressType: family,
      ports: [{ name: 'http', protocol, port: podPort }],
      endpoints: endpoints.map((where) => where(family)),
    });
  /** The servers that answer some calls, each once, or what the caller gets in their place. */
  const answers = (place: string, call: SocketCall): string => {
    const nameOf = (text: string): string => text.split(' ')[0] ?? '';
    const patient = { timeoutMs: 400, ...call };
    const first = nameOf(sockets.call(place, patient));
    if (!first.startsWith('pod')) return first;
    const names = [first, ...sockets.calls(place, patient, 3).map(nameOf)];
    return [...new Set(names)].sort().join(' ');
  };
  const toCluster = (n: number): SocketCall => ({ protocol: 'TCP', host: addressOf(n), port: 80 });

  describe(`${family}: Services and EndpointSlices of an API server, with packets through the ipvs mode`, () => {
    const logger = memoryLogger();
    const feed = createObjectFeed();
    const stop = new AbortController();
    let mode: ProxyMode;
    let running: Promise<void>;
    const until = async (what: string, isSo: () => boolean): Promise<void> => {
      for (const end = Date.now() + PATIENCE_MS; !isSo(); await sleep(20))
        assert.ok(Date.now() < end, `not in time: ${what}`);
    };

    before(async () => {
      mode = await (
        await loadMode('ipvs')
      ).open({
        family,
        clock: realClock,
        logger,
        serviceCIDRs: [at.services],
        nodeIP: at.node,
        netnsPath: lab.netns('node'),
        settings: { ipvs: { udpTimeout: UDP_TIMEOUT_MS } },
      });
      for (const [n, { spec, endpoints }] of Object.values(cases).entries()) {
        feed.put(services, serviceOf(`case-${n}`, n, spec));
        feed.put(endpointSlices, sliceOf(`case-${n}`, endpoints));
      }
      const node = { name: 'node-1', zone: 'a', ip: at.node, podCIDRs: [at.podCIDR], nodePortAddresses: [] };
      const proxy = createServiceProxy({
        client: createClient(feed.transport),
        node,
        modes: { [family]: mode },
        clock: realClock,
        logger,
        fullSyncMs: 0,
      });
      running = proxy.run(stop.signal);
      await until('the first sync', () => proxy.health().isReady);
    });
    after(async () => {
      stop.abort();
      await running;
      await mode.cleanup();
      const warnings = logger.lines.filter(({ level }) => level === 'warn' || level === 'error');
      assert.deepEqual(warnings, []);
    });

    for (const [n, [title, { inside, outside }]] of Object.entries(cases).entries()) {
      it(`reach ${title}`, () => {
        assert.equal(answers('pod1', toCluster(n)), inside);
        assert.equal(answers('node', toCluster(n)), inside);
        if (outside === undefined) return;
        const call = { protocol: 'TCP', host: at.node, port: 30_000 + n } as const;
        assert.equal(answers('outside', call), outside);
        assert.equal(sockets.call('outside', call), `${outside} ${at.outside}`);
      });
    }

    it('are followed: other endpoints, a rolling update, and the end of the Service', async () => {
      const n = Object.keys(cases).length;
      const reach = (names: string): Promise<void> =>
        until(`${names} answer`, () => answers('pod1', toCluster(n)) === names);
      feed.put(services, serviceOf('moving', n));
      feed.put(endpointSlices, sliceOf('moving', [here()]));
      await reach('pod2');
      feed.put(endpointSlices, sliceOf('moving', [here(), there({ ready: false })]));
      feed.put(endpointSlices, sliceOf('moving', [here(), there()]));
      await reach(both);
      feed.put(endpointSlices, sliceOf('moving', [here(ending), there()]));
      await reach('pod3');
      feed.put(endpointSlices, sliceOf('moving', []));
      await reach('ECONNREFUSED');
      feed.put(endpointSlices, sliceOf('moving', [here()]));
      await reach('pod2');
      feed.remove(services, serviceOf('moving', n));
      await reach('timeout');
    });

    it('keep a client at its endpoint until it was silent for sessionAffinity’s time', async () => {
      const n = Object.keys(cases).length + 1;
      const ports = [{ name: 'http', protocol: 'UDP', port: 80 }];
      const sessionAffinityConfig = { clientIP: { timeoutSeconds: AFFINITY_SECONDS } };
      const spec = { ports, sessionAffinity: 'ClientIP', sessionAffinityConfig };
      feed.put(services, serviceOf('sticky', n, spec));
      feed.put(endpointSlices, sliceOf('sticky', [here(), there()], 'UDP'));
      const call = { ...toCluster(n), protocol: 'UDP', timeoutMs: 400 } as const;
      await until('an answer', () => sockets.call('pod1', call).startsWith('pod'));
      const first = sockets.call('pod1', call);
      for (let i = 0; i < 4; i++) {
        await sleep((AFFINITY_SECONDS * 1000) / 4);
        assert.equal(sockets.call('pod1', call), first, 'each call renews the memory');
      }
      const end = Date.now() + PATIENCE_MS;
      do {
        assert.ok(Date.now() < end, 'the client is never sent to another endpoint');
        await sleep((AFFINITY_SECONDS + 1) * 1000);
      } while (sockets.call('pod1', call) === first);
    });
  });
}
