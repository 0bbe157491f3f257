/**
 * A whole service proxy on a server of objects in the same process: `{mode, services, perSecond, seconds}` -> how long after an event the
 * kernel has it, and what it costs. The server's own work (JSON of every event) counts as the proxy's.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { services } from '../../src/api/core/v1/service.ts';
import { endpointSlices } from '../../src/api/discovery/v1/endpoint-slice.ts';
import type { EndpointSlice } from '../../src/api/discovery/v1/endpoint-slice.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { createClient } from '../../src/client/client.ts';
import { createServiceProxy } from '../../src/proxy/service-proxy.ts';
import { createObjectFeed } from '../../src/testing/object-feed.ts';
import { quantile } from '../figure.ts';
import { clusterIpOf, endpointIpOf, node, openMode } from './services.ts';

interface Question {
  readonly mode: string;
  readonly services: number;
  readonly perSecond: number;
  readonly seconds: number;
}

const { mode: name, services: nServices, perSecond, seconds } = JSON.parse(process.argv[2] ?? '') as Question;
const feed = createObjectFeed();
const slice = (n: number, generation: number): EndpointSlice => ({
  metadata: {
    name: `service-${n}`,
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': `service-${n}` },
  },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: [0, 1].map((i) => ({
    addresses: [endpointIpOf(generation * nServices * 2 + n * 2 + i)],
    conditions: { ready: true },
    nodeName: 'node-1',
  })),
});
for (let n = 0; n < nServices; n++) {
  feed.put(services, {
    metadata: { name: `service-${n}`, namespace: 'default' },
    spec: {
      type: 'ClusterIP',
      clusterIP: clusterIpOf(n),
      clusterIPs: [clusterIpOf(n)],
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
    },
  });
  feed.put(endpointSlices, slice(n, 0));
}

const askedAt = new Map<string, number>();
const times: number[] = [];
const stop = new AbortController();
const proxy = createServiceProxy({
  client: createClient(feed.transport),
  node,
  modes: { IPv4: await openMode(name) },
  clock: realClock,
  logger: silentLogger,
  onSynced: ({ changed }) => {
    const now = performance.now();
    for (const id of changed ?? []) {
      const at = askedAt.get(id);
      askedAt.delete(id);
      if (at !== undefined) times.push(now - at);
    }
  },
});
const running = proxy.run(stop.signal);
while (!proxy.health().isReady) await sleep(50);
await sleep(1000);

const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
let n = 0;
for (let done = 0; performance.now() - startedAt < seconds * 1000;) {
  const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond);
  for (; done < due; done++, n++) {
    const which = (n * 7919) % nServices;
    askedAt.set(`default/service-${which}:http/TCP`, performance.now());
    feed.put(endpointSlices, slice(which, 1 + Math.floor(n / nServices)));
  }
  await sleep(1);
}
const elapsedMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(cpuBefore);
while (askedAt.size > 0 && performance.now() - startedAt < 2 * seconds * 1000) await sleep(10);
stop.abort();
await running;
if (askedAt.size > 0) throw new Error(`${askedAt.size} changes never reached the kernel`);
process.stdout.write(
  JSON.stringify({
    event_to_kernel_p50: quantile(times, 0.5),
    event_to_kernel_p99: quantile(times, 0.99),
    cpu_percent: (user + system) / 10 / elapsedMs,
  }),
);
process.exit(0);
