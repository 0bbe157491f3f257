import type { Node } from '../../api/core/v1/node.ts';
import { hostBlock, parseCidr } from '../../net/cidr.ts';
import { familyOf, isLoopback, isUnspecified, parseIp } from '../../net/ip.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { KubeProxyConfiguration } from '../configuration/configuration.ts';
import { PRIMARY } from '../configuration/validation.ts';
import type { ProxyNode } from '../state/model.ts';

/** Put on a node that the cluster autoscaler is about to delete. */
const TO_BE_DELETED = 'ToBeDeletedByClusterAutoscaler';
const ZONE = 'topology.kubernetes.io/zone';

/** What the configuration says about the node. */
export type NodeSettings = Pick<
  KubeProxyConfiguration,
  | 'mode'
  | 'bindAddress'
  | 'clusterCIDR'
  | 'detectLocal'
  | 'detectLocalMode'
  | 'iptables'
  | 'nftables'
  | 'nodePortAddresses'
>;

/**
 * The node's own addresses, at most one a family and the primary one first: bindAddress unless it is unspecified, then
 * the Node's internal, then its external ones. Empty = unknown.
 */
export function nodeIPs(node: Node | undefined, bindAddress: string): readonly string[] {
  const ofType = (type: string): string[] =>
    (node?.status?.addresses ?? []).filter((a) => a.type === type).map((a) => a.address);
  const bound = parseIp(bindAddress);
  const all = [
    ...(bound === undefined || isUnspecified(bound) ? [] : [bindAddress]),
    ...ofType('InternalIP'),
    ...ofType('ExternalIP'),
  ];
  const byFamily = new Map<IpFamily, string>();
  for (const text of all) {
    const ip = parseIp(text);
    if (ip !== undefined && !byFamily.has(ip.family)) byFamily.set(ip.family, ip.text);
  }
  return [...byFamily.values()];
}

/** Blocks of one family, canonical; what is no block is left out. */
const blocksOf = (family: IpFamily, texts: readonly string[]): string[] =>
  texts
    .map((text) => parseCidr(text.trim()))
    .filter((cidr) => cidr?.family === family)
    .map((cidr) => cidr?.text ?? '');

export const podCIDRsOf = (node: Node | undefined): readonly string[] => {
  const { podCIDRs, podCIDR } = node?.spec ?? {};
  if (podCIDRs !== undefined && podCIDRs.length > 0) return podCIDRs;
  return podCIDR === undefined || podCIDR === '' ? [] : [podCIDR];
};

/** What the proxy of one family knows of its node. Without a Node (`undefined`) what it would say is unknown. */
export function proxyNode(
  settings: NodeSettings,
  {
    name,
    family,
    node,
  }: { readonly name: string; readonly family: IpFamily; readonly node: Node | undefined },
): ProxyNode {
  const { clusterCIDR, detectLocal, detectLocalMode, iptables, nftables } = settings;
  const ip = nodeIPs(node, settings.bindAddress).find((own) => familyOf(own) === family);
  const cidrs = detectLocalMode === 'NodeCIDR' ? podCIDRsOf(node) : clusterCIDR.split(',');
  const isByAddress =
    detectLocalMode === 'NodeCIDR' || detectLocalMode === 'ClusterCIDR' || detectLocalMode === '';
  const zone = node?.metadata.labels?.[ZONE];
  return {
    name,
    podCIDRs: isByAddress ? blocksOf(family, cidrs) : [],
    ...(detectLocalMode === 'BridgeInterface' && { podLinks: { bridge: detectLocal.bridgeInterface } }),
    ...(detectLocalMode === 'InterfaceNamePrefix' && {
      podLinks: { prefix: detectLocal.interfaceNamePrefix },
    }),
    ...((settings.mode === 'nftables' ? nftables : iptables).masqueradeAll && { masqueradesAll: true }),
    ...(ip !== undefined && { ip }),
    ...(zone !== undefined && zone !== '' && { zone }),
    nodePortAddresses: nodePortAddressesOf(settings, family, ip),
    ...(iptables.localhostNodePorts && { hasLocalhostNodePorts: true }),
  };
}

/** An address that is not known, or the loopback, restricts nothing. */
function nodePortAddressesOf(
  { nodePortAddresses }: NodeSettings,
  family: IpFamily,
  ip: string | undefined,
): readonly string[] {
  if (nodePortAddresses[0] !== PRIMARY) return blocksOf(family, nodePortAddresses);
  const own = ip === undefined ? undefined : parseIp(ip);
  if (own === undefined || isLoopback(own)) return [];
  return [hostBlock(own.text)];
}

/** Whether load balancers should send new connections here: the Node is not about to go. */
export function isEligible(node: Node): boolean {
  if (node.metadata.deletionTimestamp !== undefined) return false;
  return !(node.spec?.taints ?? []).some(({ key }) => key === TO_BE_DELETED);
}
