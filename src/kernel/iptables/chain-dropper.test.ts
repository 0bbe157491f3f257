import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IpFamily } from '../../net/ip.ts';
import { inSandbox } from '../../testing/sandbox.ts';
import type { ChainDrop, Iptables } from './iptables.ts';
import { findProgram, openIptables } from './open-iptables.ts';

inSandbox(import.meta.filename);

const isInstalled = findProgram('IPv4', 'nft', 'restore') !== undefined;
const skip = isInstalled || process.env.CI !== undefined ? false : 'iptables is not installed';

const addresses = { IPv4: '10.96.0.1/32', IPv6: 'fd00:10:96::1/128' } as const;

for (const family of ['IPv4', 'IPv6'] as const) {
  describe(`${family}: dropping chains and what leads there`, { skip }, () => {
    const iptables = openIptables({ family, backend: 'nft' });
    const drop = (chains: readonly string[], nJumps: number): ChainDrop => ({
      table: 'nat',
      chains,
      from: ['WAYS', 'OTHER-WAYS'],
      nJumps,
    });
    const dropped = (...wanted: Parameters<typeof drop>): Promise<boolean> | undefined =>
      iptables.dropChains?.(drop(...wanted));

    it('takes the jumps and the chains, with their rules, and nothing else', async () => {
      await write(iptables, [':WAYS - [0:0]', ':OTHER-WAYS - [0:0]', ...chain('ONE'), ...chain('TWO')]);
      const before = await lines(iptables);
      await write(iptables, [...chain('GONE'), ...jumps(family, 'GONE')]);
      assert.equal(await dropped(['GONE'], 2), true);
      assert.deepEqual(await lines(iptables), before);
    });

    it('finds jumps that were written after it has looked', async () => {
      await write(iptables, jumps(family, 'ONE'));
      const before = await lines(iptables);
      for (const name of ['NEW', 'NEWER', 'NEW']) {
        await write(iptables, [...chain(name), ...jumps(family, name)]);
        assert.equal(await dropped([name], 2), true);
        assert.deepEqual(await lines(iptables), before);
      }
    });

    it('looks again when somebody has written the chains anew', async () => {
      await write(iptables, [':WAYS - [0:0]', ':OTHER-WAYS - [0:0]', ...jumps(family, 'TWO')]);
      await write(iptables, jumps(family, 'ONE'));
      assert.equal(await dropped(['ONE'], 2), true);
      assert.equal(await dropped(['TWO'], 2), true);
      assert.deepEqual(await lines(iptables), []);
    });

    it('does nothing where there are more ways than it was told of, or fewer', async () => {
      await write(iptables, [...chain('KEPT'), ...jumps(family, 'KEPT')]);
      const before = await lines(iptables);
      assert.equal(await dropped(['KEPT'], 1), false);
      assert.equal(await dropped(['KEPT'], 3), false);
      assert.deepEqual(await lines(iptables), before);
    });

    it('does nothing where a rule of somebody else leads there', async () => {
      await write(iptables, [':THEIRS - [0:0]', '-A THEIRS -j KEPT']);
      const before = await lines(iptables);
      assert.equal(await dropped(['KEPT'], 2), false);
      assert.deepEqual(await lines(iptables), before);
    });

    it('hears of a refusal at the end of very many chains', async () => {
      const names = Array.from({ length: 400 }, (_, i) => `MANY-${i}`);
      const ways = names.map((name) => `-I WAYS -d ${addresses[family]} -j ${name}`);
      for (let i = 0; i < names.length; i += 200)
        await write(iptables, [...names.slice(i, i + 200).flatMap(chain), ...ways.slice(i, i + 200)]);
      await write(iptables, [`-A THEIRS -j ${names.at(-1)}`]);
      const before = await lines(iptables);
      assert.equal(await dropped(names, names.length), false);
      assert.deepEqual(await lines(iptables), before);
      await write(iptables, [`-D THEIRS -j ${names.at(-1)}`]);
      assert.equal(await dropped(names, names.length), true);
    });

    it('does nothing where a chain is not there', async () => {
      const before = await lines(iptables);
      assert.equal(await dropped(['KEPT', 'NOBODY'], 2), false);
      assert.deepEqual(await lines(iptables), before);
    });
  });
}

const write = (iptables: Iptables, all: readonly string[]): Promise<void> =>
  iptables.restore(['*nat', ...all, 'COMMIT', ''].join('\n'));

const chain = (name: string): string[] => [`:${name} - [0:0]`, `-A ${name} -j RETURN`];

const jumps = (family: IpFamily, name: string): string[] => [
  `-I WAYS -d ${addresses[family]} -p tcp -m comment --comment "a way" -m tcp --dport 80 -j ${name}`,
  `-I OTHER-WAYS -p udp -m udp --dport 53 -j ${name}`,
];

/** Rules in chains that lead somewhere, and those of the chains themselves. */
async function lines(iptables: Iptables): Promise<string[]> {
  const text = await iptables.save('nat');
  return text
    .split('\n')
    .filter((line) => line.startsWith('-A'))
    .sort();
}
