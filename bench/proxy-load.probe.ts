// The inside of bench/proxy-load.ts: programs the network namespace it runs in and prints what that took.
import { silentLogger } from '../src/base/logger.ts';
import { openConntrack } from '../src/kernel/conntrack/open-conntrack.ts';
import { openNft } from '../src/kernel/nft/open-nft.ts';
import { createNftablesMode } from '../src/proxy/modes/nftables/index.ts';
import type { ProxyState, ServicePort } from '../src/proxy/state/model.ts';
import { quantile } from './figure.ts';

const REPEATS = 20;

function servicePort(n: number): ServicePort {
  const name = `service-${n}`;
  const ip = `10.${100 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
  const endpoint = (i: number): string => `10.${200 + i}.${(n >> 8) & 255}.${n & 255}`;
  return {
    id: `default/${name}:http/TCP`,
    namespace: 'default',
    name,
    portName: 'http',
    protocol: 'TCP',
    affinitySeconds: 0,
    frontends: [
      {
        frontend: { kind: 'clusterIP', ip, port: 80 },
        endpoints: [0, 1].map((i) => ({ ip: endpoint(i), port: 8080, isLocal: i === 0 })),
        whenEmpty: 'reject',
        masquerade: 'off-cluster',
      },
    ],
  };
}

const nServices = Number(process.argv[2]);
const services = new Map(
  Array.from({ length: nServices }, (_, n) => servicePort(n)).map((s) => [s.id, s] as const),
);
const node = { name: 'node-1', podCIDRs: ['10.200.0.0/15'], nodePortAddresses: [] };
const state: ProxyState = { family: 'IPv4', node, services };
const mode = createNftablesMode({
  family: 'IPv4',
  nft: openNft(),
  conntrack: openConntrack(),
  logger: silentLogger,
});

const timed = async (work: () => Promise<void>): Promise<number> => {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
};

const full = await timed(() => mode.sync(state));
const [added, removed]: [number[], number[]] = [[], []];
for (let i = 0; i < REPEATS; i++) {
  const more = servicePort(nServices + i);
  services.set(more.id, more);
  added.push(await timed(() => mode.sync(state, new Set([more.id]))));
}
for (let i = 0; i < REPEATS; i++) {
  const { id } = servicePort(nServices + i);
  services.delete(id);
  removed.push(await timed(() => mode.sync(state, new Set([id]))));
}
process.stdout.write(
  JSON.stringify({
    full_load: full,
    add_service: quantile(added, 0.5),
    remove_service: quantile(removed, 0.5),
    rss: process.memoryUsage.rss() / 1024 / 1024,
  }),
);
process.exit(0);
