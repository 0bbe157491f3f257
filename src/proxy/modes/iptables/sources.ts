import type { Match, Rule } from '../../../kernel/iptables/model.ts';
import { cidrContains, parseCidr } from '../../../net/cidr.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { ProxyNode } from '../../state/model.ts';

/** Marks what does not come from any of several blocks of Pods: a rule can deny one block only. */
export const offClusterChain = 'KUBE-MARK-MASQ-OFF-CLUSTER';

/** The blocks of a list that belong to the family. */
export function blocksOf(family: IpFamily, blocks: readonly string[]): string[] {
  return blocks.filter((block) => parseCidr(block)?.family === family);
}

export const loopback = { IPv4: '127.0.0.0/8', IPv6: '::1/128' } as const;

function isInside(inner: string, outer: string): boolean {
  const [a, b] = [parseCidr(inner), parseCidr(outer)];
  return (
    a !== undefined &&
    b !== undefined &&
    b.prefix <= a.prefix &&
    cidrContains(b, { ...a, value: a.base, text: '' })
  );
}

/** Which local addresses serve node ports: those of one of these. Empty = none. */
export function nodePortPlaces(node: ProxyNode, family: IpFamily): Pick<Rule, 'destination'>[] {
  const own = loopback[family];
  const isServed = node.hasLocalhostNodePorts === true;
  const everywhere = isServed ? {} : { destination: { value: own, isNegated: true } };
  const asked = blocksOf(family, node.nodePortAddresses);
  if (asked.length === 0) return [everywhere];
  return asked
    .filter((block) => isServed || !isInside(block, own))
    .map((value) => (isInside(own, value) && value !== own ? everywhere : { destination: { value } }));
}

function devicePattern(links: NonNullable<ProxyNode['podLinks']>): string {
  return 'bridge' in links ? links.bridge : `${links.prefix}+`;
}

/** What a packet from a Pod looks like: one of these. Empty = nobody knows. */
export function podSources(node: ProxyNode, family: IpFamily): Pick<Rule, 'source' | 'in'>[] {
  if (node.podLinks !== undefined) return [{ in: { value: devicePattern(node.podLinks) } }];
  return blocksOf(family, node.podCIDRs).map((value) => ({ source: { value } }));
}

/** What a packet of the node itself looks like. */
export const isFromNode: Match = { kind: 'addrtype', side: 'src', type: 'LOCAL' };

/** The rule, still without a frontend, that marks what comes from outside of the cluster; undefined = Pods are not known. */
export function outsideTarget(node: ProxyNode, family: IpFamily): Rule | undefined {
  const [first, ...others] = podSources(node, family);
  if (first === undefined) return undefined;
  if (others.length > 0) return { target: { kind: 'jump', chain: offClusterChain } };
  const target = { kind: 'jump', chain: 'KUBE-MARK-MASQ' } as const;
  const { source, in: device } = first;
  return {
    ...(source === undefined ? {} : { source: { ...source, isNegated: true } }),
    ...(device === undefined ? {} : { in: { ...device, isNegated: true } }),
    target,
  };
}
