import { elementKey } from '../../../kernel/nft/model.ts';
import type { NftElement, NftSet } from '../../../kernel/nft/model.ts';
import { cidrsOverlap, parseCidr } from '../../../net/cidr.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { Frontend, FrontendDecision, ProxyEndpoint, ServicePort } from '../../state/model.ts';
import { maxTriedEndpoints, sharedAffinityChains, wideChain } from './layout.ts';
import type { CanonicalFrontend, ChainRules, Layout } from './layout.ts';
import { demandSet } from './sets.ts';
import type { DemandKind } from './sets.ts';

/** An element with the set it belongs to. */
export interface PlacedElement {
  readonly set: NftSet;
  readonly element: NftElement;
}

/** What one Service port puts into the table. Sets and chains are made on demand and may be shared with other ports. */
export interface PortRules {
  readonly elements: readonly PlacedElement[];
  readonly sets: readonly NftSet[];
  readonly chains: readonly ChainRules[];
}

/** Identity of a canonical frontend, as in the keys of the affinity maps. */
export const canonicalKey = ({ ip, protocol, port }: CanonicalFrontend): string =>
  elementKey([ip, protocol, port]);

const endpointsId = (endpoints: readonly ProxyEndpoint[]): string =>
  endpoints.map((e) => `${e.ip} ${e.port}`).join(',');

/**
 * The frontend under which clients of these endpoints are remembered: the first address frontend with the same endpoints, so that a
 * client meets the same endpoint through each of them. Frontends whose policy leaves them other endpoints remember on their own.
 */
export function canonicalFrontend(port: ServicePort, decision: FrontendDecision): CanonicalFrontend {
  const id = endpointsId(decision.endpoints);
  const protocol = port.protocol.toLowerCase();
  for (const { frontend, endpoints } of port.frontends) {
    if (frontend.kind !== 'nodePort' && endpointsId(endpoints) === id) {
      return { ip: frontend.ip, protocol, port: frontend.port };
    }
  }
  /** A node port alone: the address no packet has. */
  const isIpv6 = decision.endpoints[0]?.ip.includes(':') ?? false;
  return { ip: isIpv6 ? '::' : '0.0.0.0', protocol, port: decision.frontend.port };
}

class PortRenderer {
  readonly #port: ServicePort;
  readonly #layout: Layout;
  readonly #protocol: string;
  readonly elements: PlacedElement[] = [];
  readonly sets: NftSet[] = [];
  readonly chains: ChainRules[] = [];

  constructor(port: ServicePort, layout: Layout) {
    this.#port = port;
    this.#layout = layout;
    this.#protocol = port.protocol.toLowerCase();
  }

  frontend(decision: FrontendDecision): void {
    const { frontend, endpoints, whenEmpty } = decision;
    const { sets } = this.#layout;
    const isNodePort = frontend.kind === 'nodePort';
    const key = this.#key(frontend);
    if (!isNodePort) {
      this.#put(frontend.kind === 'clusterIP' ? sets.clusterIps : sets.externalIps, { key: [frontend.ip] });
    }
    if (endpoints.length === 0) {
      const isRefused = whenEmpty === 'reject';
      const ips = isRefused ? sets.refusedIps : sets.droppedIps;
      return this.#put(isNodePort ? (isRefused ? sets.refusedNodePorts : sets.droppedNodePorts) : ips, {
        key,
      });
    }
    const kind = isNodePort ? 'node-port-endpoints' : 'endpoints';
    const set = this.#demand(kind, endpoints.length);
    if (endpoints.length > maxTriedEndpoints) {
      const wide = wideChain(kind, endpoints.length);
      this.chains.push(wide);
      const data = { kind: 'goto', chain: wide.chain.name } as const;
      this.#put(isNodePort ? sets.wideNodePorts : sets.wideIps, { key, data });
    }
    for (const [slot, { ip, port }] of endpoints.entries()) {
      this.#put(set, { key: [...key, slot], data: [ip, port] });
      this.#put(sets.hairpin, { key: [ip, ip] });
    }
    this.#masquerade(decision);
    if (this.#port.affinitySeconds > 0) this.#affinity(decision, this.#port.affinitySeconds);
  }

  #key(frontend: Frontend): (string | number)[] {
    return frontend.kind === 'nodePort'
      ? [this.#protocol, frontend.port]
      : [frontend.ip, this.#protocol, frontend.port];
  }

  #put(set: NftSet, element: NftElement): void {
    this.elements.push({ set, element });
  }

  #demand(kind: DemandKind, n: number): NftSet {
    const set = demandSet(this.#layout.table.family, { kind, n });
    this.sets.push(set);
    return set;
  }

  #nodePortFlows({ frontend, endpoints }: FrontendDecision): (string | number)[][] {
    return endpoints.map(({ ip, port }) => [this.#protocol, frontend.port, ip, port]);
  }

  /** The rules take cluster IPs as `off-cluster` and node ports as `never`: only what differs is written. */
  #masquerade(decision: FrontendDecision): void {
    const { frontend, masquerade } = decision;
    const { sets } = this.#layout;
    if (frontend.kind === 'nodePort') {
      if (masquerade === 'never') return;
      const set = masquerade === 'always' ? sets.masqueradeNodePorts : sets.masqueradeOffClusterNodePorts;
      for (const key of this.#nodePortFlows(decision)) this.#put(set, { key });
      return;
    }
    if (frontend.kind === 'clusterIP' && masquerade === 'off-cluster') return;
    const byKind = {
      always: sets.masqueradeIps,
      'off-cluster': sets.masqueradeOffClusterIps,
      never: sets.keepSourceIps,
    };
    this.#put(byKind[masquerade], { key: this.#key(frontend) });
  }

  #affinity(decision: FrontendDecision, seconds: number): void {
    const { frontend } = decision;
    const { sets } = this.#layout;
    const key = this.#key(frontend);
    const canonical = canonicalFrontend(this.#port, decision);
    this.#demand('affinity', seconds);
    const isOwn = frontend.kind !== 'nodePort' && elementKey(key) === canonicalKey(canonical);
    if (isOwn) return this.#put(this.#demand('affinity-ips', seconds), { key });
    const { recall, remember } = sharedAffinityChains(seconds, canonical);
    this.chains.push(recall, remember);
    const recalled = { key, data: { kind: 'jump', chain: recall.chain.name } } as const;
    const data = { kind: 'goto', chain: remember.chain.name } as const;
    if (frontend.kind !== 'nodePort') {
      this.#put(sets.affinityIps, recalled);
      return this.#put(sets.rememberIps, { key, data });
    }
    this.#put(sets.affinityNodePorts, recalled);
    for (const flow of this.#nodePortFlows(decision)) this.#put(sets.rememberNodePorts, { key: flow, data });
  }
}

/** What a Service port puts into the table of its family. */
export function renderServicePort(port: ServicePort, family: Layout): PortRules {
  const renderer = new PortRenderer(port, family);
  for (const decision of port.frontends) renderer.frontend(decision);
  return { elements: renderer.elements, sets: renderer.sets, chains: renderer.chains };
}

/** Blocks of one family as interval elements, without those inside another; `whenEmpty` says what no block stands for. */
export function renderCidrs(
  cidrs: readonly string[],
  family: IpFamily,
  whenEmpty: 'all' | 'none',
): NftElement[] {
  const own = cidrs.map(parseCidr).filter((cidr) => cidr?.family === family);
  const wide = own.filter((cidr) => cidr !== undefined);
  const distinct = [...new Map(wide.map((cidr) => [cidr.text, cidr])).values()];
  const outer = distinct.filter(
    (cidr) => !distinct.some((other) => other.prefix < cidr.prefix && cidrsOverlap(other, cidr)),
  );
  if (outer.length === 0 && whenEmpty === 'all') return [{ key: [family === 'IPv4' ? '0.0.0.0/0' : '::/0'] }];
  return outer.map(({ text }) => ({ key: [text] }));
}
