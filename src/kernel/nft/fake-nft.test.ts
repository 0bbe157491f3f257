import assert from 'node:assert/strict';
import { it } from 'node:test';
import { contractSets } from './contract-table.ts';
import { describeNftKernel } from './contract.ts';
import { createFakeNft } from './fake-nft.ts';
import type { NftError } from './nft-kernel.ts';

describeNftKernel('fake', () => createFakeNft());

const table = { family: 'ip', name: 't' } as const;

it('the fake refuses overlapping blocks and elements that do not fit their set', async () => {
  const nft = createFakeNft();
  const { blocks, slots, verdicts } = contractSets;
  await nft.apply({
    table,
    commands: [
      { op: 'add-table' },
      ...[blocks, slots, verdicts].map((set) => ({ op: 'add-set', set }) as const),
    ],
  });
  const add = async (
    set: (typeof contractSets)[keyof typeof contractSets],
    ...keys: (string | number)[][]
  ) => {
    try {
      const elements = keys.map((key) => ({ key }));
      await nft.apply({ table, commands: [{ op: 'add-elements', set, elements }] });
      return 'ok';
    } catch (error) {
      return (error as NftError).code;
    }
  };
  assert.equal(await add(blocks, ['10.0.0.0/8'], ['10.1.0.0/16']), 'EEXIST');
  assert.equal(await add(blocks, ['ten']), 'EINVAL');
  assert.equal(await add(slots, ['10.0.0.1', 'tcp']), 'EINVAL');
  assert.equal(await add(verdicts, ['10.0.0.1', 'tcp', 80]), 'EINVAL');
  assert.equal(nft.applied.length, 1);
});
