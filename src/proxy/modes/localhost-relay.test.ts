import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { realClock } from '../../base/clock.ts';
import { memoryLogger } from '../../base/logger.ts';
import { findProgram } from '../../kernel/iptables/open-iptables.ts';
import { enterNetns, withNetns } from '../../kernel/netns/named-netns.ts';
import { ensureSysctl } from '../../kernel/route/network-stack.ts';
import { createPacketLab, labAddresses, podPort } from '../../testing/packet-lab.ts';
import type { PacketLab } from '../../testing/packet-lab.ts';
import { nodePort, proxyState, servicePort } from '../../testing/proxy-fixtures.ts';
import { inSandbox } from '../../testing/sandbox.ts';
import type { ProxyEndpoint, ProxyMode, ProxyNode, ServicePort } from '../state/model.ts';
import { withLocalhostRelay } from './localhost-relay.ts';
import type { RelayedMode } from './localhost-relay.ts';
import { loadMode } from './registry.ts';

inSandbox(import.meta.filename);

const hasIptables = findProgram('IPv4', 'nft', 'restore') !== undefined || process.env.CI !== undefined;
const PORT = 30_007;
let lab: PacketLab;
before(async () => {
  lab = createPacketLab(3);
  await Promise.all([1, 2, 3].map((n) => lab.serve(`pod${n}`)));
  withNetns(lab.netns('node'), () => ensureSysctl('net.ipv4.conf.all.route_localnet', '0'));
  // The proxy is a process of the node.
  enterNetns(lab.netns('node'));
});
after(() => lab.close());

for (const name of ['nftables', 'iptables', 'userspace'] as const) {
  for (const family of ['IPv4', 'IPv6'] as const) {
    const at = labAddresses[family];
    const host = family === 'IPv4' ? '127.0.0.1' : '::1';
    const skip = name === 'iptables' && !hasIptables ? 'iptables is not installed' : false;
    const to = (...pods: readonly number[]): ProxyEndpoint[] =>
      pods.map((n) => ({ ip: at.pod(n), port: podPort, isLocal: true }));
    const call = { protocol: 'TCP', host, port: PORT } as const;
    const pods = (answers: readonly string[]): string[] =>
      [...new Set(answers.map((answer) => answer.split(' ')[0] ?? ''))].sort();

    describe(`${name}, ${family}: node ports on ${host} where the kernel cannot serve them`, { skip }, () => {
      const logger = memoryLogger();
      let mode: ProxyMode;
      let known: Set<string> | undefined;
      const set = async (ports: readonly ServicePort[], node: Partial<ProxyNode> = {}): Promise<void> => {
        const state = proxyState(family, ports, {
          podCIDRs: [at.podCIDR],
          hasLocalhostNodePorts: true,
          ...node,
        });
        await mode.sync(
          state,
          Object.keys(node).length === 0 ? known?.union(new Set(state.services.keys())) : undefined,
        );
        known = new Set(state.services.keys());
      };
      before(async () => {
        const module = await loadMode(name);
        mode = await module.open({ family, clock: realClock, logger, serviceCIDRs: [], nodeIP: at.node });
      });
      after(async () => {
        await mode.cleanup();
        assert.deepEqual(await lab.call('node', call), ['ECONNREFUSED']);
        (mode as Partial<RelayedMode>).close?.();
        assert.deepEqual(
          logger.lines.filter(({ level }) => level === 'warn'),
          [],
        );
      });

      it('answer the node over TCP and UDP from all endpoints, beside the same port on the node’s address', async () => {
        await set([
          servicePort('web', [nodePort(PORT, to(1, 2, 3))]),
          servicePort('dns', [nodePort(PORT, to(2))], { protocol: 'UDP' }),
        ]);
        assert.deepEqual(pods(await lab.call('node', { ...call, n: 24 })), ['pod1', 'pod2', 'pod3']);
        assert.deepEqual(pods(await lab.call('node', { ...call, protocol: 'UDP' })), ['pod2']);
        assert.equal(pods(await lab.call('outside', { ...call, host: at.node, n: 3 })).length > 0, true);
      });

      it('follow the endpoints, keep clients where they were, and go the short way under policy Local', async () => {
        await set([servicePort('web', [nodePort(PORT, to(3))])]);
        assert.deepEqual(pods(await lab.call('node', { ...call, n: 3 })), ['pod3']);
        await set([servicePort('web', [nodePort(PORT, to(1, 2, 3))], { affinitySeconds: 60 })]);
        assert.equal(pods(await lab.call('node', { ...call, n: 6 })).length, 1);
        const fromCluster = { endpoints: to(2), whenEmpty: 'reject', masquerade: 'off-cluster' } as const;
        await set([
          servicePort('web', [nodePort(PORT, [], { whenEmpty: 'drop', masquerade: 'never', fromCluster })]),
        ]);
        assert.deepEqual(pods(await lab.call('node', call)), ['pod2']);
      });

      it('refuse without endpoints, without the Service, and where they are not wanted', async () => {
        await set([servicePort('web', [nodePort(PORT, [])])]);
        assert.deepEqual(await lab.call('node', call), ['ECONNREFUSED']);
        await set([servicePort('web', [nodePort(PORT, to(1))])]);
        assert.deepEqual(pods(await lab.call('node', call)), ['pod1']);
        await set([]);
        assert.deepEqual(await lab.call('node', call), ['ECONNREFUSED']);
        await set([servicePort('web', [nodePort(PORT, to(1))])], {
          nodePortAddresses: [`${at.node}/${at.host}`],
        });
        assert.deepEqual(await lab.call('node', call), ['ECONNREFUSED']);
        assert.deepEqual(pods(await lab.call('outside', { ...call, host: at.node })), ['pod1']);
        await set([servicePort('web', [nodePort(PORT, to(1))])], { nodePortAddresses: [] });
        assert.deepEqual(pods(await lab.call('node', call)), ['pod1']);
      });
    });
  }
}

describe('a mode that follows another one', () => {
  it('goes on with its listeners, without a complaint', async () => {
    const logger = memoryLogger();
    const open = (): RelayedMode => {
      const nothing: ProxyMode = { sync: () => Promise.resolve(), cleanup: () => Promise.resolve() };
      return withLocalhostRelay(nothing, { family: 'IPv6', clock: realClock, logger });
    };
    const [first, second, third] = [open(), open(), open()];
    const at = labAddresses.IPv6;
    const web = servicePort('web', [nodePort(PORT, [{ ip: at.pod(1), port: podPort, isLocal: true }])]);
    const state = proxyState('IPv6', [web], { hasLocalhostNodePorts: true });
    const answer = async (): Promise<string> =>
      (await lab.call('node', { protocol: 'TCP', host: '::1', port: PORT })).join().split(' ')[0] ?? '';
    await first.sync(state);
    await third.cleanup();
    await second.sync(state);
    await first.cleanup();
    assert.equal(await answer(), 'pod1');
    await second.sync(proxyState('IPv6', [web]));
    assert.equal(await answer(), 'ECONNREFUSED');
    await second.sync(state);
    assert.equal(await answer(), 'pod1');
    await second.cleanup();
    assert.equal(await answer(), 'ECONNREFUSED');
    assert.deepEqual(logger.lines, []);
    second.close();
  });
});

describe('a port that somebody else has', () => {
  it('is complained about once, and served as soon as it is free', async () => {
    const { createServer } = await import('node:net');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(PORT, '::1', resolve));
    const logger = memoryLogger();
    const nothing: ProxyMode = { sync: () => Promise.resolve(), cleanup: () => Promise.resolve() };
    const mode = withLocalhostRelay(nothing, { family: 'IPv6', clock: realClock, logger });
    const at = labAddresses.IPv6;
    const web = servicePort('web', [nodePort(PORT, [{ ip: at.pod(1), port: podPort, isLocal: true }])]);
    await mode.sync(proxyState('IPv6', [web], { hasLocalhostNodePorts: true }));
    await new Promise((resolve) => server.close(resolve));
    const call = { protocol: 'TCP', host: '::1', port: PORT } as const;
    for (let i = 0; i < 40; i++) {
      const [answer = ''] = await lab.call('node', call);
      if (answer.startsWith('pod1')) break;
      assert.ok(i < 39, answer);
      await realClock.sleep(250);
    }
    assert.equal(logger.lines.filter(({ level }) => level === 'warn').length, 1);
    await mode.cleanup();
    mode.close();
  });
});
