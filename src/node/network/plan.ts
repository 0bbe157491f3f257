import type { NetworkObject } from '../../kernel/route/model.ts';
import { ipToBytes, parseIp } from '../../net/ip.ts';

/** What every Pod's gateway answers to: link-local, in no Pod's block, the same for all (as Calico's routed interfaces). */
export const podGateway = '169.254.1.1';
/** The node's end of every Pod's device pair; nobody ever has to ask for it. */
export const gatewayMac = 'ee:ee:ee:ee:ee:ee';

const hex = (ip: string): string => {
  const parsed = parseIp(ip);
  if (parsed === undefined) throw new Error(`not an IP address: ${ip}`);
  return Buffer.from(ipToBytes(parsed)).toString('hex');
};

/** The folder of the namespaces of a node's Pods is the node's name with this. */
export const podsSuffix = '-pods';

/** Device names have 15 characters: the address tells Pods of one node apart. */
export const podLinkName = (podIP: string): string => `pod${hex(podIP)}`;

/** `0a:58` and the address, as the CNI plugins do. */
export const podMac = (podIP: string): string => `0a:58${hex(podIP).replace(/../g, ':$&')}`;

export interface PodNetworkInput {
  readonly podIP: string;
  readonly nodeIP: string;
  /** Path of the Pod's network namespace. */
  readonly netnsPath: string;
}

/** One namespace's part of a plan, in order. */
export type NetworkPlan = readonly NetworkObject[];

/**
 * A Pod has its address alone (/32) and a route by way of the node; the node has a route to that address. There is no bridge, so that all traffic of a Pod
 * is forwarded by the node and passes its rules, also between Pods of one node and back to the Pod itself. Permanent neighbours save ARP.
 */
export function podNetworkPlan({ podIP, nodeIP, netnsPath }: PodNetworkInput): {
  readonly node: NetworkPlan;
  readonly pod: NetworkPlan;
} {
  const link = podLinkName(podIP);
  const mac = podMac(podIP);
  const peer = { name: 'eth0', netnsPath, mac };
  return {
    node: [
      { kind: 'link', name: link, create: { type: 'veth', peer }, mac: gatewayMac, isUp: true },
      { kind: 'neighbour', link, ip: podIP, mac },
      { kind: 'route', to: `${podIP}/32`, link, source: nodeIP },
    ],
    pod: [
      { kind: 'link', name: 'lo', isUp: true },
      { kind: 'link', name: 'eth0', isUp: true },
      { kind: 'address', link: 'eth0', address: `${podIP}/32` },
      { kind: 'neighbour', link: 'eth0', ip: podGateway, mac: gatewayMac },
      { kind: 'route', to: '0.0.0.0/0', via: podGateway, link: 'eth0', isOnLink: true },
    ],
  };
}

/** Settings of a node's namespace before it has Pods: it forwards, and what arrives by one way may leave by another. */
export const nodeSysctls: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.ipv4.conf.all.rp_filter': '0',
  'net.ipv4.conf.default.rp_filter': '0',
  'net.ipv4.conf.all.send_redirects': '0',
  'net.ipv4.conf.default.send_redirects': '0',
};

/**
 * Only in a namespace of our own: Linux sends a client six ICMP errors and then one a second, so that the next ones who
 * are refused would wait for an answer that never comes.
 */
export const sandboxSysctls: Readonly<Record<string, string>> = { 'net.ipv4.icmp_ratelimit': '0' };

export const fabricBridge = 'fabric';

export interface FabricInput {
  /** The sandbox's own address on the fabric with its prefix length: `172.18.0.1/16`. */
  readonly fabricAddress: string;
}

/** The network between the nodes of a sandbox: a bridge in the sandbox's first namespace. */
export function fabricPlan({ fabricAddress }: FabricInput): NetworkPlan {
  return [
    { kind: 'link', name: 'lo', isUp: true },
    { kind: 'link', name: fabricBridge, create: { type: 'bridge' }, isUp: true },
    { kind: 'address', link: fabricBridge, address: fabricAddress },
  ];
}

export interface NodeNetworkInput extends FabricInput {
  readonly nodeIP: string;
  readonly podCIDR: string;
  readonly netnsPath: string;
}

export const nodePortName = (nodeIP: string): string => `node${hex(nodeIP)}`;

/** A node of a sandbox: a port of the fabric, and everything it does not know goes to the sandbox. */
export function nodeNetworkPlan(input: NodeNetworkInput): {
  readonly fabric: NetworkPlan;
  readonly node: NetworkPlan;
} {
  const { nodeIP, podCIDR, netnsPath, fabricAddress } = input;
  const [gateway = '', prefix = ''] = fabricAddress.split('/');
  const port = nodePortName(nodeIP);
  const peer = { name: 'eth0', netnsPath };
  return {
    fabric: [{ kind: 'link', name: port, create: { type: 'veth', peer }, master: fabricBridge, isUp: true }],
    node: [
      { kind: 'link', name: 'lo', isUp: true },
      { kind: 'link', name: 'eth0', isUp: true },
      { kind: 'address', link: 'eth0', address: `${nodeIP}/${prefix}` },
      { kind: 'route', to: '0.0.0.0/0', via: gateway, link: 'eth0' },
      // What is for this node's Pods but for none that lives is refused, not sent back to the fabric.
      { kind: 'route', to: podCIDR, isUnreachable: true },
    ],
  };
}

/** A node as others reach its Pods. */
export interface NodeRoute {
  readonly name: string;
  readonly nodeIP: string;
  readonly podCIDR: string;
}

/** The routes to other nodes' Pods. Nodes without an address or a block have none. */
export function nodeRoutesPlan(nodes: readonly NodeRoute[], ownName: string): NetworkPlan {
  return nodes
    .filter((node) => node.name !== ownName && node.nodeIP !== '' && node.podCIDR !== '')
    .map((node) => ({ kind: 'route', to: node.podCIDR, via: node.nodeIP }));
}
