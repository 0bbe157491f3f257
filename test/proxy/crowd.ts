import { setTimeout as sleep } from 'node:timers/promises';
import { podPort } from '../../src/testing/packet-lab.ts';
import { serviceWith, slicesWith } from './canary.ts';
import type { Canary } from './canary.ts';
import type { Jot } from './pen.probe.ts';
import type { ProxyLab } from './proxy-lab.ts';

/** Objects handed to the server at a time. */
const AT_ONCE = 500;
const PATIENCE_MS = 600_000;

const addressOf = (i: number): string => `10.97.${i >> 8}.${i & 255}`;

async function isServed(lab: ProxyLab, host: string): Promise<boolean> {
  const answers = await lab.packets.call('pod1', { protocol: 'TCP', host, port: 80, timeoutMs: 1500 });
  return answers.join().startsWith('pod');
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !(await isSo()); await sleep(200))
    if (Date.now() > end) throw new Error(`it took too long until ${what}`);
}

/** So many other Services come, and go again once all of them are served. */
export async function comeAndGo(lab: ProxyLab, canary: Canary, nServices: number): Promise<void> {
  const objects = Array.from({ length: nServices }, (_, i) => {
    const name = `other-${i}`;
    const spec = { clusterIP: addressOf(i), ports: [{ port: 80, targetPort: podPort }] };
    return [serviceWith(name, spec), ...slicesWith(name, { ready: [2, 3] }).slice(0, 1)];
  }).flat();
  const writeAll = async (what: Jot['do']): Promise<void> => {
    for (let i = 0; i < objects.length; i += AT_ONCE)
      await canary.write(...objects.slice(i, i + AT_ONCE).map((object) => ({ do: what, object }) as const));
  };
  const [first, last] = [addressOf(0), addressOf(nServices - 1)];
  await writeAll('put');
  await until('the last one is served', () => isServed(lab, last));
  await writeAll('remove');
  await until('the first one is gone', async () => !(await isServed(lab, first)));
  await until('the last one is gone', async () => !(await isServed(lab, last)));
}

/** What a cleanup left on the node; '' = nothing. */
export async function remains(lab: Pick<ProxyLab, 'run'>): Promise<string> {
  const found: string[] = [];
  const look = async (command: string, args: readonly string[], ours: RegExp): Promise<void> => {
    const text = await lab.run(command, args);
    found.push(
      ...text
        .split('\n')
        .filter((line) => ours.test(line))
        .map((line) => `${command}: ${line}`),
    );
  };
  await look('nft', ['list', 'ruleset'], /portico|KUBE-/);
  for (const save of [
    'iptables-legacy-save',
    'ip6tables-legacy-save',
    'iptables-nft-save',
    'ip6tables-nft-save',
  ])
    await look(save, [], /KUBE-|portico/);
  await look('ip', ['-o', 'link'], /kube-|portico/);
  await look('ip', ['-o', 'address'], /kube-|portico|10\.9[67]\.|fd00:10:96:/);
  return found.join('\n');
}
