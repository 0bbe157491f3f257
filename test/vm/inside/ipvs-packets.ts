import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { memoryLogger } from '../../../src/base/logger.ts';
import { openConntrack } from '../../../src/kernel/conntrack/open-conntrack.ts';
import type { HeldDestination, Ipvs } from '../../../src/kernel/ipvs/model.ts';
import { openIpvs } from '../../../src/kernel/ipvs/open-ipvs.ts';
import { openNft } from '../../../src/kernel/nft/open-nft.ts';
import { openNetworkStack } from '../../../src/kernel/route/network-stack.ts';
import { withStaleFlowsEnded } from '../../../src/proxy/conntrack/reconciled-mode.ts';
import { createIpvsMode, probeIpvs } from '../../../src/proxy/modes/ipvs/index.ts';
import type {
  FrontendDecision,
  ProxyEndpoint,
  ProxyMode,
  ProxyNode,
  ServicePort,
} from '../../../src/proxy/state/model.ts';
import { createPacketLab, labAddresses, podPort } from '../../../src/testing/packet-lab.ts';
import { clusterIp, nodePort, proxyState, servicePort } from '../../../src/testing/proxy-fixtures.ts';
import { createSocketLab } from '../../../src/testing/socket-lab.ts';

const lab = createPacketLab(3);
const sockets = createSocketLab((place) => lab.netns(place));
const families = ['IPv4', 'IPv6'] as const;
const pods = [1, 2, 3];
before(() => {
  /** Every refusal by ICMP shall be sent, however many there were this second. */
  const stack = openNetworkStack(lab.netns('node'));
  stack.sysctl('net.ipv4.icmp_ratelimit', '0');
  stack.sysctl('net.ipv6.icmp.ratelimit', '0');
  stack.close();
  for (const n of pods) {
    for (const family of families) {
      for (const protocol of ['TCP', 'UDP', 'SCTP'] as const) {
        sockets.serve(`pod${n}`, { family, protocol, port: podPort });
      }
      sockets.serve(`pod${n}`, { family, protocol: 'TCP', port: 8003 });
    }
  }
});
after(async () => {
  sockets.close();
  await lab.close();
});

function counts(answers: readonly string[]): Record<string, number> {
  const result: Record<string, number> = {};
  for (const answer of answers) result[answer] = (result[answer] ?? 0) + 1;
  return result;
}

for (const family of families) {
  const at = labAddresses[family];
  const external = family === 'IPv4' ? '10.96.200.1' : 'fd00:10:96::c8';
  const netnsPath = lab.netns('node');
  const kernel = {
    ipvs: openIpvs({ netnsPath }),
    nft: openNft({ netnsPath }),
    stack: openNetworkStack(netnsPath),
  };
  const logger = memoryLogger();
  const to = (...numbers: readonly number[]): ProxyEndpoint[] =>
    numbers.map((n) => ({ ip: at.pod(n), port: podPort, isLocal: n === 1 }));
  const vip = (endpoints: readonly ProxyEndpoint[], more: Partial<FrontendDecision> = {}): FrontendDecision =>
    clusterIp([at.clusterIp, 80], endpoints, more);
  const tcp = { protocol: 'TCP', host: at.clusterIp, port: 80 } as const;
  const udp = { ...tcp, protocol: 'UDP' } as const;
  const byNode = { protocol: 'TCP', host: at.node, port: 30007 } as const;
  const conntrack = openConntrack({ netnsPath });
  const open = (ipvs: Ipvs = kernel.ipvs): ProxyMode =>
    withStaleFlowsEnded(
      createIpvsMode({
        family,
        ...kernel,
        ipvs,
        conntrack,
        logger,
        kernelRelease: '6.1.0',
        serviceCIDRs: [at.services],
      }),
      { family, conntrack, logger },
    );
  const mode = open();
  let known = new Set<string>();
  let isFirst = true;
  let nodeFacts: Partial<ProxyNode> = {};
  const stateOf = (...ports: readonly ServicePort[]) =>
    proxyState(family, ports, { podCIDRs: [at.podCIDR], ip: at.node, ...nodeFacts });
  const set = async (...ports: readonly ServicePort[]): Promise<void> => {
    const state = stateOf(...ports);
    await mode.sync(state, isFirst ? undefined : new Set([...known, ...state.services.keys()]));
    isFirst = false;
    known = new Set(state.services.keys());
  };
  const web = (frontends: readonly FrontendDecision[], more: Partial<ServicePort> = {}): ServicePort =>
    servicePort('web', frontends, more);

  describe(`${family}: packets through the ipvs mode`, () => {
    before(async () => assert.deepEqual(await probeIpvs(kernel, family), { isUsable: true }));
    after(() => {
      const warnings = logger.lines.filter(({ level }) => level === 'warn' || level === 'error');
      assert.deepEqual(warnings, []);
    });

    it('spreads connections evenly, from a Pod with its own address kept, and masquerades a Pod that meets itself', async () => {
      await set(web([vip(to(1, 2, 3))]));
      assert.deepEqual(counts(sockets.calls('pod1', tcp, 30)), {
        [`pod1 ${at.gateway}`]: 10,
        [`pod2 ${at.pod(1)}`]: 10,
        [`pod3 ${at.pod(1)}`]: 10,
      });
    });

    it('serves the node itself, and masquerades what comes from outside the cluster', async () => {
      await set(web([vip(to(2))]));
      assert.equal(sockets.call('node', tcp), `pod2 ${at.gateway}`);
      assert.equal(sockets.call('outside', tcp), `pod2 ${at.gateway}`);
      await set(web([vip(to(2), { masquerade: 'never' })]));
      assert.equal(sockets.call('outside', tcp), `pod2 ${at.outside}`);
      await set(web([vip(to(2), { masquerade: 'always' })]));
      assert.equal(sockets.call('pod1', tcp), `pod2 ${at.gateway}`);
    });

    it('refuses a Service without endpoints at once, or drops, and refuses a port the Service does not have', async () => {
      const echo = servicePort('echo', [vip([])], { protocol: 'UDP' });
      await set(web([vip([])]), echo);
      for (const place of ['pod1', 'node', 'outside']) {
        assert.equal(sockets.call(place, tcp), 'ECONNREFUSED', place);
        assert.equal(sockets.call(place, udp), 'ECONNREFUSED', place);
      }
      await set(web([vip([], { whenEmpty: 'drop' })]));
      assert.equal(sockets.call('pod1', { ...tcp, timeoutMs: 400 }), 'timeout');
      await set(web([vip(to(1))]));
      assert.equal(sockets.call('pod2', { ...tcp, port: 81 }), 'ECONNREFUSED');
      assert.equal(sockets.call('node', { ...tcp, port: 81 }), 'ECONNREFUSED');
    });

    it('serves a node port on the node’s address, from outside, a Pod and the node, and an external IP', async () => {
      const outer: FrontendDecision = {
        ...vip(to(3), { masquerade: 'always' }),
        frontend: { kind: 'externalIP', ip: external, port: 80 },
      };
      await set(web([nodePort(30007, to(3)), outer]));
      for (const place of ['outside', 'pod1', 'node']) {
        assert.equal(sockets.call(place, byNode), `pod3 ${at.gateway}`, place);
        assert.equal(sockets.call(place, { ...tcp, host: external }), `pod3 ${at.gateway}`, place);
      }
      await set(web([nodePort(30007, [], { whenEmpty: 'reject' })]));
      assert.equal(sockets.call('outside', byNode), 'ECONNREFUSED');
    });

    it('serves node ports on the addresses that are named only, and on loopback for the node’s processes', async () => {
      const port = web([nodePort(30007, to(3))]);
      const bits = at.host;
      nodeFacts = { nodePortAddresses: [`${at.node}/${bits}`] };
      await set(port);
      assert.equal(sockets.call('outside', byNode), `pod3 ${at.gateway}`);
      assert.equal(sockets.call('pod1', { ...byNode, host: at.gateway }), 'ECONNREFUSED');
      const localhost = { ...byNode, host: family === 'IPv4' ? '127.0.0.1' : '::1' };
      assert.equal(sockets.call('node', localhost), 'ECONNREFUSED');
      nodeFacts = { hasLocalhostNodePorts: true };
      await set(port);
      assert.equal(sockets.call('pod1', { ...byNode, host: at.gateway }), `pod3 ${at.gateway}`);
      // The kernel lets no answer from another machine back to ::1.
      if (family === 'IPv4') {
        assert.equal(sockets.call('node', localhost), `pod3 ${at.gateway}`);
        await set(web([nodePort(30007, [], { whenEmpty: 'reject' })]));
        assert.equal(sockets.call('node', localhost), 'ECONNREFUSED');
      }
      nodeFacts = {};
      await set(port);
      assert.equal(sockets.call('node', localhost), 'ECONNREFUSED');
    });

    it('keeps the source under policy Local, and leads Pods and the node the short way to all endpoints', async () => {
      const short = { endpoints: to(2, 3), whenEmpty: 'reject', masquerade: 'off-cluster' } as const;
      await set(web([nodePort(30007, to(1), { masquerade: 'never', fromCluster: short })]));
      assert.deepEqual(counts(sockets.calls('outside', byNode, 4)), { [`pod1 ${at.outside}`]: 4 });
      const inside = { [`pod2 ${at.pod(1)}`]: 2, [`pod3 ${at.pod(1)}`]: 2 };
      assert.deepEqual(counts(sockets.calls('pod1', byNode, 4)), inside);
      const byItself = counts(sockets.calls('node', byNode, 4));
      assert.deepEqual(byItself, { [`pod2 ${at.gateway}`]: 2, [`pod3 ${at.gateway}`]: 2 });
      const none = { endpoints: [], whenEmpty: 'drop', masquerade: 'never' } as const;
      await set(web([nodePort(30007, [], { ...none, fromCluster: short })]));
      assert.equal(sockets.call('outside', { ...byNode, timeoutMs: 400 }), 'timeout');
      assert.match(sockets.call('pod1', byNode), /^pod[23] /);
    });

    it('lets in only clients inside of the source ranges', async () => {
      const only = (allowedSources: readonly string[]): ServicePort => web([vip(to(2), { allowedSources })]);
      await set(only([`${at.outside}/${at.host}`]));
      assert.equal(sockets.call('outside', tcp), `pod2 ${at.gateway}`);
      assert.equal(sockets.call('pod1', { ...tcp, timeoutMs: 400 }), 'timeout');
      assert.equal(sockets.call('node', { ...tcp, timeoutMs: 400 }), 'timeout');
      await set(only([at.podCIDR, `${at.node}/${at.host}`]));
      assert.equal(sockets.call('outside', { ...tcp, timeoutMs: 400 }), 'timeout');
      assert.equal(sockets.call('node', tcp), `pod2 ${at.gateway}`);
      assert.equal(sockets.call('pod1', tcp), `pod2 ${at.pod(1)}`);
    });

    it('keeps a client at its endpoint, at each address it calls, until that endpoint is gone', async () => {
      const short = { endpoints: to(2, 3), whenEmpty: 'reject', masquerade: 'off-cluster' } as const;
      const sticky = (...numbers: readonly number[]): ServicePort =>
        web(
          [vip(to(...numbers)), nodePort(30007, to(...numbers), { masquerade: 'never', fromCluster: short })],
          { affinitySeconds: 60 },
        );
      await set(sticky(1, 2, 3));
      const calls = [
        ['outside', tcp],
        ['outside', byNode],
        ['pod1', byNode],
      ] as const;
      for (const [place, call] of calls) {
        const first = sockets.call(place, call);
        assert.match(first, /^pod/);
        assert.deepEqual(counts(sockets.calls(place, call, 6)), { [first]: 6 });
      }
      const before = sockets.call('outside', tcp);
      await set(sticky(...pods.filter((n) => n !== Number(before[3]))));
      const next = counts(sockets.calls('outside', tcp, 4));
      assert.deepEqual(Object.values(next), [4]);
      assert.match(Object.keys(next).join(), /^pod/);
      assert.notEqual(Object.keys(next)[0], before);
    });

    it('weighs endpoints, and serves a range of ports at the port that was asked for', async () => {
      const [one, two] = to(1, 2);
      assert.ok(one && two);
      await set(web([vip([one, { ...two, weight: 3 }])]));
      const shares = counts(sockets.calls('pod3', tcp, 8));
      assert.deepEqual(shares, { [`pod1 ${at.pod(3)}`]: 2, [`pod2 ${at.pod(3)}`]: 6 });
      const range = vip(to(2), {
        frontend: { kind: 'clusterIP', ip: at.clusterIp, port: 8000, endPort: 8007 },
      });
      await set(web([range]));
      assert.equal(sockets.call('pod1', { ...tcp, port: 8003 }), `pod2 ${at.pod(1)}`);
      assert.equal(sockets.call('outside', { ...tcp, port: 8003 }), `pod2 ${at.gateway}`);
      assert.equal(sockets.call('pod1', { ...tcp, port: 8008 }), 'ECONNREFUSED');
    });

    it('serves SCTP', async () => {
      const sctp = { ...tcp, protocol: 'SCTP' } as const;
      await set(servicePort('sctp', [vip(to(2, 3)), nodePort(30007, to(3))], { protocol: 'SCTP' }));
      const inside = { [`pod2 ${at.pod(1)}`]: 2, [`pod3 ${at.pod(1)}`]: 2 };
      assert.deepEqual(counts(sockets.calls('pod1', sctp, 4)), inside);
      assert.equal(sockets.call('outside', { ...byNode, protocol: 'SCTP' }), `pod3 ${at.gateway}`);
    });

    it('moves a UDP client with a fixed port to the new endpoint, and serves one that spoke too early', async () => {
      const echo = (...numbers: readonly number[]): ServicePort =>
        servicePort('echo', [vip(to(...numbers))], { protocol: 'UDP' });
      const call = { ...udp, sourcePort: 5555 };
      await set(echo(2));
      assert.equal(sockets.call('pod1', call), `pod2 ${at.pod(1)}`);
      await set(echo(3));
      assert.equal(sockets.call('pod1', call), `pod3 ${at.pod(1)}`);
      await set(echo());
      assert.equal(sockets.call('pod1', call), 'ECONNREFUSED');
      await set(echo(2));
      assert.equal(sockets.call('pod1', call), `pod2 ${at.pod(1)}`);
    });

    it('lets connections of a removed endpoint go on, also when the whole Service is gone, and sends new ones elsewhere', async () => {
      await set(web([vip(to(2))]));
      const connection = sockets.connect('pod1', tcp);
      assert.equal(connection.server, 'pod2');
      const held = async (): Promise<HeldDestination[]> =>
        kernel.ipvs.destinations({ kind: 'address', family, protocol: 'TCP', ip: at.clusterIp, port: 80 });
      await set(web([vip(to(3))]));
      const weights = new Map((await held()).map(({ ip, weight }) => [ip, weight]));
      assert.deepEqual([weights.get(at.pod(2)), weights.get(at.pod(3))], [0, 1]);
      assert.deepEqual(counts(sockets.calls('pod1', tcp, 4)), { [`pod3 ${at.pod(1)}`]: 4 });
      assert.equal(connection.exchange(), 'pod2');
      await set();
      assert.equal(sockets.call('pod1', tcp), 'ECONNREFUSED');
      assert.equal(connection.exchange(), 'pod2');
      await open().sync(stateOf());
      assert.equal(connection.exchange(), 'pod2');
      // Another process has written since.
      isFirst = true;
      await set(web([vip(to(2))]));
      assert.equal(sockets.call('pod1', tcp), `pod2 ${at.pod(1)}`);
      assert.equal(connection.exchange(), 'pod2');
      connection.close();
    });

    it('adopts what an earlier process made without a write, and leaves others’ virtual servers alone', async () => {
      const theirs = {
        key: { kind: 'address', family, protocol: 'TCP', ip: at.node, port: 9999 },
        scheduler: 'rr',
        persistenceSeconds: 0,
      } as const;
      await kernel.ipvs.apply([{ op: 'add-server', server: theirs }]);
      const ports = [web([vip(to(1, 2)), nodePort(30007, to(1, 2))], { affinitySeconds: 60 })];
      await mode.cleanup();
      isFirst = true;
      await set(...ports);
      const nWritten: number[] = [];
      const counted: Ipvs = {
        ...kernel.ipvs,
        apply: (commands) => {
          nWritten.push(commands.length);
          return kernel.ipvs.apply(commands);
        },
      };
      const generation = await kernel.nft.generation();
      await open(counted).sync(stateOf(...ports));
      assert.deepEqual(nWritten, []);
      assert.equal(await kernel.nft.generation(), generation);
      await mode.cleanup();
      assert.deepEqual(
        (await kernel.ipvs.servers()).map(({ server }) => server).filter(({ key }) => key.family === family),
        [theirs],
      );
      await kernel.ipvs.apply([{ op: 'delete-server', key: theirs.key }]);
      const table = { family: family === 'IPv4' ? 'ip' : 'ip6', name: 'portico-ipvs' } as const;
      assert.equal(await kernel.nft.table(table), undefined);
      assert.ok(!kernel.stack.links().some(({ name }) => name === 'kube-ipvs0'));
      isFirst = true;
    });
  });
}
