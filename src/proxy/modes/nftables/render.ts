import { elementKey } from '../../../kernel/nft/model.ts';
import type { NftElement, NftSet, Verdict } from '../../../kernel/nft/model.ts';
import { cidrsOverlap, parseCidr } from '../../../net/cidr.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { Destination, Frontend, FrontendDecision, ServicePort } from '../../state/model.ts';
import { canonicalFrontend, canonicalKey } from './canonical.ts';
import { maxTriedSlots, rangeChain, sharedAffinityChains, wideChain } from './demand-chains.ts';
import type { Layout } from './layout.ts';
import type { ChainRules } from './rules.ts';
import { demandSet } from './sets.ts';
import type { DemandKind, EndpointsKind } from './sets.ts';
import { slotsOf } from './slots.ts';

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

/** Which clients a destination is for: `inside` goes before the others, for Pods and the node itself. */
type From = 'anywhere' | 'inside';
type Key = readonly (string | number)[];

const jumpTo = (chain: string): Verdict => ({ kind: 'jump', chain });
const gotoChain = (chain: string): Verdict => ({ kind: 'goto', chain });

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
    const { frontend, endpoints, fromCluster, whenEmpty } = decision;
    const { sets } = this.#layout;
    if (frontend.kind !== 'nodePort') {
      this.#put(frontend.kind === 'clusterIP' ? sets.clusterIps : sets.externalIps, { key: [frontend.ip] });
      if (decision.allowedSources !== undefined) this.#guard(frontend, decision.allowedSources);
    }
    if (endpoints.length === 0) this.#refuse(frontend, whenEmpty);
    else this.#lead(frontend, decision, 'anywhere');
    if (fromCluster !== undefined && fromCluster.endpoints.length > 0)
      this.#lead(frontend, fromCluster, 'inside');
    this.#sources(decision);
  }

  #guard(frontend: Frontend, allowedSources: readonly string[]): void {
    const { sets, table } = this.#layout;
    const key = this.#key(frontend);
    this.#put(sets.guardedIps, { key });
    const family = table.family === 'ip' ? 'IPv4' : 'IPv6';
    for (const { key: block } of renderCidrs(allowedSources, family, 'none')) {
      // A block of one address is read back as the address.
      const source = String(block[0]).replace(family === 'IPv4' ? /\/32$/ : /\/128$/, '');
      this.#put(sets.allowedSources, { key: [...key, source] });
    }
  }

  #refuse(frontend: Frontend, whenEmpty: Destination['whenEmpty']): void {
    const { sets } = this.#layout;
    const isRefused = whenEmpty === 'reject';
    const key = this.#key(frontend);
    if (frontend.kind === 'nodePort')
      return this.#put(isRefused ? sets.refusedNodePorts : sets.droppedNodePorts, { key });
    if (frontend.endPort === undefined)
      return this.#put(isRefused ? sets.refusedIps : sets.droppedIps, { key });
    this.#put(sets.rangeRefusals, { key, data: gotoChain(isRefused ? 'refused' : 'dropped') });
  }

  #lead(frontend: Frontend, destination: Destination, from: From): void {
    const { sets } = this.#layout;
    const slots = slotsOf(destination.endpoints);
    const kind = endpointsKind(frontend, from);
    const set = this.#demand(kind, slots.length);
    const key = this.#key(frontend);
    const start = isRangeOf(frontend) ? { ...frontend, protocol: this.#protocol } : undefined;
    if (start !== undefined || slots.length > maxTriedSlots) {
      const wide =
        start === undefined ? wideChain(kind, slots.length) : rangeChain(kind, slots.length, start);
      this.chains.push(wide);
      const by = {
        endpoints: sets.wideIps,
        'node-port-endpoints': sets.wideNodePorts,
        'inside-endpoints': sets.insideWideIps,
        'inside-node-port-endpoints': sets.insideWideNodePorts,
        'range-endpoints': sets.rangeIps,
        'inside-range-endpoints': sets.insideRangeIps,
      };
      this.#put(by[kind], { key, data: gotoChain(wide.chain.name) });
    }
    const slotKey = start === undefined ? key : [start.ip, start.protocol, start.port];
    for (const [slot, { ip, port }] of slots.entries())
      this.#put(set, { key: [...slotKey, slot], data: start === undefined ? [ip, port] : [ip] });
    for (const { ip } of destination.endpoints) this.#put(sets.hairpin, { key: [ip, ip] });
    if (this.#port.affinitySeconds > 0) this.#affinity(frontend, destination, from);
  }

  #key(frontend: Frontend): (string | number)[] {
    const { port, endPort } = frontend;
    if (frontend.kind === 'nodePort') return [this.#protocol, port];
    const isOne = endPort === undefined || endPort === port;
    return [frontend.ip, this.#protocol, isOne ? port : `${port}-${endPort}`];
  }

  #put(set: NftSet, element: NftElement): void {
    this.elements.push({ set, element });
  }

  #demand(kind: DemandKind, n: number): NftSet {
    const set = demandSet(this.#layout.table.family, { kind, n });
    this.sets.push(set);
    return set;
  }

  #nodePortFlows({ port: number }: Frontend, { endpoints }: Destination): Key[] {
    return endpoints.map(({ ip, port }) => [this.#protocol, number, ip, port]);
  }

  /**
   * The rules take cluster IPs as `off-cluster` and node ports as `never`: only what differs is written. The short way keeps the source
   * of all but the node itself.
   */
  #sources(decision: FrontendDecision): void {
    const { frontend, fromCluster } = decision;
    if (frontend.kind === 'nodePort') return this.#nodePortSources(decision);
    const { sets } = this.#layout;
    const isShort = fromCluster !== undefined && fromCluster.endpoints.length > 0;
    const how = isShort && decision.masquerade === 'never' ? 'short' : decision.masquerade;
    if (decision.endpoints.length === 0 && how !== 'short') return;
    if (frontend.kind === 'clusterIP' && how === 'off-cluster') return;
    const key = this.#key(frontend);
    if (isRangeOf(frontend)) {
      const verdicts: Record<typeof how, Verdict> = {
        always: gotoChain('masqueraded'),
        'off-cluster': gotoChain('masqueraded-off-cluster'),
        short: gotoChain('short-way'),
        never: { kind: 'return' },
      };
      return this.#put(sets.rangeSources, { key, data: verdicts[how] });
    }
    const by = {
      always: sets.masqueradeIps,
      'off-cluster': sets.masqueradeOffClusterIps,
      short: sets.shortWayIps,
      never: sets.keepSourceIps,
    };
    this.#put(by[how], { key });
  }

  #nodePortSources(decision: FrontendDecision): void {
    const { frontend, masquerade, fromCluster } = decision;
    const { sets } = this.#layout;
    if (masquerade !== 'never') {
      const set = masquerade === 'always' ? sets.masqueradeNodePorts : sets.masqueradeOffClusterNodePorts;
      for (const key of this.#nodePortFlows(frontend, decision)) this.#put(set, { key });
    } else if (fromCluster !== undefined) {
      for (const key of this.#nodePortFlows(frontend, fromCluster))
        this.#put(sets.shortWayNodePorts, { key });
    }
  }

  #affinity(frontend: Frontend, destination: Destination, from: From): void {
    const { sets } = this.#layout;
    const { affinitySeconds: seconds } = this.#port;
    const key = this.#key(frontend);
    const canonical = canonicalFrontend(this.#port, frontend, destination);
    this.#demand(canonical.isRange ? 'range-affinity' : 'affinity', seconds);
    const isOwn = from === 'anywhere' && elementKey(key) === canonicalKey(canonical);
    if (isOwn) return this.#put(this.#demand('affinity-ips', seconds), { key });
    const { recall, remember } = sharedAffinityChains(seconds, canonical);
    this.chains.push(recall, remember);
    const isInside = from === 'inside';
    const data = gotoChain(remember.chain.name);
    const recalled = { key, data: jumpTo(recall.chain.name) };
    if (frontend.kind === 'nodePort') {
      this.#put(isInside ? sets.insideAffinityNodePorts : sets.affinityNodePorts, recalled);
      const remembering = isInside ? sets.insideRememberNodePorts : sets.rememberNodePorts;
      for (const flow of this.#nodePortFlows(frontend, destination))
        this.#put(remembering, { key: flow, data });
    } else if (isRangeOf(frontend)) {
      this.#put(isInside ? sets.insideRangeAffinityIps : sets.rangeAffinityIps, recalled);
      this.#put(isInside ? sets.insideRangeRememberIps : sets.rangeRememberIps, { key, data });
    } else {
      this.#put(isInside ? sets.insideAffinityIps : sets.affinityIps, recalled);
      this.#put(isInside ? sets.insideRememberIps : sets.rememberIps, { key, data });
    }
  }
}

type AddressFrontend = Exclude<Frontend, { readonly kind: 'nodePort' }>;

const isRangeOf = (frontend: Frontend): frontend is AddressFrontend =>
  frontend.kind !== 'nodePort' && frontend.endPort !== undefined;

function endpointsKind(frontend: Frontend, from: From): EndpointsKind {
  const isInside = from === 'inside';
  if (frontend.kind === 'nodePort') return isInside ? 'inside-node-port-endpoints' : 'node-port-endpoints';
  if (frontend.endPort !== undefined) return isInside ? 'inside-range-endpoints' : 'range-endpoints';
  return isInside ? 'inside-endpoints' : 'endpoints';
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
