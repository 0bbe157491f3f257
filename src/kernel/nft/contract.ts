import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contractSets, counted, everyStatement, everythingCommands } from './contract-table.ts';
import { elementData, elementKey } from './model.ts';
import type { Command, NftElement, TableRef } from './model.ts';
import { NftError } from './nft-kernel.ts';
import type { NftKernel } from './nft-kernel.ts';
import { goto } from './rule.ts';

const refused =
  (code: string, what: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof NftError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, what);
    return true;
  };

const pairs = (elements: readonly NftElement[]): string[] =>
  elements.map(({ key, data }) => `${elementKey(key)} : ${elementData(data)}`).sort();

type Case = (nft: NftKernel) => Promise<void>;

const table: TableRef = { family: 'ip', name: 'contract' };
const { addresses, blocks, verdicts, slots } = contractSets;
const slotElements: readonly NftElement[] = [0, 1].map((slot) => ({
  key: ['10.96.0.1', 'tcp', 80, slot],
  data: [`10.244.0.${slot}`, 8080 + slot],
}));

/** Runs a test with the table of `everythingCommands`, and removes it. */
const withTable =
  (test: (nft: NftKernel, run: (...commands: Command[]) => Promise<void>) => Promise<void>): Case =>
  async (nft) => {
    const run = (...commands: Command[]): Promise<void> => nft.apply({ table, commands });
    await run({ op: 'add-table' }, { op: 'delete-table' }, ...everythingCommands());
    try {
      await test(nft, run);
    } finally {
      await run({ op: 'delete-table' });
    }
  };

const cases: Readonly<Record<string, Case>> = {
  'counts the transactions that changed something, and nothing else': withTable(async (nft, run) => {
    const start = await nft.generation();
    await nft.table(table);
    await nft.elements(table, addresses);
    await assert.rejects(run({ op: 'delete-chain', name: 'nobody' }));
    assert.equal(await nft.generation(), start);
    await run({
      op: 'add-elements',
      set: addresses,
      elements: [{ key: ['192.0.2.1'] }, { key: ['192.0.2.2'] }],
    });
    await run({ op: 'delete-elements', set: addresses, elements: [{ key: ['192.0.2.1'] }] });
    assert.equal(await nft.generation(), start + 2);
  }),
  'knows of no table that is not there': async (nft) => {
    assert.equal(await nft.table(table), undefined);
  },
  'says what a table consists of': withTable(async (nft) => {
    const shape = await nft.table(table);
    assert.equal(shape?.comment, 'a table of the tests');
    assert.deepEqual([...(shape?.nRules ?? [])].sort(), [
      ['into', everyStatement.length],
      ['out', 1],
      ['pass', 3],
    ]);
    const names = Object.values(contractSets).map((set) => set.name);
    assert.deepEqual([...(shape?.sets ?? [])].sort(), names.sort());
  }),
  'gives back the elements of sets, maps and verdict maps': withTable(async (nft, run) => {
    const verdictElements: NftElement[] = [
      { key: ['10.96.0.1', 'udp', 53], data: { kind: 'jump', chain: 'target' } },
      { key: ['10.96.0.2', 'sctp', 5060], data: { kind: 'goto', chain: 'target' } },
      { key: ['10.96.0.3', 'tcp', 65535], data: { kind: 'drop' } },
    ];
    await run(
      { op: 'add-elements', set: slots, elements: slotElements },
      { op: 'add-elements', set: verdicts, elements: verdictElements },
      { op: 'add-elements', set: addresses, elements: [{ key: ['255.0.0.1'] }] },
    );
    assert.deepEqual(pairs(await nft.elements(table, slots)), pairs(slotElements));
    assert.deepEqual(pairs(await nft.elements(table, verdicts)), pairs(verdictElements));
    assert.deepEqual(pairs(await nft.elements(table, addresses)), ['255.0.0.1 : ']);
    assert.deepEqual(await nft.elements(table, contractSets.clients), []);
  }),
  'gives back blocks as they were put in, adjacent ones and the whole address space too': withTable(
    async (nft, run) => {
      const elements = ['10.244.0.0/24', '10.244.1.0/24', '192.168.4.0/22', '203.0.113.7/32'].map((key) => ({
        key: [key],
      }));
      await run({ op: 'add-elements', set: blocks, elements });
      assert.deepEqual(pairs(await nft.elements(table, blocks)), pairs(elements));
      const all = [{ key: ['0.0.0.0/0'] }];
      await run(
        { op: 'delete-elements', set: blocks, elements },
        { op: 'add-elements', set: blocks, elements: all },
      );
      assert.deepEqual(pairs(await nft.elements(table, blocks)), pairs(all));
    },
  ),
  'gives back ranges of several fields, and refuses those that overlap': withTable(async (nft, run) => {
    const { ranges, guards, allowed } = contractSets;
    const ports: NftElement[] = [
      { key: ['10.96.0.1', 'tcp', '8000-8999', 0], data: ['10.244.0.1'] },
      { key: ['10.96.0.1', 'tcp', '8000-8999', 1], data: ['10.244.0.2'] },
      { key: ['10.96.0.1', 'tcp', '9000-9007', 0], data: ['10.244.0.1'] },
      { key: ['10.96.0.1', 'udp', 53, 0], data: ['10.244.0.1'] },
    ];
    const verdict = { kind: 'goto', chain: 'target' } as const;
    const guarded: NftElement[] = [
      { key: ['10.96.0.1', 'tcp', '8000-8999'], data: verdict },
      { key: ['10.96.0.2', 'tcp', 80], data: verdict },
    ];
    const sources: NftElement[] = [
      { key: ['10.96.0.1', '8000-8999', '192.0.2.0/24'] },
      { key: ['10.96.0.1', '8000-8999', '203.0.113.7'] },
      { key: ['10.96.0.2', 80, '0.0.0.0/0'] },
    ];
    await run(
      { op: 'add-elements', set: ranges, elements: ports },
      { op: 'add-elements', set: guards, elements: guarded },
      { op: 'add-elements', set: allowed, elements: sources },
    );
    assert.deepEqual(pairs(await nft.elements(table, ranges)), pairs(ports));
    assert.deepEqual(pairs(await nft.elements(table, guards)), pairs(guarded));
    assert.deepEqual(pairs(await nft.elements(table, allowed)), pairs(sources));
    const overlapping: NftElement[] = [{ key: ['10.96.0.1', 'tcp', '8999-9000', 0], data: ['10.244.0.1'] }];
    await assert.rejects(
      run({ op: 'add-elements', set: ranges, elements: overlapping }),
      refused('EEXIST', /add element ranges/),
    );
    await run(
      { op: 'delete-elements', set: ranges, elements: ports.slice(0, 2) },
      {
        op: 'add-elements',
        set: ranges,
        elements: [{ key: ['10.96.0.1', 'tcp', '8000-8999', 0], data: ['10.244.0.9'] }],
      },
    );
    assert.ok(
      pairs(await nft.elements(table, ranges)).includes('10.96.0.1 . tcp . 8000-8999 . 0 : 10.244.0.9'),
    );
    await run({ op: 'delete-elements', set: guards, elements: guarded });
    assert.deepEqual(await nft.elements(table, guards), []);
  }),
  'keeps counters under their names, and what leads to them': withTable(async (nft, run) => {
    const zero = { packets: 0, bytes: 0 };
    const ranges: NftElement[] = [{ key: ['10.96.0.1', 'tcp', '8000-8999'], data: ['ns/web//TCP'] }];
    await run({ op: 'add-elements', set: contractSets.countedRanges, elements: ranges });
    assert.deepEqual(pairs(await nft.elements(table, contractSets.counted)), pairs(counted));
    assert.deepEqual(pairs(await nft.elements(table, contractSets.countedRanges)), pairs(ranges));
    assert.deepEqual(
      [...(await nft.counters(table))].sort(),
      ['ns/web//TCP', 'ns/web/http/TCP'].map((name) => [name, zero]),
    );
    await assert.rejects(
      run({ op: 'add-counters', names: ['ns/more', 'ns/web//TCP'] }),
      refused('EEXIST', /add counters ns\/more, …/),
    );
    await assert.rejects(
      run({ op: 'delete-counters', names: ['ns/web/http/TCP'] }),
      refused('EBUSY', /delete counters ns\/web\/http\/TCP/),
    );
    const astray: NftElement[] = [{ key: ['10.96.0.3', 'tcp', 80], data: ['nobody'] }];
    await assert.rejects(
      run({ op: 'add-elements', set: contractSets.counted, elements: astray }),
      refused('ENOENT', /add element counted/),
    );
    await run(
      { op: 'delete-elements', set: contractSets.counted, elements: counted },
      { op: 'delete-counters', names: ['ns/web/http/TCP'] },
    );
    assert.deepEqual([...(await nft.counters(table)).keys()], ['ns/web//TCP']);
    assert.deepEqual([...(await nft.counters({ family: 'ip', name: 'nowhere' })).keys()], []);
  }),
  'refuses a whole transaction for one bad command, and names it': withTable(async (nft, run) => {
    const add = (...keys: string[]): Command => ({
      op: 'add-elements',
      set: addresses,
      elements: keys.map((key) => ({ key: [key] })),
    });
    const remove = (key: string): Command => ({
      op: 'delete-elements',
      set: addresses,
      elements: [{ key: [key] }],
    });
    await run(add('10.0.0.1'));
    await assert.rejects(
      run(add('10.0.0.2'), { op: 'add-chain', chain: { name: 'more' } }, add('10.0.0.3', '10.0.0.1')),
      refused('EEXIST', /add element addresses \{ 10\.0\.0\.3, … \}/),
    );
    await assert.rejects(
      run(add('10.0.0.4'), remove('10.9.9.9')),
      refused('ENOENT', /delete element addresses \{ 10\.9\.9\.9 \}/),
    );
    await assert.rejects(
      run(add('10.0.0.5'), { op: 'delete-chain', name: 'target' }),
      refused('EBUSY', /delete chain target/),
    );
    await assert.rejects(
      run(add('10.0.0.6'), { op: 'add-rule', chain: 'target', rule: { statements: [goto('nowhere')] } }),
      refused('ENOENT', /add rule target/),
    );
    await assert.rejects(
      run(add('10.0.0.7'), { op: 'delete-set', name: 'slots' }),
      refused('EBUSY', /delete set slots/),
    );
    assert.deepEqual(pairs(await nft.elements(table, addresses)), ['10.0.0.1 : ']);
  }),
  'replaces an element, a chain’s rules and a whole table in one transaction': withTable(async (nft, run) => {
    await run({ op: 'add-elements', set: slots, elements: slotElements });
    const [first] = slotElements;
    assert.ok(first);
    const other: NftElement = { ...first, data: ['10.244.9.9', 1] };
    await run(
      { op: 'delete-elements', set: slots, elements: [first] },
      { op: 'add-elements', set: slots, elements: [other] },
      { op: 'flush-chain', name: 'pass' },
    );
    assert.ok(pairs(await nft.elements(table, slots)).includes('10.96.0.1 . tcp . 80 . 0 : 10.244.9.9 . 1'));
    assert.equal((await nft.table(table))?.nRules.has('pass'), false);
    await run({ op: 'delete-table' }, { op: 'add-table', comment: 'new' });
    assert.deepEqual(await nft.table(table), { comment: 'new', nRules: new Map(), sets: new Set() });
  }),
  'deletes a chain together with the element that led to it': withTable(async (nft, run) => {
    const elements: NftElement[] = [{ key: ['10.0.0.1', 'tcp', 1], data: { kind: 'goto', chain: 'extra' } }];
    await run({ op: 'add-chain', chain: { name: 'extra' } }, { op: 'add-elements', set: verdicts, elements });
    await run({ op: 'delete-elements', set: verdicts, elements }, { op: 'delete-chain', name: 'extra' });
    assert.deepEqual(await nft.elements(table, verdicts), []);
  }),
  'has no elements of a set that is not there': async (nft) => {
    await assert.rejects(
      nft.elements({ family: 'ip', name: 'nowhere' }, addresses),
      refused('ENOENT', /addresses/),
    );
  },
};

/** What every NftKernel must do. `open` gives one without a table `ip contract`. */
export function describeNftKernel(name: string, open: () => NftKernel): void {
  void describe(`${name}: nf_tables`, () => {
    for (const [sentence, run] of Object.entries(cases)) {
      void it(sentence, async () => {
        const nft = open();
        try {
          await run(nft);
        } finally {
          nft.close();
        }
      });
    }
  });
}
