import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openIpvs } from '../../src/kernel/ipvs/open-ipvs.ts';
import { labAddresses, podPort } from '../../src/testing/packet-lab.ts';
import { createSocketLab } from '../../src/testing/socket-lab.ts';
import { NODE_PORT, VIPS, canaryService, slicesWith } from '../proxy/canary.ts';
import { remains } from '../proxy/crowd.ts';
import { createProxyLab, writeProxyConfig, writeStatus } from '../proxy/proxy-lab.ts';
import type { Program } from '../proxy/proxy-lab.ts';

const lab = createProxyLab(3);
const sockets = createSocketLab((place) => lab.packets.netns(place));
const families = ['IPv4', 'IPv6'] as const;
const PATIENCE_MS = 120_000;
const node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1' },
  status: {
    addresses: families.map((family) => ({ type: 'InternalIP', address: labAddresses[family].node })),
  },
};

describe('portico proxy in the ipvs mode, a program on a node, on an API server', () => {
  let proxy: Program;
  const eventually = async (what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> => {
    const end = Date.now() + PATIENCE_MS;
    while (!(await isTrue())) {
      assert.ok(Date.now() < end, `not in time: ${what}\n${proxy.output()}`);
      await sleep(100);
    }
  };
  /** Who answers a Pod, the node and a machine outside, in both families; each once. */
  const answers = (): string[] =>
    families.flatMap((family) => {
      const inside = { protocol: 'TCP', host: VIPS[family], port: 80 } as const;
      const outside = { protocol: 'TCP', host: labAddresses[family].node, port: NODE_PORT } as const;
      const all = [
        sockets.call('pod1', inside),
        sockets.call('node', inside),
        sockets.call('outside', outside),
      ];
      return all.map((answer) => answer.split(' ')[0] ?? '');
    });
  const areFrom = (pod: number) => () => answers().every((answer) => answer === `pod${pod}`);
  const get = (url: string): Promise<string> => lab.run('curl', ['-sS', `http://127.0.0.1:${url}`]);
  const servers = async (): Promise<readonly string[]> => {
    const ipvs = openIpvs({ netnsPath: lab.packets.netns('node') });
    const found = await ipvs.servers();
    ipvs.close();
    return found.map(({ server }) => server.scheduler);
  };
  const start = async (...flags: readonly string[]): Promise<void> => {
    const config = writeProxyConfig(lab, {
      mode: 'ipvs',
      ipvs: { scheduler: 'wrr' },
      perServiceMetrics: true,
    });
    proxy = lab.startProxy(`--config=${config}`, ...flags);
    await proxy.says('"msg":"proxy mode"');
  };

  before(async () => {
    for (const n of [2, 3])
      for (const family of families) sockets.serve(`pod${n}`, { family, protocol: 'TCP', port: podPort });
    await lab.startApi('--service-cluster-ip-range=10.96.0.0/12,fd00:10:96::/108');
    await lab.apply(node, canaryService, ...slicesWith('web', { ready: [2] }));
    await writeStatus(lab, node);
    await start();
  });
  after(async () => {
    sockets.close();
    await lab.close();
  });

  it('serves what the API server has, and follows its changes', async () => {
    await eventually('the first endpoint', areFrom(2));
    await lab.apply(...slicesWith('web', { ready: [3] }));
    await eventually('the other one', areFrom(3));
  });

  it('does as its configuration says', async () => {
    assert.deepEqual([...new Set(await servers())], ['wrr']);
  });

  it('answers for its health, its mode and its figures', async () => {
    assert.match(await get('10256/healthz'), /"nodeEligible":true,"healthy":true/);
    assert.match(await get('10256/livez'), /"healthy":true/);
    assert.equal(await get('10249/proxyMode'), 'ipvs');
    await eventually('the counters', async () =>
      /^portico_service_connections_total\{namespace="default",name="web",.*ip_family="IPv6"\} [1-9]/m.test(
        await get('10249/metrics'),
      ),
    );
    assert.match(
      await get('10249/metrics'),
      /^kubeproxy_sync_proxy_rules_duration_seconds_count\{ip_family="IPv4"\} [1-9]/m,
    );
  });

  it('leaves what it made when it is killed, takes it over, and follows what changed meanwhile', async () => {
    await proxy.kill('SIGKILL');
    assert.ok(areFrom(3)());
    await lab.apply(...slicesWith('web', { ready: [2] }));
    await start();
    await eventually('what changed', areFrom(2));
  });

  it('leaves its rules when it ends, and nothing after a cleanup', async () => {
    await proxy.kill('SIGTERM');
    assert.ok(areFrom(2)());
    const cleanup = lab.startProxy('--cleanup');
    assert.equal(await cleanup.ended, 0, cleanup.output());
    assert.deepEqual(await servers(), []);
    assert.equal(await remains(lab), '');
  });
});
