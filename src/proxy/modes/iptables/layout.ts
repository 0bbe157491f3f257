import type { Match, Rule, TableName } from '../../../kernel/iptables/model.ts';
import { renderRule } from '../../../kernel/iptables/render.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { ProxyNode } from '../../state/model.ts';
import { loopback, nodePortPlaces, offClusterChain, podSources } from './sources.ts';

/** `table CHAIN`. */
export type ChainRef = `${TableName} ${string}`;

export interface LayoutOptions {
  readonly family: IpFamily;
  readonly node: ProxyNode;
  /** The packet mark that asks for masquerading, one bit. */
  readonly mark: number;
  /** Packets out of their connection's window are not dropped: the kernel is told to take them. */
  readonly isConntrackLiberal: boolean;
}

/** What stands beside the Services' own rules; rules as text. */
export interface Layout {
  /** Rules of built-in chains that lead to ours, in the order in which they are put at the head. */
  readonly jumps: readonly { readonly at: ChainRef; readonly rule: string }[];
  /** Whole chains of ours. */
  readonly chains: ReadonlyMap<ChainRef, readonly string[]>;
  /** Last rules of a chain whose others are Services'. */
  readonly tails: ReadonlyMap<ChainRef, readonly string[]>;
}

export const canary = 'KUBE-PROXY-CANARY';
/** A flush of one of these tables takes the canary in it away. */
export const canaryTables = ['mangle', 'nat', 'filter'] as const;
/** A kubelet has this one too, with the same rule. */
export const kubeletFirewall = 'KUBE-FIREWALL';

const isNew: Match = { kind: 'ctstate', states: ['NEW'] };
const comment = (text: string): Match => ({ kind: 'comment', text });
const jumpTo = (chain: string): Rule['target'] => ({ kind: 'jump', chain });

const portals = 'kubernetes service portals';
const external = 'kubernetes externally-visible service portals';
const firewall = 'kubernetes load balancer firewall';

/** From, to, words, and whether only first packets are led there: upstream's list, later ones end up above. */
const jumpTable: readonly (readonly [ChainRef, string, string, boolean])[] = [
  ['filter INPUT', 'KUBE-EXTERNAL-SERVICES', external, true],
  ['filter FORWARD', 'KUBE-EXTERNAL-SERVICES', external, true],
  // Not upstream's: the node's own processes are refused like everybody.
  ['filter OUTPUT', 'KUBE-EXTERNAL-SERVICES', external, true],
  ['filter INPUT', 'KUBE-NODEPORTS', 'kubernetes health check service ports', false],
  ['filter FORWARD', 'KUBE-SERVICES', portals, true],
  ['filter OUTPUT', 'KUBE-SERVICES', portals, true],
  ['filter FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules', false],
  ['filter INPUT', 'KUBE-PROXY-FIREWALL', firewall, true],
  ['filter OUTPUT', 'KUBE-PROXY-FIREWALL', firewall, true],
  ['filter FORWARD', 'KUBE-PROXY-FIREWALL', firewall, true],
  ['nat OUTPUT', 'KUBE-SERVICES', portals, false],
  ['nat PREROUTING', 'KUBE-SERVICES', portals, false],
  ['nat POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules', false],
];

/** Every rule of a built-in chain that we or an earlier kube-proxy may have put there leads to one of these. */
export const jumpTargets: ReadonlySet<string> = new Set([
  ...jumpTable.map(([, to]) => to),
  'KUBE-PORTALS-CONTAINER',
  'KUBE-PORTALS-HOST',
  'KUBE-NODEPORT-CONTAINER',
  'KUBE-NODEPORT-HOST',
]);

/** All chains of ours that are no Service's. */
export const ownChains: readonly ChainRef[] = [
  'nat KUBE-SERVICES',
  'nat KUBE-NODEPORTS',
  'nat KUBE-POSTROUTING',
  'nat KUBE-MARK-MASQ',
  `nat ${offClusterChain}`,
  'filter KUBE-SERVICES',
  'filter KUBE-EXTERNAL-SERVICES',
  'filter KUBE-FORWARD',
  'filter KUBE-NODEPORTS',
  'filter KUBE-PROXY-FIREWALL',
  ...canaryTables.map((table): ChainRef => `${table} ${canary}`),
];

/** Where node ports answer. They come last, since frontends with an address come first. */
function nodePortTail({ family, node }: LayoutOptions): Rule[] {
  const matches: Match[] = [
    comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain'),
    { kind: 'addrtype', side: 'dst', type: 'LOCAL' },
  ];
  return nodePortPlaces(node, family).map((place) => ({
    ...place,
    matches,
    target: jumpTo('KUBE-NODEPORTS'),
  }));
}

function postrouting(mark: number): Rule[] {
  return [
    { matches: [{ kind: 'mark', value: mark, mask: mark, isNegated: true }], target: { kind: 'return' } },
    // A packet that comes by again is not to be masqueraded again.
    { target: { kind: 'mark', value: mark, mask: 0 } },
    {
      matches: [comment('kubernetes service traffic requiring SNAT')],
      target: { kind: 'masquerade', isRandomFully: true },
    },
  ];
}

function forward(mark: number, isConntrackLiberal: boolean): Rule[] {
  return [
    ...(isConntrackLiberal
      ? []
      : [{ matches: [{ kind: 'ctstate', states: ['INVALID'] }], target: { kind: 'drop' } } as const]),
    {
      matches: [comment('kubernetes forwarding rules'), { kind: 'mark', value: mark, mask: mark }],
      target: { kind: 'accept' },
    },
    {
      matches: [
        comment('kubernetes forwarding conntrack rule'),
        { kind: 'ctstate', states: ['RELATED', 'ESTABLISHED'] },
      ],
      target: { kind: 'accept' },
    },
  ];
}

/** With route_localnet others could reach what listens on 127.0.0.1: they may not. */
function localnetFirewall({ family, node }: LayoutOptions): [ChainRef, Rule[]][] {
  if (family === 'IPv6' || node.hasLocalhostNodePorts !== true) return [];
  const value = loopback.IPv4;
  const answers: Match = { kind: 'ctstate', states: ['RELATED', 'ESTABLISHED', 'DNAT'], isNegated: true };
  return [
    [
      `filter ${kubeletFirewall}`,
      [
        {
          source: { value, isNegated: true },
          destination: { value },
          matches: [comment('block incoming localnet connections'), answers],
          target: { kind: 'drop' },
        },
      ],
    ],
  ];
}

function offCluster({ family, node }: LayoutOptions): [ChainRef, Rule[]][] {
  const pods = podSources(node, family);
  if (pods.length < 2) return [];
  const inside = pods.map((each): Rule => ({ ...each, target: { kind: 'return' } }));
  return [[`nat ${offClusterChain}`, [...inside, { target: { kind: 'jump', chain: 'KUBE-MARK-MASQ' } }]]];
}

/** The fixed part of the tables, which depends on the node alone. */
export function layoutOf(options: LayoutOptions): Layout {
  const { family, mark, isConntrackLiberal } = options;
  const text = (rule: Rule): string => renderRule(rule, family);
  const kubelet = localnetFirewall(options);
  const chains: [ChainRef, readonly Rule[]][] = [
    ...canaryTables.map((table): [ChainRef, Rule[]] => [`${table} ${canary}`, []]),
    ['nat KUBE-POSTROUTING', postrouting(mark)],
    ['nat KUBE-MARK-MASQ', [{ target: { kind: 'mark', value: mark, mask: mark } }]],
    ...offCluster(options),
    ['filter KUBE-FORWARD', forward(mark, isConntrackLiberal)],
    ...kubelet,
  ];
  const guards = kubelet.length > 0 ? (['filter INPUT', 'filter OUTPUT'] as const) : [];
  return {
    jumps: [
      ...jumpTable.map(([at, chain, words, isFirstOnly]) => ({
        at,
        rule: text({
          matches: [...(isFirstOnly ? [isNew] : []), comment(words)],
          target: { kind: 'jump', chain },
        }),
      })),
      ...guards.map((at) => ({ at, rule: text({ target: { kind: 'jump', chain: kubeletFirewall } }) })),
    ],
    chains: new Map(chains.map(([ref, rules]) => [ref, rules.map(text)])),
    tails: new Map([['nat KUBE-SERVICES', nodePortTail(options).map(text)]]),
  };
}
