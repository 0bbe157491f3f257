import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { withNetns } from '../../src/kernel/netns/named-netns.ts';
import { ensureSysctl } from '../../src/kernel/route/network-stack.ts';
import { labAddresses, podPort } from '../../src/testing/packet-lab.ts';
import { inSandbox } from '../../src/testing/sandbox.ts';
import { badInput } from './bad-input-cases.ts';
import { canaryService, createCanary, NODE_PORT, slicesWith, VIPS } from './canary.ts';
import type { Callers, Canary } from './canary.ts';
import { capabilities } from './capability-cases.ts';
import type { CapabilityCase } from './capability-cases.ts';
import { remains } from './crowd.ts';
import { awaitMode } from './harms.ts';
import type { Mode } from './harms.ts';
import { createProxyLab, writeProxyConfig, writeStatus } from './proxy-lab.ts';
import type { Program, ProxyLab } from './proxy-lab.ts';
import { bothProtocols, createStage, families, nodePortOf, service, slices, vip } from './stage.ts';
import type { Expectation, Stage } from './stage.ts';

inSandbox(import.meta.filename);

const node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': 'a' } },
  status: {
    addresses: families.map((family) => ({ type: 'InternalIP', address: labAddresses[family].node })),
  },
};
/** Of the node too, and not its primary one. */
const second = { IPv4: '172.18.0.77', IPv6: 'fd00:172:18::77' } as const;
const apiFlags = [
  '--service-cluster-ip-range=10.96.0.0/12,fd00:10:96::/108',
  '--disable-admission-plugins=DenyServiceExternalIPs',
];
/** Of each caller of the canary. */
const PER_SECOND = 10;

let lab: ProxyLab;
let api: Program;
let canary: Canary;
let stage: Stage;
before(async () => {
  lab = createProxyLab(4);
  const ports = [podPort, podPort + 1];
  await Promise.all([1, 2, 3, 4].map((n) => lab.packets.serve(`pod${n}`, ...ports)));
  for (const family of families) {
    const to = `${second[family]}/${labAddresses[family].fabric}`;
    await lab.run('ip', ['address', 'add', to, 'dev', 'eth0', ...(family === 'IPv6' ? ['nodad'] : [])]);
  }
  withNetns(lab.packets.netns('node'), () => {
    // Every refusal is to be seen, however many there are at once.
    ensureSysctl('net.ipv4.icmp_ratelimit', '0');
    ensureSysctl('net.ipv6.icmp.ratelimit', '0');
  });
  api = await lab.startApi(...apiFlags);
  await lab.apply(node);
  await writeStatus(lab, node);
  canary = createCanary(lab);
  stage = createStage(lab, (...jots) => canary.write(...jots));
  await stage.put(canaryService, slicesWith('web', { ready: [2, 3] }));
});
after(async () => {
  await canary.close();
  await lab.close();
});

/** Numbers of the Services of the cases, two for each. */
const numbered = (cases: Readonly<Record<string, CapabilityCase>>, from: number) =>
  Object.entries(cases).map(([sentence, run], i) => ({ sentence, run, n: from + 2 * i }));

for (const mode of ['nftables', 'iptables', 'userspace'] as const satisfies readonly Mode[]) {
  describe(`portico proxy, mode ${mode}`, () => {
    let proxy: Program;
    let callers: Callers;
    before(async () => {
      proxy = lab.startProxy(`--config=${configure(['primary'])}`, '-v=2');
      await awaitMode({ lab, proxy }, mode);
      await stage.expect(
        ...families.flatMap((family): Expectation[] => [
          { from: 'pod1', to: VIPS[family], by: [2, 3] },
          { from: 'node', to: VIPS[family], by: [2, 3] },
          { from: 'outside', to: labAddresses[family].node, port: NODE_PORT, by: [2, 3] },
        ]),
      );
      callers = canary.call({ perSecond: PER_SECOND });
    });
    const configure = (nodePortAddresses: readonly string[]): string =>
      writeProxyConfig(lab, { mode, nodePortAddresses });

    describe('while a canary is called', { concurrency: true }, () => {
      for (const { sentence, run, n } of numbered(capabilities, 10))
        it(sentence, () => run({ ...stage, mode, n }));
      for (const { sentence, run, n } of numbered(badInput, 50))
        it(sentence, () => run({ ...stage, mode, n }));
    });

    it('serves node ports at the addresses that the file names, and at others once it is another one (C7 C15)', async () => {
      const n = 80;
      const spec = { type: 'NodePort', ports: bothProtocols(nodePortOf(n)) };
      await stage.put(service('ports-of-node', n, { spec }), slices('ports-of-node', [2]));
      const at = (
        by: Expectation['by'],
        addresses: (family: 'IPv4' | 'IPv6') => readonly string[],
        from = 'outside',
      ): Expectation[] =>
        families.flatMap((family) =>
          addresses(family).flatMap((to) =>
            (['TCP', 'UDP'] as const).map((protocol) => ({ from, to, protocol, port: nodePortOf(n), by })),
          ),
        );
      const loopback = (family: 'IPv4' | 'IPv6'): string[] => [family === 'IPv4' ? '127.0.0.1' : '::1'];
      const primary = (family: 'IPv4' | 'IPv6'): string[] => [labAddresses[family].node];
      const other = (family: 'IPv4' | 'IPv6'): string[] => [second[family]];
      await stage.expect(...at([2], primary), ...at('refused', other), ...at('refused', loopback, 'node'));
      configure([...families.map((f) => labAddresses[f].all), '127.0.0.0/8', '::1/128']);
      proxy.hangUp();
      await stage.expect(...at([2], primary), ...at([2], other), ...at([2], loopback, 'node'));
      configure(['primary']);
      proxy.hangUp();
      await stage.expect(...at([2], primary), ...at('refused', other), ...at('refused', loopback, 'node'));
    });

    it('answers for its health, its mode and its figures (C16)', async () => {
      const get = (url: string): Promise<string> => lab.run('curl', ['-sS', '--fail', `http://${url}`]);
      assert.match(await get('127.0.0.1:10256/healthz'), /"nodeEligible": ?true/);
      assert.match(await get(`${labAddresses.IPv4.node}:10256/livez`), /"currentTime"/);
      assert.equal(await get('127.0.0.1:10249/proxyMode'), mode);
      assert.match(await get('127.0.0.1:10249/explain/default/web'), /is used$/m);
      const metrics = await get('127.0.0.1:10249/metrics');
      for (const family of families)
        assert.match(
          metrics,
          new RegExp(
            `^kubeproxy_sync_proxy_rules_duration_seconds_count\\{ip_family="${family}"\\} [1-9]`,
            'm',
          ),
        );
    });

    it('goes on while the API server is killed, and learns what it missed (C1)', async () => {
      const n = 82;
      await stage.put(service('later', n), slices('later', [2]));
      const by = (pod: number): Promise<void> =>
        stage.expect(...families.map((family) => ({ from: 'pod1', to: vip(family, n), by: [pod] })));
      await by(2);
      await api.kill('SIGKILL');
      await by(2);
      api = await lab.startApi(...apiFlags);
      await stage.put(slices('later', [3]));
      await by(3);
    });

    it('disturbed nobody else meanwhile', async () => {
      const { n, failures, notes } = await callers.stop();
      assert.deepEqual(
        failures,
        {},
        `of ${n} connections\n${notes.join('\n')}\n${proxy.output().slice(-3000)}`,
      );
    });

    it('started again, with flags in place of a file, makes good what it missed (C13 C15)', async () => {
      const n = 84;
      const asked = (by: Expectation['by']): Expectation[] =>
        families.map((family) => ({
          ...({ from: 'pod1', to: vip(family, n), protocol: 'UDP', sourcePort: 40_100, by } as const),
        }));
      await stage.put(service('missed', n), slices('missed', [2]));
      await stage.expect(...asked([2]));
      await proxy.kill('SIGKILL');
      await stage.put(slices('missed', [3]));
      proxy = lab.startProxy(
        `--kubeconfig=${lab.kubeconfig}`,
        `--proxy-mode=${mode}`,
        `--cluster-cidr=${families.map((family) => labAddresses[family].podCIDR).join()}`,
        `--nodeport-addresses=${families.map((f) => `${second[f]}/${labAddresses[f].host}`).join()}`,
      );
      await stage.expect(...asked([3]));
      const ports = (by: Expectation['by'], to: (family: 'IPv4' | 'IPv6') => string): Expectation[] =>
        families.map((family) => ({ from: 'outside', to: to(family), port: nodePortOf(80), by }));
      await stage.expect(
        ...ports([2], (family) => second[family]),
        ...ports('refused', (family) => labAddresses[family].node),
      );
    });

    it('leaves its rules when it ends, and nothing after a cleanup (C16)', async () => {
      await proxy.kill('SIGTERM');
      assert.equal(await proxy.ended, 0);
      if (mode !== 'userspace')
        await stage.expect({ from: 'pod1', to: vip('IPv4', 84), protocol: 'UDP', by: [3] });
      // In the backend that is not in use, as an earlier proxy left them there.
      if (mode === 'iptables')
        for (const restore of ['iptables-legacy-restore', 'ip6tables-legacy-restore'])
          await lab.run('env', ['XTABLES_LOCKFILE=/dev/null', restore, '--noflush'], LEFT_OVER);
      const cleanup = lab.startProxy('--cleanup');
      assert.equal(await cleanup.ended, 0, cleanup.output());
      assert.equal(await remains(lab), '');
    });
  });
}

const LEFT_OVER = `*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -j KUBE-SVC-AAAAAAAAAAAAAAAA
COMMIT
`;
