import type { NftElement, NftSet } from '../../../kernel/nft/model.ts';
import { cidrsOverlap, parseCidr } from '../../../net/cidr.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { Frontend, FrontendDecision, ProxyEndpoint, ServicePort } from '../../state/model.ts';
import * as layout from './layout.ts';
import type { CanonicalFrontend, ChainRules, Layout } from './layout.ts';

/** An element with the set it belongs to. */
export interface PlacedElement {
  readonly set: NftSet;
  readonly element: NftElement;
}

/** What one Service port puts into the table. Chains and affinity maps may be shared with other ports. */
export interface PortRules {
  readonly elements: readonly PlacedElement[];
  readonly chains: readonly ChainRules[];
  readonly affinitySet: NftSet | undefined;
}

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
  readonly #affinitySet: NftSet | undefined;
  readonly elements: PlacedElement[] = [];
  readonly chains: ChainRules[] = [];

  constructor(port: ServicePort, layoutOfFamily: Layout) {
    this.#port = port;
    this.#layout = layoutOfFamily;
    this.#protocol = port.protocol.toLowerCase();
    if (port.affinitySeconds > 0)
      this.#affinitySet = layout.affinitySet(layoutOfFamily.table.family, port.affinitySeconds);
  }

  frontend(decision: FrontendDecision): void {
    const { frontend, endpoints, whenEmpty } = decision;
    const { sets } = this.#layout;
    if (frontend.kind === 'clusterIP') this.#put(sets.clusterIps, { key: [frontend.ip] });
    const key = this.#key(frontend);
    const isNodePort = frontend.kind === 'nodePort';
    if (endpoints.length === 0) {
      const chain = whenEmpty === 'reject' ? layout.refusedChain : layout.droppedChain;
      const set = isNodePort ? sets.noEndpointNodePorts : sets.noEndpointIps;
      return this.#put(set, { key, data: { kind: 'goto', chain } });
    }
    const pick = isNodePort
      ? layout.pickNodePortChain(endpoints.length, sets)
      : layout.pickChain(endpoints.length, sets);
    this.#lead(isNodePort ? sets.serviceNodePorts : sets.serviceIps, key, pick);
    for (const [slot, { ip, port }] of endpoints.entries()) {
      const set = isNodePort ? sets.nodePortEndpoints : sets.endpoints;
      this.#put(set, { key: [...key, slot], data: [ip, port] });
      this.#put(sets.hairpin, { key: [ip, ip] });
    }
    this.#masquerade(decision);
    if (this.#affinitySet !== undefined) this.#affinity(decision, this.#affinitySet);
  }

  #key(frontend: Frontend): (string | number)[] {
    return frontend.kind === 'nodePort'
      ? [this.#protocol, frontend.port]
      : [frontend.ip, this.#protocol, frontend.port];
  }

  #put(set: NftSet, element: NftElement): void {
    this.elements.push({ set, element });
  }

  /** An element that leads to a chain made on demand. */
  #lead(set: NftSet, key: NftElement['key'], to: ChainRules): void {
    this.chains.push(to);
    this.#put(set, { key, data: { kind: 'goto', chain: to.chain.name } });
  }

  #nodePortFlows(frontend: Frontend, endpoints: readonly ProxyEndpoint[]): (string | number)[][] {
    return endpoints.map(({ ip, port }) => [this.#protocol, frontend.port, ip, port]);
  }

  /** The rules take cluster IPs as `off-cluster` and all else as `never`; an address frontend that is no cluster IP says so itself. */
  #masquerade({ frontend, endpoints, masquerade }: FrontendDecision): void {
    const { sets } = this.#layout;
    const chain = masquerade === 'always' ? layout.masqueradedChain : layout.masqueradedOffClusterChain;
    if (frontend.kind === 'nodePort') {
      if (masquerade === 'never') return;
      for (const key of this.#nodePortFlows(frontend, endpoints)) {
        this.#put(sets.masqueradeNodePorts, { key, data: { kind: 'goto', chain } });
      }
      return;
    }
    if (frontend.kind === 'clusterIP' && masquerade === 'off-cluster') return;
    const data = masquerade === 'never' ? ({ kind: 'return' } as const) : ({ kind: 'goto', chain } as const);
    this.#put(sets.masqueradeIps, { key: this.#key(frontend), data });
  }

  #affinity(decision: FrontendDecision, set: NftSet): void {
    const { frontend, endpoints } = decision;
    const { sets } = this.#layout;
    const canonical = canonicalFrontend(this.#port, decision);
    const isOwn =
      frontend.kind !== 'nodePort' && frontend.ip === canonical.ip && frontend.port === canonical.port;
    const recall = layout.recallChain(set, isOwn ? undefined : canonical);
    const remember = layout.rememberChain(set, isOwn ? undefined : canonical);
    const key = this.#key(frontend);
    this.chains.push(recall);
    const recallData = { kind: 'jump', chain: recall.chain.name } as const;
    this.#put(frontend.kind === 'nodePort' ? sets.affinityNodePorts : sets.affinityIps, {
      key,
      data: recallData,
    });
    if (frontend.kind !== 'nodePort') return this.#lead(sets.rememberIps, key, remember);
    for (const flow of this.#nodePortFlows(frontend, endpoints)) {
      this.#lead(sets.rememberNodePorts, flow, remember);
    }
  }

  get affinitySet(): NftSet | undefined {
    return this.chains.some(({ chain }) => chain.name.startsWith('recall-')) ? this.#affinitySet : undefined;
  }
}

/** What a Service port puts into the table of its family. */
export function renderServicePort(port: ServicePort, family: Layout): PortRules {
  const renderer = new PortRenderer(port, family);
  for (const decision of port.frontends) renderer.frontend(decision);
  return { elements: renderer.elements, chains: renderer.chains, affinitySet: renderer.affinitySet };
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
