import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { memoryLogger } from '../../../base/logger.ts';
import { createFakeConntrack } from '../../../kernel/conntrack/fake-conntrack.ts';
import { createFakeNft } from '../../../kernel/nft/fake-nft.ts';
import { renderTransaction } from '../../../kernel/nft/render.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { ServicePort } from '../../state/model.ts';
import { everyFrontend, proxyState } from '../../../testing/proxy-fixtures.ts';
import { beforeChanges, smallChanges } from '../../../testing/small-changes.ts';
import { createNftablesMode } from './nftables-mode.ts';

/** Compares with `golden/NAME`; with UPDATE_GOLDEN=1 writes it. */
function golden(name: string, text: string): void {
  const path = join(import.meta.dirname, 'golden', name);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, text);
  assert.equal(
    text,
    readFileSync(path, 'utf8'),
    `${name}; renew it with UPDATE_GOLDEN=1 and read the difference`,
  );
}

/** The nft text of each transaction as the Service ports go from one list to the next. */
async function transactions(
  family: IpFamily,
  ...steps: readonly (readonly ServicePort[])[]
): Promise<string[]> {
  const nft = createFakeNft();
  const mode = createNftablesMode({ family, nft, conntrack: createFakeConntrack(), logger: memoryLogger() });
  const texts: string[] = [];
  let known = new Set<string>();
  for (const [i, ports] of steps.entries()) {
    const state = proxyState(family, ports);
    await mode.sync(state, i === 0 ? undefined : new Set([...known, ...state.services.keys()]));
    known = new Set(state.services.keys());
    texts.push(nft.applied.splice(0).map(renderTransaction).join('# next transaction\n'));
  }
  return texts;
}

for (const family of ['IPv4', 'IPv6'] as const) {
  it(`writes the whole table for every kind of frontend (${family})`, async () => {
    const [text = ''] = await transactions(family, everyFrontend(family));
    golden(`every-frontend.${family.toLowerCase()}.nft`, text);
  });
}

it('writes only what a change changes, each in one transaction', async () => {
  const titles = Object.keys(smallChanges);
  const [, ...texts] = await transactions('IPv4', beforeChanges, ...Object.values(smallChanges));
  golden('changes.ipv4.nft', texts.map((text, i) => `# ${titles[i]}\n${text}`).join('\n'));
});
