import { cidrContains, parseCidr } from '../../net/cidr.ts';
import { isLoopback, parseIp } from '../../net/ip.ts';
import type { Ip } from '../../net/ip.ts';
import type { Destination, FrontendDecision, Protocol, ProxyNode, ProxyState, ServicePort } from './model.ts';

/**
 * Who opens a connection, as the node sees it: a Pod behind one of its own links, a Pod of another node, a process in the
 * node's own network, or anybody else. `source` is the address it comes with, canonical.
 */
export interface ProxyClient {
  readonly kind: 'pod-here' | 'pod-elsewhere' | 'node' | 'outside';
  readonly source: string;
}

/** The first packet of a new connection. */
export interface Attempt {
  readonly client: ProxyClient;
  readonly protocol: Protocol;
  /** Canonical. */
  readonly ip: string;
  readonly port: number;
  /** `ip` is an address of this node. Loopback addresses always are. */
  readonly isLocal: boolean;
  /** Where this client was sent before, less than the affinity's seconds ago. */
  readonly remembered?: { readonly ip: string; readonly port: number };
}

/** One place a connection may go to, as the packet then looks. */
export interface Way {
  readonly ip: string;
  readonly port: number;
  /** Share of the connections beside the other ways'. */
  readonly weight: number;
  /** The source becomes an address of the node. */
  readonly isMasqueraded: boolean;
}

/**
 * What may happen to a connection. `to`: exactly one of the ways, each possible, in the endpoints' order. `untouched`: no frontend has
 * this address and port, and with `isClusterIp` the address is some Service's cluster IP: a mode may refuse what is sent there.
 */
export type Verdict =
  | { readonly kind: 'to'; readonly ways: readonly Way[] }
  | { readonly kind: 'refused' | 'dropped' }
  | { readonly kind: 'untouched'; readonly isClusterIp: boolean };

/** A Service port and the one of its frontends that a packet meets. */
export interface Met {
  readonly service: ServicePort;
  readonly decision: FrontendDecision;
}

/**
 * The model's own answer to what may happen to a connection, by looking at everything: the measure of every mode's rules, not fast.
 * A frontend with an address beats a node port on the same address.
 */
export function verdictOf(state: ProxyState, attempt: Attempt): Verdict {
  const met = frontendMet(state, attempt);
  if (met === undefined) return { kind: 'untouched', isClusterIp: isClusterIp(state, attempt.ip) };
  const { decision, service } = met;
  const source = parsed(attempt.client.source);
  if (decision.allowedSources !== undefined && !isInside(decision.allowedSources, source)) {
    return { kind: 'dropped' };
  }
  const destination = destinationFor(decision, state.node, attempt.client);
  if (destination.endpoints.length === 0) {
    return { kind: destination.whenEmpty === 'drop' ? 'dropped' : 'refused' };
  }
  const ways = waysOf(destination, decision, { state, attempt });
  const known = service.affinitySeconds > 0 ? attempt.remembered : undefined;
  const kept = ways.filter(({ ip, port }) => ip === known?.ip && port === known.port);
  return { kind: 'to', ways: kept.length > 0 ? kept : ways };
}

/** Which Service port a packet is for; undefined = none. */
export function frontendMet(state: ProxyState, attempt: Attempt): Met | undefined {
  let byNodePort: Met | undefined;
  for (const service of state.services.values()) {
    if (service.protocol !== attempt.protocol) continue;
    for (const decision of service.frontends) {
      const { frontend } = decision;
      if (attempt.port < frontend.port || attempt.port > (frontend.endPort ?? frontend.port)) continue;
      if (frontend.kind !== 'nodePort') {
        if (frontend.ip === attempt.ip) return { service, decision };
      } else {
        byNodePort ??= { service, decision };
      }
    }
  }
  return byNodePort !== undefined && servesNodePorts(state.node, attempt) && !isClusterIp(state, attempt.ip)
    ? byNodePort
    : undefined;
}

function isClusterIp({ services }: ProxyState, ip: string): boolean {
  for (const { frontends } of services.values()) {
    if (frontends.some(({ frontend }) => frontend.kind === 'clusterIP' && frontend.ip === ip)) return true;
  }
  return false;
}

/** Whether the node's own ports are Services' node ports at this address. */
function servesNodePorts(node: ProxyNode, { ip, isLocal, client }: Attempt): boolean {
  const at = parsed(ip);
  const isLoop = isLoopback(at);
  if (!isLocal && !isLoop) return false;
  if (isLoop && (node.hasLocalhostNodePorts !== true || client.kind !== 'node')) return false;
  const blocks = ofFamily(node.nodePortAddresses, at);
  return blocks.length === 0 || isInside(blocks, at);
}

/**
 * Whether the client is known as a Pod: by its link where the node tells Pods by links, otherwise by its address. Where neither is
 * configured nobody is known to be a Pod, nor not to be one.
 */
export function isKnownPod(node: ProxyNode, client: ProxyClient): boolean {
  if (node.podLinks !== undefined) return client.kind === 'pod-here';
  return isInside(node.podCIDRs, parsed(client.source));
}

function destinationFor(decision: FrontendDecision, node: ProxyNode, client: ProxyClient): Destination {
  const isInside = client.kind === 'node' || isKnownPod(node, client);
  return isInside ? (decision.fromCluster ?? decision) : decision;
}

function waysOf(
  destination: Destination,
  decision: FrontendDecision,
  { state, attempt }: { readonly state: ProxyState; readonly attempt: Attempt },
): Way[] {
  const { source } = attempt.client;
  const isShortWay = destination !== decision;
  // Of a connection from loopback no answer would find back.
  const isAlways =
    isSourceRewritten(destination, attempt.client, { node: state.node, isShortWay }) ||
    isLoopback(parsed(source));
  return destination.endpoints.map(({ ip, port, weight = 1 }) => ({
    ip,
    port: decision.frontend.endPort === undefined ? port : attempt.port,
    weight,
    // An answer from a Pod to itself would not pass the node.
    isMasqueraded: isAlways || ip === source,
  }));
}

function isSourceRewritten(
  { masquerade }: Destination,
  client: ProxyClient,
  { node, isShortWay }: { readonly node: ProxyNode; readonly isShortWay: boolean },
): boolean {
  if (masquerade !== 'off-cluster') return masquerade === 'always';
  if (isKnownPod(node, client)) return false;
  const arePodsKnown =
    node.podLinks !== undefined || ofFamily(node.podCIDRs, parsed(client.source)).length > 0;
  return isShortWay || arePodsKnown;
}

function parsed(ip: string): Ip {
  const address = parseIp(ip);
  if (address === undefined) throw new TypeError(`${ip} is no address`);
  return address;
}

/** Blocks of another family say nothing about an address. */
const ofFamily = (blocks: readonly string[], ip: Ip): string[] =>
  blocks.filter((block) => parseCidr(block)?.family === ip.family);

function isInside(blocks: readonly string[], ip: Ip): boolean {
  return blocks.some((block) => {
    const cidr = parseCidr(block);
    return cidr !== undefined && cidrContains(cidr, ip);
  });
}

/** One line per possible outcome, sorted, without weights: `10.244.0.1 9376 masqueraded`, `refused`, `dropped`, `untouched`. */
export function verdictInWords(verdict: Verdict): string[] {
  if (verdict.kind !== 'to') return [verdict.kind];
  return [...new Set(verdict.ways.map(wayInWords))].sort();
}

/** As in verdictInWords, for what a mode did with one connection. */
export function wayInWords({ ip, port, isMasqueraded }: Omit<Way, 'weight'>): string {
  return `${ip} ${port}${isMasqueraded ? ' masqueraded' : ''}`;
}
