import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeClock } from '../../../src/base/clock.ts';
import { memoryLogger } from '../../../src/base/logger.ts';
import { openIpvs } from '../../../src/kernel/ipvs/open-ipvs.ts';
import { openNft } from '../../../src/kernel/nft/open-nft.ts';
import { openNetworkStack } from '../../../src/kernel/route/network-stack.ts';
import { createModeSwitch } from '../../../src/proxy/modes/mode-switch.ts';
import { loadMode } from '../../../src/proxy/modes/registry.ts';
import { createPacketLab, labAddresses, podPort } from '../../../src/testing/packet-lab.ts';
import { clusterIp, nodePort, proxyState, servicePort } from '../../../src/testing/proxy-fixtures.ts';
import { createSocketLab } from '../../../src/testing/socket-lab.ts';
import type { LabConnection } from '../../../src/testing/socket-lab.ts';

const families = ['IPv4', 'IPv6'] as const;
const lab = createPacketLab(3);
const sockets = createSocketLab((place) => lab.netns(place));
const netnsPath = lab.netns('node');
/** The mode userspace has its sockets in the thread's own namespace: test/proxy switches to it and from it. */
const names = ['ipvs', 'nftables', 'iptables'] as const;
/** The kernel remembers a connection that was reset for 10 s. */
const PATIENCE_MS = 90_000;
/** Instead of five minutes; longer than all that happens here between two packets of a flow. */
const UDP_TIMEOUT_MS = 25_000;

before(() => {
  for (const n of [2, 3])
    for (const family of families)
      for (const protocol of ['TCP', 'SCTP', 'UDP'] as const)
        sockets.serve(`pod${n}`, { family, protocol, port: podPort });
});
after(async () => {
  sockets.close();
  await lab.close();
});

/** One family's side of the end, which both wait for together: the kernel remembers associations of SCTP for a minute. */
interface Ending {
  readonly family: (typeof families)[number];
  /** Ends every connection. */
  release(): void;
  /** Looks again, as a sync does; true once nothing is left of the ipvs mode. */
  isOver(): Promise<boolean>;
  ownServers(): Promise<number>;
  answer(): string;
  close(): Promise<void>;
}
const endings: Ending[] = [];

for (const family of families) {
  const at = labAddresses[family];
  const short = {
    endpoints: [{ ip: at.pod(3), port: podPort, isLocal: true }],
    whenEmpty: 'reject',
    masquerade: 'off-cluster',
  } as const;
  const to = [2, 3].map((n) => ({ ip: at.pod(n), port: podPort, isLocal: true }));
  const ports = (['TCP', 'SCTP', 'UDP'] as const).map((protocol) =>
    servicePort(
      'web',
      [
        clusterIp([at.clusterIp, 80], to),
        nodePort(30007, to.slice(0, 1), { masquerade: 'never', fromCluster: short }),
      ],
      { protocol },
    ),
  );
  const state = proxyState(family, ports, { podCIDRs: [at.podCIDR], ip: at.node });
  const kernel = {
    ipvs: openIpvs({ netnsPath }),
    nft: openNft({ netnsPath }),
    stack: openNetworkStack(netnsPath),
  };
  const vip = { protocol: 'TCP', host: at.clusterIp, port: 80 } as const;
  const byNode = { ...vip, host: at.node, port: 30007 };

  describe(`${family}: from ipvs to another mode and back`, () => {
    const logger = memoryLogger();
    const modes = createModeSwitch<(typeof names)[number]>({
      first: 'ipvs',
      names,
      open: async (name) =>
        (await loadMode(name)).open({
          family,
          clock: fakeClock(),
          logger,
          serviceCIDRs: [at.services],
          nodeIP: at.node,
          netnsPath,
          settings: { ipvs: { udpTimeout: UDP_TIMEOUT_MS } },
        }),
      clock: fakeClock(),
      logger,
    });
    const held: { readonly connection: LabConnection; readonly what: string }[] = [];
    const hold = (stage: string): void => {
      const clients = [
        ['pod1', vip],
        ['node', vip],
        ['outside', byNode],
        ['pod1', byNode],
        ['pod1', { ...vip, protocol: 'SCTP' }],
      ] as const;
      for (const [place, call] of clients) {
        const connection = sockets.connect(place, call);
        held.push({ connection, what: `${place} to ${call.protocol} ${call.host} made in ${stage}` });
      }
    };
    const assertAlive = (when: string): void => {
      for (const { connection, what } of held)
        assert.equal(connection.exchange(), connection.server, `${what}, ${when}`);
    };
    const use = async (name: (typeof names)[number]): Promise<void> => {
      modes.use(name);
      await modes.sync(state, new Set());
      assert.equal(modes.name, name);
    };
    const virtualIps = (): string[] =>
      kernel.stack
        .list('address')
        .flatMap((each) => ('address' in each && each.link === 'kube-ipvs0' ? [each.address] : []))
        .filter((address) => !address.startsWith('fe80:'));
    const ownServers = async (): Promise<number> =>
      (await kernel.ipvs.servers()).filter(({ server: { key } }) => key.family === family).length;

    endings.push({
      family,
      release: () => {
        for (const { connection } of held.splice(0)) connection.close();
      },
      isOver: async () => {
        await modes.sync(state);
        const table = { family: family === 'IPv4' ? 'ip' : 'ip6', name: 'portico-ipvs' } as const;
        return (await kernel.nft.table(table)) === undefined;
      },
      ownServers,
      answer: () => sockets.call('pod1', vip),
      close: async () => {
        await modes.cleanup();
        const warnings = logger.lines.filter(({ level }) => level === 'warn' || level === 'error');
        assert.deepEqual(warnings, []);
      },
    });

    it('established connections go on, whichever mode follows which, and new ones are served', async () => {
      await modes.sync(state);
      hold('ipvs');
      const udp = { ...vip, protocol: 'UDP', sourcePort: 5353 } as const;
      const first = sockets.call('pod1', udp);
      for (const name of ['nftables', 'ipvs', 'iptables', 'ipvs', 'nftables'] as const) {
        await use(name);
        assertAlive(`in ${name}`);
        await modes.sync(state);
        hold(name);
        assertAlive(`after another look in ${name}`);
        assert.equal(sockets.call('pod1', udp), first);
        assert.match(sockets.call('pod1', { ...udp, sourcePort: 5000 + held.length }), /^pod/);
      }
    });

    it('beside another mode the addresses are not the source of new connections, nor do they lead to local processes', async () => {
      assert.equal(modes.name, 'nftables');
      assert.deepEqual(virtualIps(), []);
      assert.ok((await ownServers()) > 0);
      assert.match(sockets.call('node', vip), new RegExp(`^pod[23] ${at.gateway}$`));
      sockets.serve('node', { family, protocol: 'TCP', port: 2222 });
      for (const place of ['pod1', 'node', 'outside'])
        assert.equal(sockets.call(place, { ...vip, port: 2222 }), 'ECONNREFUSED', place);
    });
  });
}

describe('once all connections have ended', () => {
  after(async () => {
    for (const each of endings) await each.close();
  });

  it('nothing is left of the ipvs mode, in both families, and the mode that came last goes on', async () => {
    for (const each of endings) each.release();
    const stack = openNetworkStack(netnsPath);
    stack.sysctl('net.netfilter.nf_conntrack_tcp_timeout_close', '1');
    stack.close();
    for (const each of endings) {
      for (const end = Date.now() + PATIENCE_MS; !(await each.isOver()); await sleep(1000))
        assert.ok(Date.now() < end, `${each.family}: ${await each.ownServers()} servers are left`);
      assert.equal(await each.ownServers(), 0);
      assert.match(each.answer(), /^pod/);
    }
  });
});
