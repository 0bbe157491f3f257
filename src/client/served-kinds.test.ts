import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { services } from '../api/core/v1/service.ts';
import { endpointSlices } from '../api/discovery/v1/endpoint-slice.ts';
import { ipAddresses } from '../api/networking/v1/ip-address.ts';
import { kindVersions } from '../api/versions.ts';
import { realClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { startInProcessApi, type InProcessApi } from '../testing/in-process-api.ts';
import { eventually } from '../testing/test-cluster.ts';
import { createClient, type Client } from './client.ts';
import { createInformer, hasSynced } from './informer.ts';
import { allServed, askServedKinds, fromWire } from './served-kinds.ts';
import type { Transport } from './transport.ts';

/** The server as if it were of 1.20: no discovery v1, and no kinds of addresses. */
function older(transport: Transport, asked: string[]): Transport {
  return {
    request: (request) => {
      asked.push(request.path);
      const isHidden =
        /^\/apis\/(discovery\.k8s\.io\/v1|networking\.k8s\.io\/v1|networking\.k8s\.io\/v1beta1)(\/|\?|$)/.test(
          request.path,
        );
      return transport.request(isHidden ? { ...request, path: '/apis/unknown.example.com/v1' } : request);
    },
    close: () => transport.close(),
  };
}

describe('a client of an older server', () => {
  let api: InProcessApi;
  let client: Client;
  const asked: string[] = [];
  const kinds = [services, endpointSlices, ipAddresses];
  before(async () => {
    api = startInProcessApi();
    const transport = older(api.client.transport, asked);
    const served = await askServedKinds(transport, { kinds, versions: kindVersions });
    client = createClient(transport, { served });
  });
  after(() => api.stop());

  it('knows what the server has', () => {
    const { served = allServed } = client;
    assert.equal(served.versionOf(services), undefined);
    assert.equal(served.versionOf(endpointSlices)?.kind.version, 'v1beta1');
    assert.deepEqual([served.isMissing(ipAddresses), served.isMissing(endpointSlices)], [true, false]);
  });

  it('reads and writes the version that is there, and speaks of the other', async () => {
    const made = await client.create(endpointSlices, {
      metadata: { name: 'web-1', namespace: 'default', labels: {} },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.1.2.3'], zone: 'z1', nodeName: 'n1' }],
      ports: [{ name: '', protocol: 'TCP', port: 80 }],
    });
    assert.deepEqual([made.endpoints[0]?.zone, made.endpoints[0]?.nodeName], ['z1', 'n1']);
    const body = { endpoints: [{ addresses: ['10.1.2.4'], zone: 'z2' }] };
    const ref = { namespace: 'default', name: 'web-1' };
    await client.patch(endpointSlices, ref, { type: 'merge', body });
    const got = await client.get(endpointSlices, ref);
    assert.equal(got.endpoints[0]?.zone, 'z2');
    const stored = await api.client.get(endpointSlices, ref);
    assert.equal(stored.endpoints[0]?.zone, 'z2');
    assert.ok(!asked.some((path) => path.startsWith('/apis/discovery.k8s.io/v1/namespaces')));
  });

  it('an informer follows the version that is there', async () => {
    const informer = createInformer({ client, kind: endpointSlices, clock: realClock, logger: silentLogger });
    const stop = new AbortController();
    const running = informer.run(stop.signal);
    await hasSynced(informer, stop.signal);
    assert.equal(informer.get('default/web-1')?.endpoints[0]?.zone, 'z2');
    const patch = { type: 'merge', body: { endpoints: [{ addresses: ['10.1.2.5'], zone: 'z3' }] } } as const;
    await api.client.patch(endpointSlices, { namespace: 'default', name: 'web-1' }, patch);
    await eventually('the change', () =>
      Promise.resolve(informer.get('default/web-1')?.endpoints[0]?.zone === 'z3' ? true : undefined),
    );
    stop.abort();
    await running;
  });

  it('of a kind that is not there are no objects', async () => {
    assert.deepEqual((await client.list(ipAddresses)).items, []);
    const informer = createInformer({ client, kind: ipAddresses, clock: realClock, logger: silentLogger });
    await informer.run(new AbortController().signal);
    assert.deepEqual([informer.synced(), informer.list()], [true, []]);
  });
});

describe('what Go writes as null', () => {
  const name = { metadata: { name: 'a' } };
  it('is an empty list where there must be one, and nothing elsewhere', () => {
    const slice = { ...name, addressType: 'IPv4', endpoints: null, ports: null };
    const clean = fromWire(allServed, endpointSlices, slice as never);
    assert.deepEqual(clean, { ...name, addressType: 'IPv4', endpoints: [] });
  });
  it('costs nothing where there is none', () => {
    const service = { ...name, spec: {} };
    assert.equal(fromWire(allServed, services, service as never), service);
  });
});
