import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fakeClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { createFakeIptables } from '../../../kernel/iptables/fake-iptables.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { everyFrontend, proxyState, servicePort } from '../../../testing/proxy-fixtures.ts';
import { beforeChanges, smallChanges } from '../../../testing/small-changes.ts';
import type { ServicePort } from '../../state/model.ts';
import { createIptablesMode } from './iptables-mode.ts';
import { serviceChain } from './names.ts';

/** Compares with `golden/NAME`; with UPDATE_GOLDEN=1 writes it. */
function golden(name: string, text: string): void {
  const path = join(import.meta.dirname, 'golden', name);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, text);
  const renewal = `${name}; renew it with UPDATE_GOLDEN=1 and read the difference`;
  assert.equal(text, readFileSync(path, 'utf8'), renewal);
}

/** What is restored as the Service ports go from one list to the next. */
async function restored(family: IpFamily, ...steps: readonly (readonly ServicePort[])[]): Promise<string[]> {
  const iptables = createFakeIptables(family);
  const mode = createIptablesMode({ iptables, clock: fakeClock(), logger: silentLogger });
  const texts: string[] = [];
  let known: Set<string> | undefined;
  for (const ports of steps) {
    const state = proxyState(family, ports);
    await mode.sync(state, known?.union(new Set(state.services.keys())));
    known = new Set(state.services.keys());
    texts.push(iptables.restored.splice(0).join('# next restore\n'));
  }
  return texts;
}

for (const family of ['IPv4', 'IPv6'] as const) {
  it(`writes all tables for every kind of frontend (${family})`, async () => {
    const [text = ''] = await restored(family, everyFrontend(family));
    golden(`every-frontend.${family.toLowerCase()}.txt`, text);
  });
}

it('writes only what a change changes, each in one restore', async () => {
  const titles = Object.keys(smallChanges);
  const [, ...texts] = await restored('IPv4', beforeChanges, ...Object.values(smallChanges));
  golden('changes.ipv4.txt', texts.map((text, i) => `# ${titles[i]}\n${text}`).join('\n'));
});

it('gives chains the names that kube-proxy gives them', () => {
  // As `iptables-save` shows them on nodes of real clusters.
  const port = (name: string, portName: string, protocol: ServicePort['protocol']): ServicePort =>
    servicePort(name, [], {
      namespace: name === 'kubernetes' ? 'default' : 'kube-system',
      portName,
      protocol,
    });
  assert.deepEqual(
    [
      serviceChain('SVC', port('kubernetes', 'https', 'TCP')),
      serviceChain('SVC', port('kube-dns', 'dns', 'UDP')),
      serviceChain('SVC', port('kube-dns', 'dns-tcp', 'TCP')),
      serviceChain('SVC', port('kube-dns', 'metrics', 'TCP')),
    ],
    [
      'KUBE-SVC-NPX46M4PTMTKRN6Y',
      'KUBE-SVC-TCOU7JCQXEZGVUNU',
      'KUBE-SVC-ERIFXISQEP7F7OF4',
      'KUBE-SVC-JD5MR3NA4I4DYORP',
    ],
  );
});
