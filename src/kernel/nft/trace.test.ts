import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contractSets } from './contract-table.ts';
import { createFakeNft } from './fake-nft.ts';
import type { Command } from './model.ts';
import { field, goto, jump } from './rule.ts';
import type { Statement } from './rule.ts';
import { trace } from './trace.ts';
import type { Packet, TraceOptions, TraceResult } from './trace.ts';

const packet: Packet = { saddr: '10.244.0.9', daddr: '10.96.0.1', l4proto: 'tcp', sport: 40000, dport: 80 };
const options: TraceOptions = {
  family: 'ip',
  origin: 'remote',
  isLocalAddress: (ip) => ip === '172.18.0.2',
  random: () => 0,
  nowMs: 0,
};

const table = { family: 'ip', name: 't' } as const;
type Rules = Readonly<Record<string, readonly (readonly Statement[])[]>>;

/** Base chains are named `type hook priority`; others by a plain word, and must come first. */
async function traced(
  rules: Rules,
  more: {
    commands?: readonly Command[];
    packets?: readonly (Partial<Packet> & Partial<TraceOptions>)[];
  } = {},
): Promise<TraceResult[]> {
  const nft = createFakeNft();
  const chains = Object.entries(rules).flatMap(([name, list]): Command[] => {
    const [type, hook, priority] = name.split(' ');
    const base = { type, hook, priority: Number(priority) } as NonNullable<
      Extract<Command, { op: 'add-chain' }>['chain']['base']
    >;
    const chain = hook === undefined ? { name } : { name, base };
    return [
      { op: 'add-chain', chain },
      ...list.map((statements): Command => ({ op: 'add-rule', chain: name, rule: { statements } })),
    ];
  });
  const sets = Object.values(contractSets).map((set): Command => ({ op: 'add-set', set }));
  await nft.apply({ table, commands: [{ op: 'add-table' }, ...sets, ...chains, ...(more.commands ?? [])] });
  return (more.packets ?? [{}]).map((each) =>
    trace(nft.ruleset, { ...packet, ...each }, { ...options, ...each }),
  );
}

const drop: Statement = { kind: 'verdict', verdict: { kind: 'drop' } };
const accept: Statement = { kind: 'verdict', verdict: { kind: 'accept' } };
const isTcp: Statement = { kind: 'match', left: field.l4proto, value: 'tcp' };
const slot = { kind: 'numgen-random', modulus: 2 } as const;
const toSlot: Statement = {
  kind: 'dnat',
  key: [field.daddr, field.l4proto, field.dport, slot],
  map: 'slots',
};
const slots: Command = {
  op: 'add-elements',
  set: contractSets.slots,
  elements: [0, 1].map((n) => ({ key: ['10.96.0.1', 'tcp', 80, n], data: [`10.244.0.${n}`, 8080] })),
};

describe('trace', () => {
  it('ends a base chain at accept, the packet at drop, and runs chains of a hook by priority', async () => {
    const [one] = await traced({
      'filter forward 10': [[drop]],
      'filter forward 0': [[isTcp, accept], [drop]],
    });
    assert.equal(one?.verdict, 'drop');
    assert.deepEqual(
      one?.path.map((step) => step.split(':')[0]),
      ['filter forward 0', 'filter forward 10'],
    );
  });

  it('comes back from jump, does not from goto, and leaves a chain at return', async () => {
    const back: Statement = { kind: 'verdict', verdict: { kind: 'return' } };
    const results = await Promise.all([
      traced({ side: [[{ kind: 'counter' }]], 'filter forward 0': [[jump('side')], [drop]] }),
      traced({ side: [[{ kind: 'counter' }]], 'filter forward 0': [[goto('side')], [drop]] }),
      traced({ side: [[back], [drop]], 'filter forward 0': [[jump('side')]] }),
    ]);
    assert.deepEqual(
      results.map(([result]) => result?.verdict),
      ['drop', 'accept', 'accept'],
    );
  });

  it('translates once, by the drawn slot, and a map without the key ends its rule', async () => {
    const packets = [{ random: () => 0 }, { random: () => 1 }, { dport: 81 }];
    const results = await traced(
      { 'nat prerouting -100': [[toSlot]], 'nat prerouting -90': [[drop]] },
      { commands: [slots], packets },
    );
    assert.deepEqual(
      results.map(({ dnat, verdict }) => [dnat?.ip, verdict]),
      [
        ['10.244.0.0', 'accept'],
        ['10.244.0.1', 'accept'],
        [undefined, 'drop'],
      ],
    );
  });

  it('passes a local process through output, and a packet for this machine through input', async () => {
    const rules: Rules = {
      'filter input 0': [[{ kind: 'reject', with: 'tcp-reset' }]],
      'filter output 0': [[isTcp, { kind: 'daddr-is-local' }, accept], [drop]],
    };
    const results = await traced(rules, {
      packets: [
        { daddr: '172.18.0.2' },
        { origin: 'local' },
        { origin: 'local', daddr: '172.18.0.2' },
        { daddr: '10.9.9.9' },
      ],
    });
    assert.deepEqual(
      results.map(({ verdict, rejectWith }) => [verdict, rejectWith]),
      [
        ['reject', 'tcp-reset'],
        ['drop', undefined],
        ['reject', 'tcp-reset'],
        ['accept', undefined],
      ],
    );
  });

  it('knows the first destination and the DNAT bit after the translation, and masquerades behind it', async () => {
    const original: Statement = { kind: 'match', left: field.originalDaddr, value: '10.96.0.1' };
    const rules: Rules = {
      'nat prerouting -100': [[toSlot]],
      'nat postrouting 100': [
        [
          { kind: 'ct', is: { key: 'state', flag: 'new' } },
          { kind: 'ct', is: { key: 'status', flag: 'dnat' } },
          original,
          { kind: 'one-of', left: field.l4proto, values: ['udp', 'tcp'] },
          { kind: 'masquerade' },
        ],
      ],
    };
    const results = await traced(rules, {
      commands: [slots],
      packets: [{}, { dport: 81 }, { daddr: '10.96.0.9' }],
    });
    assert.deepEqual(
      results.map(({ isMasqueraded }) => isMasqueraded),
      [true, false, false],
    );
  });

  it('remembers what a rule adds to a map until its time is over', async () => {
    const known: Statement = { kind: 'dnat', key: [field.saddr], map: 'clients' };
    const rules: Rules = {
      'nat prerouting -100': [[known], [toSlot]],
      'filter prerouting -90': [
        [{ kind: 'update', map: 'clients', key: [field.saddr], data: [field.daddr, field.dport] }],
      ],
    };
    const packets = [{ random: () => 1 }, { nowMs: 59_999 }, { nowMs: 119_998 }, { nowMs: 119_998 + 60_000 }];
    const results = await traced(rules, { commands: [slots], packets });
    assert.deepEqual(
      results.map(({ dnat }) => dnat?.ip),
      ['10.244.0.1', '10.244.0.1', '10.244.0.1', '10.244.0.0'],
    );
  });

  it('finds blocks, verdicts and ports in sets and maps', async () => {
    const rules: Rules = {
      target: [[drop]],
      'nat prerouting -100': [
        [{ kind: 'redirect', key: [field.l4proto, field.dport], map: 'ports' }],
        [{ kind: 'vmap', key: [field.daddr, field.l4proto, field.dport], map: 'verdicts' }],
        [{ kind: 'in-set', key: [field.saddr], isNegated: true, set: 'blocks' }, jump('target')],
      ],
    };
    const commands: Command[] = [
      { op: 'add-elements', set: contractSets.ports, elements: [{ key: ['tcp', 1], data: [2] }] },
      {
        op: 'add-elements',
        set: contractSets.verdicts,
        elements: [
          { key: ['10.96.0.1', 'tcp', 3], data: { kind: 'goto', chain: 'target' } },
          { key: ['10.96.0.1', 'tcp', 4], data: { kind: 'accept' } },
        ],
      },
      { op: 'add-elements', set: contractSets.blocks, elements: [{ key: ['10.244.0.0/16'] }] },
    ];
    const packets = [
      { dport: 1 },
      { dport: 3 },
      { dport: 4 },
      { dport: 5 },
      { dport: 5, saddr: '203.0.113.7' },
    ];
    const results = await traced(rules, { commands, packets });
    assert.deepEqual(
      results.map(({ verdict, dnat }) => [verdict, dnat?.port]),
      [
        ['accept', 2],
        ['drop', undefined],
        ['accept', undefined],
        ['accept', undefined],
        ['drop', undefined],
      ],
    );
  });
});
