import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '../../src/kernel/netns/named-netns.ts';
import { modeNames } from '../../src/proxy/modes/registry.ts';
import { labAddresses } from '../../src/testing/packet-lab.ts';
import { inSandbox } from '../../src/testing/sandbox.ts';
import { createProxyLab, writeProxyConfig } from './proxy-lab.ts';
import type { Program, ProxyLab } from './proxy-lab.ts';

inSandbox(import.meta.filename);

const at = labAddresses.IPv4;
const VIP = '10.96.1.1';
const PORT = 7777;
const peer = join(import.meta.dirname, 'stream-peer.ts');

const objects = [
  { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'echo', namespace: 'default' },
    spec: { clusterIP: VIP, ports: [{ port: 80, targetPort: PORT }] },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'echo', namespace: 'default', labels: { 'kubernetes.io/service-name': 'echo' } },
    addressType: 'IPv4',
    ports: [{ name: '', port: PORT, protocol: 'TCP' }],
    endpoints: [2, 3].map((n) => ({
      addresses: [at.pod(n)],
      nodeName: 'node-1',
      conditions: { ready: true },
    })),
  },
];

/** ipvs keeps its own table of connections, and needs a kernel with it. */
const MODES = modeNames.filter((name) => name !== 'ipvs');
/** Round the modes and back again: with three of them each follows each other one. */
const WAY = [...MODES, ...MODES.slice(0, 1), ...MODES.slice(1).toReversed(), ...MODES.slice(0, 1)];

describe('a change of the proxy mode while traffic flows', () => {
  let lab: ProxyLab;
  let proxy: Program;
  const children: ChildProcess[] = [];
  const start = async (place: string, ...args: readonly string[]): Promise<() => Promise<string>> => {
    const child = withNetns(lab.packets.netns(place), () =>
      spawn(process.execPath, [peer, ...args], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    children.push(child);
    let text = '';
    child.stdout.on('data', (data) => (text += String(data)));
    await once(child.stdout, 'data');
    return async () => {
      child.stdin.end();
      await once(child, 'close');
      return text.replace('ready\n', '');
    };
  };
  const use = async (mode: string): Promise<void> => {
    writeProxyConfig(lab, { mode, bindAddress: at.node, nodePortAddresses: ['0.0.0.0/0'] });
    proxy.hangUp();
    await until(`it is ${mode}`, async () => (await modeInUse()) === mode);
  };
  const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
    for (const end = Date.now() + 60_000; !(await isSo()); await sleep(50)) {
      assert.ok(Date.now() < end, `it took too long until ${what}:\n${proxy.output()}`);
    }
  };
  const ruleset = (): Promise<string> => lab.run('nft', ['list', 'ruleset']);
  const modeInUse = (): Promise<string> => lab.run('curl', ['-sS', 'http://127.0.0.1:10249/proxyMode']);

  before(async () => {
    lab = createProxyLab(3);
    await Promise.all([2, 3].map((n) => start(`pod${n}`, 'serve', String(PORT))));
    await lab.startApi();
    await lab.apply(...objects);
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await lab.close();
  });

  it('fails no connect and ends no connection, whichever mode follows which', async () => {
    const config = writeProxyConfig(lab, { mode: WAY[0], bindAddress: at.node });
    proxy = lab.startProxy(`--config=${config}`);
    await proxy.says('proxy mode');
    await until('the rules are there', async () => (await ruleset()).includes(VIP));
    await until('it says so', async () => (await modeInUse().catch(() => '')) === WAY[0]);
    const [connecting, local] = await Promise.all([
      start('pod1', 'connect', VIP, '80'),
      start('node', 'connect', VIP, '80'),
    ]);
    const held: (() => Promise<string>)[] = [];
    for (const mode of WAY) {
      if (mode !== (await modeInUse())) await use(mode);
      held.push(await start('pod1', 'hold', VIP, '80'));
      await sleep(300);
    }
    for (const end of held) assert.match(await end(), /^\{"n":[1-9]\d*,"failures":\[\]\}\n$/, proxy.output());
    for (const end of [connecting, local]) {
      const { n, failures } = JSON.parse(await end()) as { n: number; failures: string[] };
      assert.deepEqual(failures, [], `of ${n}\n${proxy.output()}`);
      assert.ok(n > 200, `only ${n} connections`);
    }
  });

  it('takes away what another mode left, once its own rules are there, when it is started anew', async () => {
    await use('iptables');
    const connecting = await start('pod1', 'connect', VIP, '80');
    await proxy.kill('SIGTERM');
    proxy = lab.startProxy(`--config=${writeProxyConfig(lab, { mode: 'nftables', bindAddress: at.node })}`);
    await until('the old rules are gone', async () => !(await ruleset()).includes('KUBE-'));
    assert.match(await ruleset(), /table ip portico \{/);
    const { n, failures } = JSON.parse(await connecting()) as { n: number; failures: string[] };
    assert.deepEqual(failures, [], `of ${n}\n${proxy.output()}`);
  });
});
