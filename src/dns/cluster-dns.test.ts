import assert from 'node:assert/strict';
import { it } from 'node:test';
import { namespaces } from '../api/core/v1/namespace.ts';
import { services } from '../api/core/v1/service.ts';
import { endpointSlices } from '../api/discovery/v1/endpoint-slice.ts';
import { realClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { createClient } from '../client/client.ts';
import { createInformers } from '../client/informers.ts';
import { createObjectFeed } from '../testing/object-feed.ts';
import { createClusterDns } from './cluster-dns.ts';
import { HOST, ask } from './server/fixtures.ts';
import { serviceOf, sliceOf } from './zone/fixtures.ts';

it('a cluster’s DNS follows its API server, and keeps answering without it', async (t) => {
  const feed = createObjectFeed();
  feed.setReachable(false);
  const clock = realClock;
  const logger = silentLogger;
  const informers = createInformers({ client: createClient(feed.transport), clock, logger });
  const dns = createClusterDns({
    informers,
    listen: [{ host: HOST, port: 0 }],
    zone: 'cluster.local',
    clock,
    logger,
  });
  const stop = new AbortController();
  const running = Promise.all([informers.run(stop.signal), dns.run(stop.signal)]);
  t.after(async () => {
    stop.abort();
    await running;
  });
  const [port = 0] = await dns.listening;
  const told = (name: string): Promise<string> => ask(port, `A ${name}.svc.cluster.local`);
  const eventually = async (name: string, answer: string): Promise<void> => {
    const end = Date.now() + 60_000;
    for (let now = await told(name); now !== answer; now = await told(name)) {
      assert.ok(Date.now() < end, `${name} is ${now}, not ${answer}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  assert.equal(await told('my-service.my-ns'), 'SERVFAIL');
  assert.equal(dns.synced(), false);
  feed.put(namespaces, { metadata: { name: 'my-ns' } });
  feed.put(services, serviceOf('my-ns/my-service'));
  feed.setReachable(true);
  await eventually('my-service.my-ns', 'NOERROR 10.96.0.20');
  await eventually('nope.my-ns', 'NXDOMAIN');
  assert.equal(dns.synced(), true);
  assert.equal(await told('my-ns'), 'NOERROR');

  feed.put(services, serviceOf('my-ns/hl', { clusterIPs: ['None'] }));
  feed.put(endpointSlices, sliceOf('my-ns/hl', ['10.244.0.2']));
  await eventually('hl.my-ns', 'NOERROR 10.244.0.2');
  feed.put(endpointSlices, sliceOf('my-ns/hl', [{ ip: '10.244.0.2', ready: false }]));
  await eventually('hl.my-ns', 'NXDOMAIN');

  feed.setReachable(false);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(await told('my-service.my-ns'), 'NOERROR 10.96.0.20');
  assert.equal(await told('nope.my-ns'), 'NXDOMAIN');
  feed.remove(services, serviceOf('my-ns/my-service'));
  feed.setReachable(true);
  await eventually('my-service.my-ns', 'NXDOMAIN');
});
