import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { realClock } from '../../../src/base/clock.ts';
import { memoryLogger } from '../../../src/base/logger.ts';
import { openIpvs } from '../../../src/kernel/ipvs/open-ipvs.ts';
import { openNft } from '../../../src/kernel/nft/open-nft.ts';
import { withServiceCounters } from '../../../src/proxy/counters/counted-mode.ts';
import { createCounterTable } from '../../../src/proxy/counters/counter-table.ts';
import { withIpvsCounts } from '../../../src/proxy/counters/ipvs-counts.ts';
import { loadMode } from '../../../src/proxy/modes/registry.ts';
import type { ProxyMode } from '../../../src/proxy/state/model.ts';
import { createPacketLab, labAddresses, podPort } from '../../../src/testing/packet-lab.ts';
import { clusterIp, nodePort, proxyState, servicePort } from '../../../src/testing/proxy-fixtures.ts';
import { createSocketLab } from '../../../src/testing/socket-lab.ts';

const lab = createPacketLab(3);
const sockets = createSocketLab((place) => lab.netns(place));
const netnsPath = lab.netns('node');
const families = ['IPv4', 'IPv6'] as const;
const NODE_PORT = 30_007;
const PATIENCE_MS = 60_000;

before(() => {
  for (const n of [2, 3])
    for (const family of families)
      for (const protocol of ['TCP', 'UDP'] as const)
        sockets.serve(`pod${n}`, { family, protocol, port: podPort });
});
after(async () => {
  sockets.close();
  await lab.close();
});

/** Waits for what comes by itself; `before` is done before each look but the first, and says what is missing. */
async function until(isSo: () => Promise<boolean>, before: () => Promise<string>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !(await isSo()); await sleep(500)) {
    const missing = await before();
    assert.ok(Date.now() < end, missing);
  }
}

for (const family of families) {
  const at = labAddresses[family];
  const to = [2, 3].map((n) => ({ ip: at.pod(n), port: podPort, isLocal: true }));
  const short = { endpoints: to, whenEmpty: 'reject', masquerade: 'off-cluster' } as const;
  const ports = [
    servicePort('web', [
      clusterIp([at.clusterIp, 80], to),
      nodePort(NODE_PORT, to, { masquerade: 'never', fromCluster: short }),
    ]),
    servicePort('echo', [clusterIp([at.clusterIp, 53], to)], { protocol: 'UDP' }),
    servicePort('empty', [clusterIp([at.clusterIp, 90], [])]),
  ];
  const state = proxyState(family, ports, { podCIDRs: [at.podCIDR], ip: at.node });
  const tcp = { protocol: 'TCP', host: at.clusterIp, port: 80 } as const;
  const udp = { protocol: 'UDP', host: at.clusterIp, port: 53 } as const;

  describe(`${family}: counters of Services in the ipvs mode`, () => {
    const nft = openNft({ netnsPath });
    const ipvs = openIpvs({ netnsPath });
    const counters = () => withIpvsCounts(createCounterTable(nft, family), { family, ipvs, nft });
    const table = counters();
    const logger = memoryLogger();
    let mode: ProxyMode;

    before(async () => {
      const options = { family, clock: realClock, logger, serviceCIDRs: [], nodeIP: at.node, netnsPath };
      mode = withServiceCounters(await (await loadMode('ipvs')).open(options), { table, logger });
      await mode.sync(state);
    });
    after(async () => {
      await mode.cleanup();
      nft.close();
      ipvs.close();
      const warnings = logger.lines.filter(({ level }) => level === 'warn' || level === 'error');
      assert.deepEqual(warnings, []);
    });

    it('equal what clients did: each datagram with its bytes, each connection, the short way too', async () => {
      const header = family === 'IPv4' ? 28 : 48;
      const answers = sockets.calls('pod1', udp, 4);
      for (const place of ['pod1', 'outside', 'node'])
        assert.match(sockets.call(place, { ...tcp, host: at.node, port: NODE_PORT }), /^pod/);
      for (const place of ['pod1', 'node']) assert.match(sockets.call(place, tcp), /^pod/);
      assert.equal(sockets.call('pod1', { ...tcp, port: 90 }), 'ECONNREFUSED');
      const read = async (name: string) => (await table.read()).get(`default/${name}`);
      const connections = async (): Promise<(number | undefined)[]> =>
        Promise.all(
          ['web//TCP', 'echo//UDP', 'empty//TCP'].map(
            async (id) => (await read(`${id}/connections`))?.packets,
          ),
        );
      // The kernel adds up what its processors have counted every two seconds.
      const isCounted = async (): Promise<boolean> => (await connections()).join() === '5,4,0';
      await until(isCounted, async () => `connections: ${(await connections()).join()}`);
      assert.deepEqual(await read('echo//UDP/to-endpoint'), {
        packets: 4,
        bytes: 4 * (header + 'hello'.length),
      });
      const length = answers.reduce((sum, answer) => sum + answer.length, 0);
      assert.deepEqual(await read('echo//UDP/to-client'), { packets: 4, bytes: 4 * header + length });
      // A connection that is made, used and reset has at least four packets one way and two the other.
      const [there, back] = [await read('web//TCP/to-endpoint'), await read('web//TCP/to-client')];
      assert.ok(
        (there?.packets ?? 0) >= 4 * 5 && (back?.packets ?? 0) >= 2 * 5,
        JSON.stringify({ there, back }),
      );
    });

    it('are there for the next process, and stay when a frontend goes and connections with it', async () => {
      const next = counters();
      await next.sync(state.services);
      const read = async (of: typeof next) => (await of.read()).get('default/web//TCP/connections')?.packets;
      assert.equal(await read(next), 5);
      const [web, ...others] = ports;
      assert.ok(web);
      const less = { ...web, frontends: web.frontends.slice(0, 1) };
      const services = new Map([less, ...others].map((port) => [port.id, port]));
      await mode.sync({ ...state, services }, new Set([web.id]));
      // Closed connections are remembered for ten seconds, and their server with them.
      const isGone = async (): Promise<boolean> =>
        !(await ipvs.servers()).some(({ server: { key } }) => key.family === family && key.kind === 'mark');
      await until(isGone, async () => {
        await mode.sync({ ...state, services });
        return 'the server of the node port stays';
      });
      assert.equal(await read(table), 5);
      assert.match(sockets.call('pod1', tcp), /^pod/);
      await until(
        async () => (await read(table)) === 6,
        async () => `connections: ${await read(table)}`,
      );
    });
  });
}
