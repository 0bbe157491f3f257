import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeClock, realClock } from '../../base/clock.ts';
import { memoryLogger } from '../../base/logger.ts';
import { findProgram, openIptables } from '../../kernel/iptables/open-iptables.ts';
import { enterNetns, withNetns } from '../../kernel/netns/named-netns.ts';
import type { NftKernel } from '../../kernel/nft/nft-kernel.ts';
import { openNft } from '../../kernel/nft/open-nft.ts';
import type { IpFamily } from '../../net/ip.ts';
import { createPacketLab, labAddresses, podPort } from '../../testing/packet-lab.ts';
import type { PacketLab } from '../../testing/packet-lab.ts';
import { clusterIp, nodePort, proxyState, servicePort } from '../../testing/proxy-fixtures.ts';
import { inSandbox } from '../../testing/sandbox.ts';
import { createServiceMetrics } from '../metrics/service-metrics.ts';
import { createIptablesMode } from '../modes/iptables/index.ts';
import type { RelayedMode } from '../modes/localhost-relay.ts';
import { loadMode } from '../modes/registry.ts';
import type { FrontendDecision, ProxyMode, ServicePort } from '../state/model.ts';
import { withServiceCounters } from './counted-mode.ts';
import { createCounterTable } from './counter-table.ts';

inSandbox(import.meta.filename);

const NODE_PORT = 30007;
const hasIptables = findProgram('IPv4', 'nft', 'restore') !== undefined || process.env.CI !== undefined;
/** One table counts for all modes: each mode once, and what stands in the table in both families. */
const kinds = [
  { name: 'nftables', family: 'IPv4' },
  { name: 'nftables', family: 'IPv6' },
  { name: 'iptables', backend: 'nft', family: 'IPv4' },
  { name: 'iptables', backend: 'legacy', family: 'IPv6' },
  { name: 'userspace', family: 'IPv4' },
] as const;

let lab: PacketLab;
let nft: NftKernel;
before(async () => {
  lab = createPacketLab(3);
  await Promise.all([1, 2, 3].map((n) => lab.serve(`pod${n}`)));
  // The proxy is a process of the node.
  enterNetns(lab.netns('node'));
  nft = openNft();
});
after(async () => {
  nft.close();
  await lab.close();
});

async function openMode(kind: (typeof kinds)[number]): Promise<ProxyMode> {
  const { family } = kind;
  const logger = memoryLogger();
  if ('backend' in kind) {
    const iptables = openIptables({ family, backend: kind.backend });
    return createIptablesMode({ iptables, clock: realClock, logger });
  }
  const nodeIP = labAddresses[family].node;
  return (await loadMode(kind.name)).open({ family, clock: realClock, logger, serviceCIDRs: [], nodeIP });
}

/** The judge: nft, on the client's side of the link. */
function nftAt(place: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = withNetns(lab.netns(place), () =>
    spawnSync('nft', args, { input, encoding: 'utf8' }),
  );
  if (error !== undefined) throw error;
  assert.equal(status, 0, stderr);
  return stdout;
}

interface Seen {
  readonly packets: number;
  readonly bytes: number;
}

function judge(place: string, family: IpFamily, at: { readonly host: string; readonly ports: string }): void {
  const ip = family === 'IPv4' ? 'ip' : 'ip6';
  nftAt(
    place,
    ['-f', '-'],
    `table inet judge {
      counter to-endpoint {}
      counter to-client {}
      chain out { type filter hook output priority 0;
        ${ip} daddr ${at.host} meta l4proto { tcp, udp } th dport ${at.ports} counter name to-endpoint; }
      chain in { type filter hook input priority 0;
        ${ip} saddr ${at.host} meta l4proto { tcp, udp } th sport ${at.ports} counter name to-client; }
    }`,
  );
}

function judged(place: string): Readonly<Record<string, Seen>> {
  const listing = JSON.parse(nftAt(place, ['-j', 'list', 'counters'])) as {
    readonly nftables: readonly { readonly counter?: Seen & { readonly name: string } }[];
  };
  const counters = listing.nftables.flatMap(({ counter }) => counter ?? []);
  return Object.fromEntries(counters.map(({ name, packets, bytes }) => [name, { packets, bytes }]));
}

for (const kind of kinds) {
  const { family } = kind;
  const title = 'backend' in kind ? `${kind.name} (${kind.backend})` : kind.name;
  const skip = kind.name === 'iptables' && !hasIptables ? 'iptables is not installed' : false;
  const at = labAddresses[family];
  const external = family === 'IPv4' ? '192.0.2.7' : '2001:db8::7';
  const to = [2, 3].map((n) => ({ ip: at.pod(n), port: podPort, isLocal: true }));
  const range: FrontendDecision = {
    frontend: { kind: 'externalIP', ip: external, port: podPort - 5, endPort: podPort + 5 },
    endpoints: to,
    whenEmpty: 'reject',
    masquerade: 'always',
  };
  const web = servicePort('web', [clusterIp([at.clusterIp, 80], to), nodePort(NODE_PORT, to)]);
  const ports: readonly ServicePort[] = [
    web,
    servicePort('echo', [clusterIp([at.clusterIp, 53], to)], { protocol: 'UDP', portName: 'dns' }),
    servicePort('wide', [range]),
    servicePort('empty', [clusterIp([at.clusterIp, 90], [])]),
  ];
  /** `target` = ADDRESS PORT [UDP]. */
  const call = async (place: string, target: string, n: number): Promise<void> => {
    const [host = '', port, protocol] = target.split(' ');
    const what = { protocol: protocol === 'UDP' ? protocol : 'TCP', host, port: Number(port), n } as const;
    for (const answer of await lab.call(place, { ...what, timeoutMs: 60_000 }))
      assert.match(answer, /^pod[23] /);
  };
  const read = async () => Object.fromEntries(await createCounterTable(nft, family).read());

  describe(`${title}, ${family}: counters of Services`, { skip }, () => {
    let mode: ProxyMode;
    let opened: ProxyMode;
    before(async () => {
      const table = createCounterTable(nft, family);
      opened = await openMode(kind);
      mode = withServiceCounters(opened, { table, logger: memoryLogger() });
      await mode.sync(proxyState(family, ports, { podCIDRs: [at.podCIDR] }));
      judge('pod1', family, { host: at.clusterIp, ports: '80' });
      judge('outside', family, { host: at.node, ports: String(NODE_PORT) });
    });
    after(async () => {
      await mode.cleanup();
      (opened as Partial<RelayedMode>).close?.();
      const table = { family: family === 'IPv4' ? 'ip' : 'ip6', name: 'portico-counters' } as const;
      assert.equal(await nft.table(table), undefined, 'a cleanup leaves nothing');
      for (const place of ['pod1', 'outside']) nftAt(place, ['delete', 'table', 'inet', 'judge']);
    });

    it('equal what clients did: connections, packets and bytes', async () => {
      await Promise.all([
        call('pod1', `${at.clusterIp} 80`, 5),
        call('outside', `${at.node} ${NODE_PORT}`, 3),
        call('pod1', `${at.clusterIp} 53 UDP`, 4),
        call('pod1', `${external} ${podPort}`, 2),
      ]);
      const refused = await lab.call('pod1', { protocol: 'TCP', host: at.clusterIp, port: 90 });
      assert.deepEqual(refused, ['ECONNREFUSED']);
      const sumOf = (name: string, key: keyof Seen): number =>
        (judged('pod1')[name]?.[key] ?? 0) + (judged('outside')[name]?.[key] ?? 0);
      const both = async () => {
        const counters = await read();
        return ['to-endpoint', 'to-client'].map((name) => ({
          name,
          judged: { packets: sumOf(name, 'packets'), bytes: sumOf(name, 'bytes') },
          counted: counters[`default/web//TCP/${name}`],
        }));
      };
      // The last packets of a connection come after its client is done.
      const end = Date.now() + 60_000;
      for (;;) {
        const seen = await both();
        if (seen.every(({ judged: a, counted: b }) => a.packets === b?.packets && a.bytes === b.bytes)) break;
        assert.ok(Date.now() < end, JSON.stringify(seen));
        await sleep(50);
      }
      const counters = await read();
      const connections = (id: string): number | undefined => counters[`default/${id}/connections`]?.packets;
      assert.deepEqual(
        ['web//TCP', 'echo/dns/UDP', 'wide//TCP', 'empty//TCP'].map(connections),
        [8, 4, 2, 0],
      );
      const [asked, answered] = ['to-endpoint', 'to-client'].map(
        (way) => counters[`default/echo/dns/UDP/${way}`],
      );
      const header = family === 'IPv4' ? 28 : 48;
      assert.deepEqual(asked, { packets: 4, bytes: 4 * (header + 'hello'.length) });
      assert.equal(answered?.packets, 4);
    });

    it('know the node’s own connections once, though they pass several hooks', async () => {
      const earlier = await read();
      await Promise.all([call('node', `${at.clusterIp} 80`, 2), call('node', `${at.clusterIp} 53 UDP`, 3)]);
      const counters = await read();
      const more = (name: string): number =>
        (counters[name]?.packets ?? NaN) - (earlier[name]?.packets ?? NaN);
      assert.equal(more('default/echo/dns/UDP/connections'), 3);
      assert.equal(more('default/echo/dns/UDP/to-endpoint'), 3);
      assert.equal(more('default/echo/dns/UDP/to-client'), 3);
    });

    it('survive a restart and another frontend, and become figures', async () => {
      const earlier = (await read())['default/web//TCP/connections'];
      const table = createCounterTable(nft, family);
      const generation = await nft.generation();
      const services = new Map(ports.map((port) => [port.id, port]));
      await table.sync(services);
      assert.equal(await nft.generation(), generation, 'what is as it should be is not written again');
      await table.sync(
        new Map(services).set(web.id, { ...web, frontends: web.frontends.slice(1) }),
        new Set([web.id]),
      );
      assert.deepEqual((await read())['default/web//TCP/connections'], earlier);
      const metrics = createServiceMetrics(
        { [family]: table },
        { clock: fakeClock(), logger: memoryLogger() },
      );
      await metrics.refresh();
      const [connections] = metrics.all;
      assert.equal(connections?.name, 'portico_service_connections_total');
      assert.deepEqual(
        [...(connections?.samples() ?? [])].find(({ labels }) => labels['name'] === 'web'),
        {
          suffix: '',
          value: earlier?.packets,
          labels: { namespace: 'default', name: 'web', port: '', protocol: 'TCP', ip_family: family },
        },
      );
    });
  });
}
