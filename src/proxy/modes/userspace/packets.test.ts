import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { realClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { openConntrack } from '../../../kernel/conntrack/open-conntrack.ts';
import { enterNetns } from '../../../kernel/netns/named-netns.ts';
import { openNft } from '../../../kernel/nft/open-nft.ts';
import { createPacketLab, labAddresses, podPort } from '../../../testing/packet-lab.ts';
import type { PacketLab } from '../../../testing/packet-lab.ts';
import { inSandbox } from '../../../testing/sandbox.ts';
import type { Frontend, Protocol, ServicePort } from '../../state/model.ts';
import { createNetfilterCapture } from './netfilter-capture.ts';
import { setsOf } from './netfilter-table.ts';
import { createUserspaceMode } from './userspace-mode.ts';
import type { UserspaceMode } from './userspace-mode.ts';

inSandbox(import.meta.filename);

const families = ['IPv4', 'IPv6'] as const;
const NODE_PORT = 30007;
let lab: PacketLab;

before(async () => {
  lab = createPacketLab(3);
  await Promise.all([1, 2, 3].map((n) => lab.serve(`pod${n}`)));
  // The proxy is a process of the node.
  enterNetns(lab.netns('node'));
});
after(() => lab.close());

for (const family of families) {
  const { clusterIp, node, pod } = labAddresses[family];

  const servicePort = (protocol: Protocol, pods: readonly number[], affinitySeconds = 0): ServicePort => {
    const frontends: Frontend[] = [
      { kind: 'clusterIP', ip: clusterIp, port: 80 },
      { kind: 'nodePort', port: NODE_PORT },
    ];
    const endpoints = pods.map((n) => ({ ip: pod(n), port: podPort, isLocal: true }));
    return {
      id: `default/web:/${protocol}`,
      namespace: 'default',
      name: 'web',
      portName: '',
      protocol,
      affinitySeconds,
      frontends: frontends.map((frontend) => ({
        frontend,
        endpoints,
        whenEmpty: 'reject',
        masquerade: 'always',
      })),
    };
  };

  describe(`the userspace proxy behind netfilter, ${family}`, () => {
    let mode: UserspaceMode;
    const set = (...ports: readonly ServicePort[]): Promise<void> =>
      mode.sync(
        {
          family,
          node: { name: 'node-1', podCIDRs: [], nodePortAddresses: [] },
          services: new Map(ports.map((port) => [port.id, port])),
        },
        new Set(['default/web:/TCP', 'default/web:/UDP']),
      );
    const call = (
      place: string,
      what: { protocol?: 'TCP' | 'UDP'; host?: string; port?: number; n?: number; sourcePort?: number } = {},
    ) => lab.call(place, { protocol: 'TCP', host: clusterIp, port: 80, ...what });
    /** The client the Pods see is the proxy: the node. */
    const names = (answers: readonly string[]): string[] =>
      answers.map((answer) => answer.split(' ')[0] ?? '');
    before(async () => {
      const capture = createNetfilterCapture({
        family,
        nft: openNft(),
        conntrack: openConntrack(),
        address: node,
      });
      mode = createUserspaceMode({ capture, clock: realClock, logger: silentLogger });
      await mode.sync({
        family,
        node: { name: 'node-1', podCIDRs: [], nodePortAddresses: [] },
        services: new Map(),
      });
    });
    after(async () => {
      await mode.cleanup();
      mode.close();
    });

    it('a Pod, the node and a machine outside go round the endpoints', async () => {
      await set(servicePort('TCP', [1, 2, 3]));
      for (const place of ['pod1', 'node', 'outside']) {
        const answers = names(await call(place, { n: 6 }));
        assert.deepEqual([...answers].sort(), ['pod1', 'pod1', 'pod2', 'pod2', 'pod3', 'pod3'], place);
      }
    });

    it('a node port answers on the node’s address', async () => {
      await set(servicePort('TCP', [2]));
      assert.deepEqual(names(await call('outside', { host: node, port: NODE_PORT })), ['pod2']);
      assert.deepEqual(names(await call('pod1', { host: node, port: NODE_PORT })), ['pod2']);
    });

    it('an endpoint that does not listen is passed over', async () => {
      const port = servicePort('TCP', [1]);
      const dead = port.frontends.map((f) => ({
        ...f,
        endpoints: [{ ip: pod(1), port: 1, isLocal: true }, ...f.endpoints],
      }));
      await set({ ...port, frontends: dead });
      assert.deepEqual(names(await call('pod2', { n: 4 })), ['pod1', 'pod1', 'pod1', 'pod1']);
    });

    it('a client keeps its endpoint, by whichever address it comes', async () => {
      await set(servicePort('TCP', [1, 2, 3], 60));
      for (const place of ['pod1', 'outside'])
        assert.equal(new Set(names(await call(place, { n: 6 }))).size, 1);
    });

    it('no endpoint is refused at once, and served again when one comes', async () => {
      await set(servicePort('TCP', []), servicePort('UDP', []));
      for (const place of ['pod1', 'node', 'outside']) {
        assert.deepEqual(await call(place), ['ECONNREFUSED'], place);
        assert.deepEqual(await call(place, { protocol: 'UDP' }), ['ECONNREFUSED'], place);
      }
      await set(servicePort('TCP', [3]));
      assert.deepEqual(names(await call('pod1')), ['pod3']);
    });

    it('other rules of the node, and what somebody else wrote, are put right without a new table', async () => {
      const nft = openNft();
      const table = { family: family === 'IPv4' ? 'ip' : 'ip6', name: 'portico-userspace' } as const;
      const port = servicePort('TCP', [2]);
      const guarded = port.frontends.map((f) => ({
        ...f,
        allowedSources: [
          `${pod(1)}/${family === 'IPv4' ? 24 : 64}`,
          `${pod(3)}/${family === 'IPv4' ? 32 : 128}`,
        ],
      }));
      const services = new Map([[port.id, { ...port, frontends: guarded }]]);
      const sync = (nodePortAddresses: readonly string[]): Promise<void> =>
        mode.sync({ family, node: { name: 'node-1', podCIDRs: [], nodePortAddresses }, services });
      const outside = { host: node, port: NODE_PORT };
      /** A table that somebody makes of its name would have other numbers. */
      const handles = (): string =>
        execFileSync('nft', ['-a', 'list', 'chains', table.family])
          .toString()
          .match(/chain prerouting .*/)?.[0] ?? '';
      await sync([]);
      const before = handles();
      assert.match(before, /handle/);
      const elsewhere = family === 'IPv4' ? ['192.0.2.0/24', '192.0.2.0/25'] : ['fd00:9::/64', 'fd00:9::/65'];
      await sync(elsewhere);
      assert.deepEqual(await call('outside', outside), ['ECONNREFUSED']);
      await sync([`${node}/${family === 'IPv4' ? 32 : 128}`]);
      assert.deepEqual(names(await call('outside', outside)), ['pod2']);
      const set = setsOf(table.family).services;
      await nft.apply({
        table,
        commands: [{ op: 'delete-elements', set, elements: [{ key: [clusterIp, 'tcp', 80] }] }],
      });
      await sync([]);
      assert.deepEqual(names(await call('pod3')), ['pod2']);
      assert.equal(handles(), before);
      nft.close();
    });

    it('UDP is answered from the virtual IP, and a client that keeps its port moves with the endpoints', async () => {
      await set(servicePort('UDP', [1]));
      const udp = { protocol: 'UDP', sourcePort: 5353 } as const;
      assert.deepEqual(names(await call('pod2', udp)), ['pod1']);
      await set(servicePort('UDP', [3]));
      assert.deepEqual(names(await call('pod2', udp)), ['pod3']);
      await set();
      await set(servicePort('UDP', [1]));
      assert.deepEqual(names(await call('pod2', udp)), ['pod1']);
    });
  });
}
