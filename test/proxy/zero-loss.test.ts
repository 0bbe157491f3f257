import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '../../src/kernel/netns/named-netns.ts';
import { labAddresses, podPort } from '../../src/testing/packet-lab.ts';
import { inSandbox } from '../../src/testing/sandbox.ts';
import { uncovered } from '../../src/testing/coverage.ts';
import type { ConnectorReport } from './connector.probe.ts';
import { createProxyLab, writeProxyConfig, writeStatus } from './proxy-lab.ts';
import type { Program, ProxyLab } from './proxy-lab.ts';

inSandbox(import.meta.filename);

const at = labAddresses.IPv4;
const VIP = '10.96.1.1';
/** Of each case at least; a release is tried with a million. */
const CONNECTIONS = Number(process.env['PORTICO_CONNECTIONS'] ?? 4000);
/** Services that come and go. */
const SERVICES = Number(process.env['PORTICO_SERVICES'] ?? 200);
const PATIENCE_MS = 60_000;

const node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1' },
  status: { addresses: [{ type: 'InternalIP', address: at.node }] },
};

const service = (name: string, clusterIP: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', labels: { app: name === 'web' ? 'web' : 'others' } },
  spec: { clusterIP, ports: [{ port: 80, targetPort: podPort }] },
});

const slice = (name: string, pods: readonly number[]) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    name,
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': name, app: name === 'web' ? 'web' : 'others' },
  },
  addressType: 'IPv4',
  ports: [{ name: '', port: podPort, protocol: 'TCP' }],
  endpoints: pods.map((n) => ({ addresses: [at.pod(n)], nodeName: 'node-1', conditions: { ready: true } })),
});

/** Connects from Pod 1 while `harm` is done and until there were enough connections. */
async function connectDuring(lab: ProxyLab, harm: () => Promise<void>): Promise<ConnectorReport> {
  const args = [join(import.meta.dirname, 'connector.probe.ts'), VIP, '80', String(CONNECTIONS), '8'];
  const child = withNetns(lab.packets.netns('pod1'), () =>
    spawn(process.execPath, args, {
      env: { ...process.env, ...uncovered },
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  let text = '';
  child.stdout.on('data', (data) => (text += String(data)));
  const ended = once(child, 'close');
  try {
    await harm();
  } finally {
    child.stdin.end();
    await ended;
  }
  return JSON.parse(text) as ConnectorReport;
}

function assertNoLoss({ n, failures, answers }: ConnectorReport, ...names: readonly string[]): void {
  assert.deepEqual(failures, {}, `of ${n} connections`);
  assert.ok(n >= CONNECTIONS);
  for (const name of names) assert.ok((answers[name] ?? 0) > 0, `${name} answered`);
}

describe('no connection is lost to an endpoint that stays ready', { timeout: 3_600_000 }, () => {
  let lab: ProxyLab;
  let proxy: Program;
  const answer = (): Promise<string[]> =>
    lab.packets.call('pod1', { protocol: 'TCP', host: VIP, port: 80, n: 12 });
  const answeredBy = async (...pods: readonly number[]): Promise<void> => {
    const wanted = pods.map((n) => `pod${n}`).sort();
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const seen = [...new Set((await answer()).map((text) => text.split(' ')[0]))].sort();
      if (seen.join() === wanted.join()) return;
      assert.ok(Date.now() < end, `answered by ${seen.join()}, not ${wanted.join()}\n${proxy.output()}`);
      await sleep(50);
    }
  };
  const startProxy = (mode: string): Program => lab.startProxy(`--config=${writeProxyConfig(lab, { mode })}`);

  before(async () => {
    lab = createProxyLab(4);
    await Promise.all([2, 3, 4].map((n) => lab.packets.serve(`pod${n}`)));
    await lab.startApi();
    await lab.apply(node);
    await writeStatus(lab, node);
    await lab.apply(service('web', VIP), slice('web', [2, 3]));
    proxy = startProxy('nftables');
    await answeredBy(2, 3);
  });
  after(() => lab.close());

  it('while other endpoints come and go', async () => {
    const report = await connectDuring(lab, async () => {
      for (let round = 0; round < 4; round++) {
        await lab.apply(slice('web', [2, 4]));
        await answeredBy(2, 4);
        await lab.apply(slice('web', [2]));
        await answeredBy(2);
        await lab.apply(slice('web', [2, 3]));
        await answeredBy(2, 3);
      }
    });
    assertNoLoss(report, 'pod2', 'pod3', 'pod4');
  });

  it('while the proxy is killed and started again, and meets another world then', async () => {
    const report = await connectDuring(lab, async () => {
      for (const pods of [
        [2, 4],
        [2, 3],
      ] as const) {
        await proxy.kill('SIGKILL');
        await lab.apply(slice('web', pods));
        proxy = startProxy('nftables');
        await answeredBy(...pods);
      }
    });
    assertNoLoss(report, 'pod2', 'pod3', 'pod4');
  });

  it('while the proxy becomes another one, by signal and by a new start', async () => {
    const report = await connectDuring(lab, async () => {
      for (const mode of ['userspace', 'iptables', 'nftables']) {
        writeProxyConfig(lab, { mode });
        proxy.hangUp();
        await proxy.says(`"to":"${mode}"`);
        await lab.apply(slice('web', [2, 4]));
        await answeredBy(2, 4);
        await lab.apply(slice('web', [2, 3]));
        await answeredBy(2, 3);
      }
      for (const mode of ['userspace', 'nftables']) {
        await proxy.kill('SIGTERM');
        proxy = startProxy(mode);
        await answeredBy(2, 3);
      }
    });
    assertNoLoss(report, 'pod2', 'pod3');
  });

  it(`while ${SERVICES} other Services come and go; and nothing is left in the kernel after a cleanup`, async () => {
    const others = Array.from({ length: SERVICES }, (_, i) => {
      const name = `other-${i}`;
      return [service(name, `10.96.${2 + (i >> 8)}.${i & 255}`), slice(name, [3, 4])];
    });
    const report = await connectDuring(lab, async () => {
      for (let i = 0; i < others.length; i += 500) await lab.apply(...others.slice(i, i + 500).flat());
      const [last] = others.at(-1) ?? [];
      const host =
        last !== undefined && 'spec' in last && 'clusterIP' in last.spec ? last.spec.clusterIP : '';
      const isServed = async (): Promise<boolean> =>
        (await lab.packets.call('pod1', { protocol: 'TCP', host, port: 80 })).join().startsWith('pod');
      while (!(await isServed())) await sleep(100);
      const remove = [
        '--kubeconfig',
        lab.kubeconfig,
        'delete',
        'services,endpointslices',
        '-l',
        'app=others',
      ];
      await lab.run('kubectl', [...remove, '--wait=false']);
      while (await isServed()) await sleep(100);
    });
    assertNoLoss(report, 'pod2', 'pod3');
    await proxy.kill('SIGTERM');
    const cleanup = lab.startProxy('--cleanup');
    assert.equal(await cleanup.ended, 0, cleanup.output());
    // The tables that the tools of iptables make to look into stay, empty.
    assert.doesNotMatch(await lab.run('nft', ['list', 'ruleset']), /portico|KUBE-/);
    for (const save of ['iptables-legacy-save', 'ip6tables-legacy-save'])
      assert.doesNotMatch(await lab.run(save, []), /KUBE-/);
  });
});
