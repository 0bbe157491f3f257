import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { inSandbox } from '../../testing/sandbox.ts';
import { contractSets, everythingCommands } from './contract-table.ts';
import { describeNftKernel } from './contract.ts';
import type { Command, NftElement, NftFamily, NftSet } from './model.ts';
import type { NftError } from './nft-kernel.ts';
import { openNft } from './open-nft.ts';
import { renderTransaction } from './render.ts';

inSandbox(import.meta.filename);

/** The judge is a foreign program; where tests must not skip (CI) its absence is a failure. */
const hasNft = spawnSync('nft', ['--version']).error === undefined;
const skip = hasNft || process.env.CI !== undefined ? false : 'nft is not installed (package nftables)';

describeNftKernel('kernel', () => openNft());

function nft(args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync('nft', args, { input, encoding: 'utf8' });
  if (error !== undefined) throw error;
  assert.equal(status, 0, stderr);
  return stdout;
}

/** The same table for IPv6, without what only fits IPv4's short keys. */
function commandsFor(family: NftFamily): Command[] {
  if (family === 'ip') return everythingCommands();
  const key = ['ipv6_addr', 'inet_proto', 'inet_service', 'integer'] as const;
  const slots: NftSet = { name: 'slots', key, data: ['ipv6_addr', 'inet_service'] };
  const blocks: NftSet = { name: 'blocks', key: ['ipv6_addr'], isInterval: true };
  return [
    { op: 'add-table', comment: 'six' },
    { op: 'add-set', set: slots },
    { op: 'add-set', set: blocks },
    {
      op: 'add-elements',
      set: slots,
      elements: [{ key: ['fd00::1', 'udp', 53, 3], data: ['fd00::2', 5353] }],
    },
    { op: 'add-elements', set: blocks, elements: [{ key: ['fd00::/64'] }, { key: ['2001:db8::/32'] }] },
    { op: 'add-chain', chain: { name: 'in', base: { type: 'nat', hook: 'output', priority: -100 } } },
    {
      op: 'add-rule',
      chain: 'in',
      rule: {
        statements: [
          { kind: 'match', left: { kind: 'daddr' }, isNegated: true, value: 'fd00:1::/32' },
          {
            kind: 'dnat',
            key: [
              { kind: 'constant', field: 'daddr', value: 'fd00::1' },
              { kind: 'l4proto' },
              { kind: 'dport' },
              { kind: 'numgen-random', modulus: 4 },
            ],
            map: 'slots',
          },
        ],
      },
    },
    { op: 'add-chain', chain: { name: 'refuse', base: { type: 'filter', hook: 'input', priority: 0 } } },
    { op: 'add-rule', chain: 'refuse', rule: { statements: [{ kind: 'reject', with: 'port-unreachable' }] } },
  ];
}

describe('nft, the foreign judge', { skip }, () => {
  for (const family of ['ip', 'ip6'] as const) {
    it(`takes our text, and lists what we sent over netlink as what it loaded from that text (${family})`, async () => {
      const table = { family, name: 'judged' };
      const commands = commandsFor(family);
      const text = renderTransaction({ table, commands });
      nft(['-c', '-f', '-'], text);
      nft(['-f', '-'], text);
      const fromText = nft(['list', 'table', family, table.name]);
      nft(['delete', 'table', family, table.name]);
      const kernel = openNft();
      await kernel.apply({ table, commands });
      assert.equal(nft(['list', 'table', family, table.name]), fromText);
      assert.match(fromText, /numgen random mod/);
      await kernel.apply({ table, commands: [{ op: 'delete-table' }] });
      kernel.close();
    });
  }
});

describe('the kernel', () => {
  const table = { family: 'ip', name: 'many' } as const;
  const { slots } = contractSets;
  const many = (n: number): NftElement[] =>
    Array.from({ length: n }, (_, i) => ({
      key: [`10.96.${i >> 8}.${i & 255}`, 'tcp', 80, 0],
      data: [`10.244.${i >> 8}.${i & 255}`, 8080],
    }));

  it('takes 3 000 elements in one transaction: the list of a message is split before its 64 kB', async () => {
    const kernel = openNft();
    const elements = many(3000);
    await kernel.apply({
      table,
      commands: [
        { op: 'add-table' },
        { op: 'add-set', set: slots },
        { op: 'add-elements', set: slots, elements },
      ],
    });
    assert.equal((await kernel.elements(table, slots)).length, 3000);
    await assert.rejects(
      kernel.apply({ table, commands: [{ op: 'add-elements', set: slots, elements: many(3001) }] }),
      (error: NftError) => error.code === 'EEXIST',
    );
    assert.equal((await kernel.elements(table, slots)).length, 3000);
    await kernel.apply({ table, commands: [{ op: 'delete-elements', set: slots, elements }] });
    assert.deepEqual(await kernel.elements(table, slots), []);
    await kernel.apply({ table, commands: [{ op: 'delete-table' }] });
    kernel.close();
  });

  it('tells what strangers wrote from what others of the process did', { skip }, async () => {
    const [one, two] = [openNft(), openNft()];
    const [all, strangers] = [await one.generation(), await one.generation('strangers')];
    const commands: readonly Command[] = [{ op: 'add-table' }, { op: 'delete-table' }];
    await two.apply({ table, commands });
    assert.equal(await one.generation(), all + 1);
    assert.equal(await one.generation('strangers'), strangers);
    assert.equal(await two.generation('strangers'), strangers + 1, 'what one wrote itself one sees');
    nft(['-f', '-'], 'table ip stranger { }; delete table ip stranger');
    assert.equal(await one.generation('strangers'), strangers + 1);
    one.close();
    two.close();
  });

  it('leaves a table of another name as it is', { skip }, async () => {
    nft(['-f', '-'], 'table ip theirs { chain c { type filter hook input priority 0; tcp dport 1 drop; }; }');
    const before = nft(['list', 'table', 'ip', 'theirs']);
    const kernel = openNft();
    await kernel.apply({ table, commands: [{ op: 'add-table' }, { op: 'delete-table' }] });
    assert.deepEqual(await kernel.table(table), undefined);
    assert.equal(nft(['list', 'table', 'ip', 'theirs']), before);
    kernel.close();
  });
});
