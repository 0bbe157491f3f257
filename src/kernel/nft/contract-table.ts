import type { Command, NftElement, NftSet } from './model.ts';
import { field, goto, jump } from './rule.ts';
import type { Statement } from './rule.ts';

/** Sets and maps of every kind. */
export const contractSets = {
  addresses: { name: 'addresses', key: ['ipv4_addr'] },
  blocks: { name: 'blocks', key: ['ipv4_addr'], isInterval: true },
  verdicts: { name: 'verdicts', key: ['ipv4_addr', 'inet_proto', 'inet_service'], data: 'verdict' },
  slots: {
    name: 'slots',
    key: ['ipv4_addr', 'inet_proto', 'inet_service', 'integer'],
    data: ['ipv4_addr', 'inet_service'],
  },
  ranges: {
    name: 'ranges',
    key: ['ipv4_addr', 'inet_proto', 'inet_service', 'integer'],
    data: ['ipv4_addr'],
    isInterval: true,
  },
  guards: {
    name: 'guards',
    key: ['ipv4_addr', 'inet_proto', 'inet_service'],
    data: 'verdict',
    isInterval: true,
  },
  allowed: { name: 'allowed', key: ['ipv4_addr', 'inet_service', 'ipv4_addr'], isInterval: true },
  ports: { name: 'ports', key: ['inet_proto', 'inet_service'], data: ['inet_service'] },
  clients: {
    name: 'clients',
    key: ['ipv4_addr'],
    data: ['ipv4_addr', 'inet_service'],
    dynamic: { timeoutSeconds: 60, size: 100 },
  },
  seen: { name: 'seen', key: ['ipv4_addr'], dynamic: { timeoutSeconds: 60, size: 100 } },
  marks: { name: 'marks', key: ['ipv4_addr', 'inet_proto', 'inet_service'], data: ['mark'] },
  marked: { name: 'marked', key: ['mark'] },
  counted: { name: 'counted', key: ['ipv4_addr', 'inet_proto', 'inet_service'], data: 'counter' },
  countedRanges: {
    name: 'counted-ranges',
    key: ['ipv4_addr', 'inet_proto', 'inet_service'],
    data: 'counter',
    isInterval: true,
  },
} as const satisfies Record<string, NftSet>;

/** One rule for each kind of statement the model has. */
export const everyStatement: readonly (readonly Statement[])[] = [
  [{ kind: 'match', left: field.l4proto, value: 'tcp' }, { kind: 'counter' }, jump('target')],
  [{ kind: 'match', left: field.daddr, isNegated: true, value: '127.0.0.0/8' }, goto('target')],
  [
    { kind: 'match', left: field.sport, value: 53 },
    { kind: 'verdict', verdict: { kind: 'accept' } },
  ],
  [
    { kind: 'ct', is: { key: 'state', flag: 'new' } },
    { kind: 'in-set', key: [field.saddr], set: 'addresses' },
  ],
  [{ kind: 'daddr-is-local' }, { kind: 'in-set', key: [field.saddr], isNegated: true, set: 'blocks' }],
  [{ kind: 'vmap', key: [field.daddr, field.l4proto, field.dport], map: 'verdicts' }],
  [{ kind: 'set-mark', key: [field.daddr, field.l4proto, field.dport], map: 'marks' }],
  [{ kind: 'in-set', key: [field.mark], set: 'marked' }],
  [
    { kind: 'match', left: field.iifname, value: 'veth*' },
    { kind: 'update', map: 'seen', key: [field.saddr] },
  ],
  [{ kind: 'match', left: field.iifname, isNegated: true, value: 'eth0' }],
  [
    { kind: 'ct', is: { key: 'direction', flag: 'original' } },
    { kind: 'count', key: [field.daddr, field.l4proto, field.dport], map: 'counted' },
  ],
  [
    { kind: 'ct', is: { key: 'direction', flag: 'reply' } },
    { kind: 'count', key: [field.daddr, field.l4proto, field.dport], map: 'counted-ranges' },
  ],
  [
    {
      kind: 'dnat',
      key: [field.daddr, field.l4proto, field.dport, { kind: 'numgen-random', modulus: 2 }],
      map: 'slots',
    },
  ],
  [
    {
      kind: 'dnat',
      key: [field.daddr, field.l4proto, field.dport, { kind: 'numgen-random', modulus: 3 }],
      map: 'ranges',
      isPortKept: true,
    },
  ],
  [
    { kind: 'saddr-is-local' },
    { kind: 'vmap', key: [field.daddr, field.l4proto, field.dport], map: 'guards' },
  ],
  [{ kind: 'in-set', key: [field.daddr, field.dport, field.saddr], isNegated: true, set: 'allowed' }],
  [
    { kind: 'match', left: field.l4proto, value: 'tcp' },
    { kind: 'redirect', key: [field.l4proto, field.dport], map: 'ports' },
  ],
  [
    {
      kind: 'dnat',
      key: [
        { kind: 'constant', field: 'daddr', value: '10.0.0.1' },
        field.l4proto,
        { kind: 'constant', field: 'dport', value: 80 },
        { kind: 'numgen-random', modulus: 1 },
      ],
      map: 'slots',
    },
  ],
  [
    { kind: 'ct', is: { key: 'status', flag: 'dnat' } },
    { kind: 'verdict', verdict: { kind: 'return' } },
  ],
  [
    { kind: 'one-of', left: field.l4proto, values: ['tcp', 'udp', 'sctp'] },
    {
      kind: 'vmap',
      key: [field.originalDaddr, field.l4proto, field.originalDport],
      map: 'verdicts',
    },
  ],
];

const refusals: readonly (readonly Statement[])[] = [
  [
    { kind: 'match', left: field.l4proto, value: 'tcp' },
    { kind: 'reject', with: 'tcp-reset' },
  ],
  [{ kind: 'reject', with: 'port-unreachable' }],
];

/** Two frontends of one Service port. */
export const counted: readonly NftElement[] = [
  { key: ['10.96.0.1', 'tcp', 80], data: ['ns/web/http/TCP'] },
  { key: ['10.96.0.2', 'tcp', 80], data: ['ns/web/http/TCP'] },
];

/** A table with every kind of set and rule, as a transaction's commands. */
export function everythingCommands(): Command[] {
  const addRules = (chain: string, rules: readonly (readonly Statement[])[]): Command[] =>
    rules.map((statements): Command => ({ op: 'add-rule', chain, rule: { statements, comment: 'why' } }));
  return [
    { op: 'add-table', comment: 'a table of the tests' },
    ...Object.values(contractSets).map((set): Command => ({ op: 'add-set', set })),
    { op: 'add-counters', names: ['ns/web/http/TCP', 'ns/web//TCP'] },
    { op: 'add-elements', set: contractSets.counted, elements: counted },
    { op: 'add-chain', chain: { name: 'target' } },
    {
      op: 'add-chain',
      chain: { name: 'into', base: { type: 'nat', hook: 'prerouting', priority: -100 } },
    },
    ...addRules('into', everyStatement),
    {
      op: 'add-chain',
      chain: { name: 'out', base: { type: 'nat', hook: 'postrouting', priority: 100 } },
    },
    ...addRules('out', [[{ kind: 'masquerade' }]]),
    {
      op: 'add-chain',
      chain: { name: 'pass', base: { type: 'filter', hook: 'forward', priority: 0 } },
    },
    ...addRules('pass', [
      ...refusals,
      [{ kind: 'update', map: 'clients', key: [field.saddr], data: [field.daddr, field.dport] }],
    ]),
  ];
}
