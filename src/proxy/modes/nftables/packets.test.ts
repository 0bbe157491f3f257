import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryLogger } from '../../../base/logger.ts';
import { openConntrack } from '../../../kernel/conntrack/open-conntrack.ts';
import { withNetns } from '../../../kernel/netns/named-netns.ts';
import { openNft } from '../../../kernel/nft/open-nft.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { createPacketLab, labAddresses, podPort } from '../../../testing/packet-lab.ts';
import type { PacketLab } from '../../../testing/packet-lab.ts';
import { inSandbox } from '../../../testing/sandbox.ts';
import type { FrontendDecision, ProxyEndpoint, ProxyMode, ServicePort } from '../../state/model.ts';
import { clusterIp, nodePort, proxyState, servicePort } from '../../../testing/proxy-fixtures.ts';
import { createNftablesMode, probeNftables } from './index.ts';

inSandbox(import.meta.filename);

let lab: PacketLab;
before(async () => {
  lab = createPacketLab(3);
  await Promise.all([1, 2, 3].map((n) => lab.serve(`pod${n}`)));
});
after(() => lab.close());

interface Proxy extends ProxyMode {
  /** Makes these the only Service ports, as one change. */
  readonly set: (...ports: readonly ServicePort[]) => Promise<void>;
  readonly warnings: () => unknown[];
}

function openProxy(family: IpFamily): Proxy {
  const netnsPath = lab.netns('node');
  const logger = memoryLogger();
  const mode = createNftablesMode({
    family,
    nft: openNft({ netnsPath }),
    conntrack: openConntrack({ netnsPath }),
    logger,
    serviceCIDRs: [labAddresses[family].services],
  });
  let known = new Set<string>();
  let isFirst = true;
  return {
    sync: (state, changed) => mode.sync(state, changed),
    cleanup: () => mode.cleanup(),
    set: async (...ports) => {
      const state = proxyState(family, ports, { podCIDRs: [labAddresses[family].podCIDR] });
      const changed = new Set([...known, ...state.services.keys()]);
      await mode.sync(state, isFirst ? undefined : changed);
      isFirst = false;
      known = new Set(state.services.keys());
    },
    warnings: () => logger.lines.filter(({ level }) => level === 'warn'),
  };
}

const counts = (answers: readonly string[]): Record<string, number> => {
  const result: Record<string, number> = {};
  for (const answer of answers) result[answer] = (result[answer] ?? 0) + 1;
  return result;
};

for (const family of ['IPv4', 'IPv6'] as const) {
  const at = labAddresses[family];
  const to = (...pods: readonly number[]): ProxyEndpoint[] =>
    pods.map((n) => ({ ip: at.pod(n), port: podPort, isLocal: true }));
  const vip = (endpoints: readonly ProxyEndpoint[], more: Partial<FrontendDecision> = {}): FrontendDecision =>
    clusterIp([at.clusterIp, 80], endpoints, more);
  const tcp = { protocol: 'TCP', host: at.clusterIp, port: 80 } as const;
  const udp = { protocol: 'UDP', host: at.clusterIp, port: 80 } as const;
  const echo = (endpoints: readonly ProxyEndpoint[]): ServicePort =>
    servicePort('echo', [vip(endpoints)], { protocol: 'UDP' });

  describe(`${family}: packets through the nftables mode`, () => {
    let proxy: Proxy;
    before(async () => {
      const nft = openNft({ netnsPath: lab.netns('node') });
      assert.deepEqual(await probeNftables(nft, family), { isUsable: true });
      nft.close();
      proxy = openProxy(family);
    });
    after(async () => {
      assert.deepEqual(proxy.warnings(), []);
      await proxy.cleanup();
    });

    it('spreads connections evenly over the endpoints, from a Pod with its own address kept', async () => {
      await proxy.set(servicePort('web', [vip(to(1, 2, 3))]));
      const answers = counts(await lab.call('pod1', { ...tcp, n: 120 }));
      const {
        [`pod1 ${at.gateway}`]: hairpin = 0,
        [`pod2 ${at.pod(1)}`]: two = 0,
        [`pod3 ${at.pod(1)}`]: three = 0,
      } = answers;
      assert.equal(hairpin + two + three, 120, JSON.stringify(answers));
      for (const n of [hairpin, two, three]) assert.ok(n >= 20, JSON.stringify(answers));
    });

    it('serves the node itself, and masquerades what comes from outside the cluster', async () => {
      await proxy.set(servicePort('web', [vip(to(2))]));
      assert.deepEqual(await lab.call('node', tcp), [`pod2 ${at.gateway}`]);
      assert.deepEqual(await lab.call('outside', tcp), [`pod2 ${at.gateway}`]);
      await proxy.set(servicePort('web', [vip(to(2), { masquerade: 'never' })]));
      assert.deepEqual(await lab.call('outside', tcp), [`pod2 ${at.outside}`]);
      await proxy.set(servicePort('web', [vip(to(2), { masquerade: 'always' })]));
      assert.deepEqual(await lab.call('pod1', tcp), [`pod2 ${at.gateway}`]);
    });

    it('refuses a Service without endpoints at once, from Pods, the node and outside', async () => {
      await proxy.set(servicePort('web', [vip([])]), echo([]));
      for (const place of ['pod1', 'node', 'outside']) {
        assert.deepEqual(await lab.call(place, { ...tcp, n: 5 }), Array(5).fill('ECONNREFUSED'), place);
        assert.deepEqual(await lab.call(place, { ...udp, timeoutMs: 2000 }), ['ECONNREFUSED'], place);
      }
      await proxy.set(servicePort('web', [vip([], { whenEmpty: 'drop' })]));
      assert.deepEqual(await lab.call('pod1', { ...tcp, timeoutMs: 300 }), ['timeout']);
    });

    it('refuses a port the Service does not have, and drops what has no Service', async () => {
      await proxy.set(servicePort('web', [vip(to(1))]));
      assert.deepEqual(await lab.call('pod2', { ...tcp, port: 81 }), ['ECONNREFUSED']);
      assert.deepEqual(await lab.call('node', { ...tcp, port: 81 }), ['ECONNREFUSED']);
      const unknown = at.clusterIp.replace(/1$/, '9');
      assert.deepEqual(await lab.call('pod2', { ...tcp, host: unknown, timeoutMs: 300 }), ['timeout']);
    });

    it('serves a node port on the node’s address, from outside, a Pod and the node, and refuses it without endpoints', async () => {
      const host = at.node;
      await proxy.set(servicePort('web', [nodePort(30007, to(3))]));
      for (const place of ['outside', 'pod1', 'node']) {
        assert.deepEqual(await lab.call(place, { ...tcp, host, port: 30007 }), [`pod3 ${at.gateway}`], place);
      }
      await proxy.set(servicePort('web', [nodePort(30007, to(3), { masquerade: 'never' })]));
      assert.deepEqual(await lab.call('outside', { ...tcp, host, port: 30007 }), [`pod3 ${at.outside}`]);
      await proxy.set(servicePort('web', [nodePort(30007, [], { whenEmpty: 'drop' })]));
      assert.deepEqual(await lab.call('outside', { ...tcp, host, port: 30007, timeoutMs: 300 }), ['timeout']);
    });

    it('keeps a client at its endpoint through every frontend, until the timeout or the endpoint’s end', async () => {
      const all = to(1, 2, 3);
      const web = (seconds: number, endpoints: readonly ProxyEndpoint[]): ServicePort =>
        servicePort('web', [vip(endpoints), nodePort(30007, endpoints)], { affinitySeconds: seconds });
      await proxy.set(web(60, all));
      const [first = ''] = await lab.call('outside', tcp);
      assert.deepEqual(counts(await lab.call('outside', { ...tcp, n: 20 })), { [first]: 20 });
      const byNode = { ...tcp, host: at.node, port: 30007, n: 10 };
      assert.deepEqual(counts(await lab.call('outside', byNode)), { [first]: 10 });
      const gone = Number(/pod(\d)/.exec(first)?.[1]);
      const others = all.filter(({ ip }) => ip !== at.pod(gone));
      await proxy.set(web(60, others));
      const after = await lab.call('outside', { ...tcp, n: 5 });
      assert.equal(new Set(after).size, 1);
      assert.notEqual(after[0], first);
      // Forgotten clients are dealt out anew: sooner or later another one of three answers.
      await proxy.set(web(1, all));
      const [before = ''] = await lab.call('outside', tcp);
      for (let i = 0, answer = before; answer === before; i++) {
        assert.ok(i < 40, `${before} still answers after ${i} pauses longer than the timeout`);
        await sleep(1300);
        answer = (await lab.call('outside', tcp))[0] ?? '';
      }
    });

    it('moves a UDP client with a fixed port to the new endpoint, and serves one that spoke too early', async () => {
      const call = { ...udp, sourcePort: 5555 };
      await proxy.set(echo(to(2)));
      assert.deepEqual(await lab.call('pod1', call), [`pod2 ${at.pod(1)}`]);
      await proxy.set(echo(to(3)));
      assert.deepEqual(await lab.call('pod1', call), [`pod3 ${at.pod(1)}`]);
      await proxy.set(echo([]));
      assert.deepEqual(await lab.call('pod1', call), ['ECONNREFUSED']);
      await proxy.set();
      assert.deepEqual(await lab.call('pod1', { ...call, timeoutMs: 200 }), ['timeout']);
      await proxy.set(echo(to(2)));
      assert.deepEqual(await lab.call('pod1', call), [`pod2 ${at.pod(1)}`]);
      const early = nodePort(30053, to(3));
      const atNode = { ...call, host: at.node, port: 30053, sourcePort: 5556, timeoutMs: 5000 };
      assert.deepEqual(await lab.call('outside', atNode), ['ECONNREFUSED']);
      await proxy.set(servicePort('echo', [early], { protocol: 'UDP' }));
      assert.deepEqual(await lab.call('outside', atNode), [`pod3 ${at.gateway}`]);
    });

    it('adopts the table of an earlier process without a write, and another process’s table is left alone', async () => {
      const web = servicePort('web', [vip(to(1, 2)), nodePort(30007, to(1, 2))], { affinitySeconds: 60 });
      await proxy.set(web);
      const [before = ''] = await lab.call('outside', tcp);
      const nft = openNft({ netnsPath: lab.netns('node') });
      const writes: number[] = [];
      const counted = {
        ...nft,
        apply: (transaction: Parameters<typeof nft.apply>[0]) => {
          writes.push(transaction.commands.length);
          return nft.apply(transaction);
        },
      };
      const conntrack = openConntrack({ netnsPath: lab.netns('node') });
      const logger = memoryLogger();
      const serviceCIDRs = [at.services];
      const next = createNftablesMode({ family, nft: counted, conntrack, logger, serviceCIDRs });
      await next.sync(proxyState(family, [web], { podCIDRs: [at.podCIDR] }));
      assert.deepEqual(writes, []);
      assert.deepEqual(counts(await lab.call('outside', { ...tcp, n: 10 })), { [before]: 10 });
      await next.sync(proxyState(family, [echo(to(1))], { podCIDRs: [at.podCIDR] }));
      assert.deepEqual(await lab.call('outside', tcp), ['ECONNREFUSED']);
      assert.deepEqual(await lab.call('pod2', udp), [`pod1 ${at.pod(2)}`]);
      conntrack.close();
      nft.close();
    });

    it('heals a table somebody tore: flushed rules, a missing table', async () => {
      const table = `${family === 'IPv4' ? 'ip' : 'ip6'} portico`;
      const web = servicePort('web', [vip(to(2))]);
      const tears = [`flush chain ${table} services`, `delete table ${table}`];
      for (const tear of tears) {
        const again = openProxy(family);
        await again.set(web);
        // Another process: the mode does not look for what its own one writes.
        const { status, stderr } = withNetns(lab.netns('node'), () => spawnSync('nft', [tear]));
        assert.equal(status, 0, String(stderr));
        assert.notDeepEqual(await lab.call('pod1', { ...tcp, timeoutMs: 200 }), [`pod2 ${at.pod(1)}`]);
        await again.sync(proxyState(family, [web], { podCIDRs: [at.podCIDR] }));
        assert.deepEqual(await lab.call('pod1', tcp), [`pod2 ${at.pod(1)}`]);
      }
    });
  });
}
