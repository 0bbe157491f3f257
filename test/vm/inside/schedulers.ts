import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fakeClock } from '../../../src/base/clock.ts';
import { memoryLogger } from '../../../src/base/logger.ts';
import { schedulers } from '../../../src/kernel/ipvs/model.ts';
import type { Scheduler } from '../../../src/kernel/ipvs/model.ts';
import { loadMode } from '../../../src/proxy/modes/registry.ts';
import type { ProxyMode } from '../../../src/proxy/state/model.ts';
import { createPacketLab, labAddresses, podPort } from '../../../src/testing/packet-lab.ts';
import { clusterIp, proxyState, servicePort } from '../../../src/testing/proxy-fixtures.ts';
import { createSocketLab } from '../../../src/testing/socket-lab.ts';

const lab = createPacketLab(3);
const sockets = createSocketLab((place) => lab.netns(place));
const families = ['IPv4', 'IPv6'] as const;
/** One client is sent to one endpoint by these: by its address, or by that of the Service. */
const byHash: readonly Scheduler[] = ['sh', 'dh'];

before(() => {
  for (const n of [2, 3])
    for (const family of families) sockets.serve(`pod${n}`, { family, protocol: 'TCP', port: podPort });
});
after(async () => {
  sockets.close();
  await lab.close();
});

for (const family of families) {
  const at = labAddresses[family];
  const call = { protocol: 'TCP', host: at.clusterIp, port: 80 } as const;
  const state = (...pods: readonly (readonly [number, weight?: number])[]) => {
    const to = pods.map(([n, weight]) => ({
      ip: at.pod(n),
      port: podPort,
      isLocal: true,
      ...(weight === undefined ? {} : { weight }),
    }));
    return proxyState(family, [servicePort('web', [clusterIp([at.clusterIp, 80], to)])], {
      podCIDRs: [at.podCIDR],
      ip: at.node,
    });
  };
  const answers = (n: number): string[] =>
    sockets.calls('pod1', call, n).map((text) => text.split(' ')[0] ?? '');

  describe(`${family}: each scheduler, with packets`, () => {
    const logger = memoryLogger();
    let mode: ProxyMode | undefined;
    const open = async (scheduler: Scheduler): Promise<ProxyMode> =>
      (mode = await (
        await loadMode('ipvs')
      ).open({
        family,
        clock: fakeClock(),
        logger,
        serviceCIDRs: [at.services],
        nodeIP: at.node,
        netnsPath: lab.netns('node'),
        settings: { ipvs: { scheduler } },
      }));
    after(async () => {
      await mode?.cleanup();
      const warnings = logger.lines.filter(({ level }) => level === 'warn' || level === 'error');
      assert.deepEqual(warnings, []);
    });

    for (const scheduler of schedulers) {
      it(`${scheduler} reaches the endpoints, and only the one that stays when the other is removed`, async () => {
        const { sync } = await open(scheduler).then((opened) => ({ sync: opened.sync.bind(opened) }));
        await sync(state([2], [3]));
        const seen = new Set(answers(8));
        for (const name of seen) assert.match(name, /^pod[23]$/);
        if (byHash.includes(scheduler)) assert.equal(seen.size, 1);
        if (scheduler === 'rr' || scheduler === 'wrr') assert.equal(seen.size, 2);
        await sync(state([3]));
        assert.deepEqual(new Set(answers(4)), new Set(['pod3']));
        await sync(state([2]));
        assert.deepEqual(new Set(answers(4)), new Set(['pod2']));
      });
    }

    it('wrr and wlc send more to a heavier endpoint, rr and lc become those for it', async () => {
      for (const scheduler of ['rr', 'wrr'] as const) {
        const opened = await open(scheduler);
        await opened.sync(state([2], [3, 3]));
        assert.equal(answers(8).filter((name) => name === 'pod3').length, 6);
      }
    });

    it('sends a connection to the least busy one with lc, and goes on with those of a removed endpoint', async () => {
      const opened = await open('lc');
      await opened.sync(state([2]));
      const held = [1, 2, 3].map(() => sockets.connect('pod1', call));
      await opened.sync(state([2], [3]));
      assert.equal(sockets.call('pod1', call), `pod3 ${at.pod(1)}`);
      await opened.sync(state([3]));
      for (const connection of held) {
        assert.equal(connection.exchange(), 'pod2');
        connection.close();
      }
      assert.deepEqual(new Set(answers(3)), new Set(['pod3']));
    });
  });
}
