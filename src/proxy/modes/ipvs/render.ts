import type { WantedServer } from '../../../kernel/ipvs/diff.ts';
import type { Scheduler, VirtualServer, VirtualServerKey } from '../../../kernel/ipvs/model.ts';
import type { NftElement, NftSet, Scalar } from '../../../kernel/nft/model.ts';
import { cidrContains, parseCidr } from '../../../net/cidr.ts';
import { parseIp } from '../../../net/ip.ts';
import type { Destination, FrontendDecision, ProxyEndpoint, ServicePort } from '../../state/model.ts';
import { guardChain } from './layout.ts';
import type { ChainRules, Layout } from './layout.ts';

/** An element with the set it belongs to. */
export interface PlacedElement {
  readonly set: NftSet;
  readonly element: NftElement;
}

/** What the node and the configuration add to a Service port's decisions. */
export interface RenderContext {
  readonly layout: Layout;
  /** For Service ports that do not say how to balance. */
  readonly scheduler: Scheduler;
  /** Addresses of this machine that serve node ports. */
  readonly nodePortIps: readonly string[];
  /** Addresses of this machine's other devices: they are never put on ours. */
  readonly nodeIps: ReadonlySet<string>;
  /** The node's own address; absent = unknown. */
  readonly nodeIp?: string;
  /** The mark of one more virtual server of a Service port; `owner` tells it from all others. */
  readonly markOf: (owner: string) => number;
}

export interface PlannedServer extends WantedServer {
  /** Destinations nobody wants any more wait for their connections to end. */
  readonly isGraceful: boolean;
}

/** What one Service port is made of. */
export interface PortPlan {
  readonly servers: readonly PlannedServer[];
  readonly elements: readonly PlacedElement[];
  readonly chains: readonly ChainRules[];
  /** Addresses for our device. */
  readonly addresses: readonly string[];
  /** Owners of marks. */
  readonly owners: readonly string[];
}

type Key = readonly [ip: string, protocol: string, port: number];

/** One kind of clients of a frontend. */
interface Use {
  readonly decision: FrontendDecision;
  readonly destination: Destination;
  readonly isInside: boolean;
  readonly keys: readonly Key[];
}

const endpointsId = (endpoints: readonly ProxyEndpoint[]): string =>
  endpoints.map(({ ip, port, weight = 1 }) => `${ip} ${port} ${weight}`).join(',');

/** Schedulers that look at weights, for those that do not. */
const weighted: Readonly<Partial<Record<Scheduler, Scheduler>>> = { rr: 'wrr', lc: 'wlc' };

function schedulerFor(
  port: ServicePort,
  endpoints: readonly ProxyEndpoint[],
  fallback: Scheduler,
): Scheduler {
  const isByLoad = port.balancing === 'least-connections' || port.balancing === 'p2c';
  const asked = isByLoad ? 'lc' : port.balancing === 'round-robin' ? 'rr' : fallback;
  const hasWeights = endpoints.some(({ weight = 1 }) => weight !== 1);
  return hasWeights ? (weighted[asked] ?? asked) : asked;
}

class PortRenderer {
  readonly #port: ServicePort;
  readonly #context: RenderContext;
  readonly #protocol: string;
  readonly servers: PlannedServer[] = [];
  readonly elements: PlacedElement[] = [];
  readonly chains: ChainRules[] = [];
  readonly addresses: string[] = [];
  readonly owners: string[] = [];

  constructor(port: ServicePort, context: RenderContext) {
    this.#port = port;
    this.#context = context;
    this.#protocol = port.protocol.toLowerCase();
  }

  run(): PortPlan {
    const uses = this.#port.frontends.flatMap((decision) => this.#frontend(decision));
    for (const use of uses) this.#describe(use);
    for (const group of this.#groups(uses)) this.#serve(group);
    const { servers, elements, chains, addresses, owners } = this;
    return { servers, elements, chains, addresses, owners };
  }

  #put(set: NftSet, key: readonly Scalar[], data?: NftElement['data']): void {
    this.elements.push({ set, element: data === undefined ? { key } : { key, data } });
  }

  #frontend(decision: FrontendDecision): Use[] {
    const { frontend, fromCluster, allowedSources } = decision;
    const { nodePortIps, nodeIps, layout } = this.#context;
    if (frontend.kind !== 'nodePort' && !nodeIps.has(frontend.ip)) {
      this.addresses.push(frontend.ip);
      this.#put(layout.sets.virtualIps, [frontend.ip]);
    }
    const keys: Key[] = [];
    for (const ip of frontend.kind === 'nodePort' ? nodePortIps : [frontend.ip]) {
      for (let { port } = frontend; port <= (frontend.endPort ?? frontend.port); port++) {
        keys.push([ip, this.#protocol, port]);
      }
    }
    if (allowedSources !== undefined) this.#guard(keys, allowedSources);
    const outside = { decision, destination: decision, isInside: false, keys };
    if (fromCluster === undefined) return [outside];
    return [outside, { decision, destination: fromCluster, isInside: true, keys }];
  }

  #guard(keys: readonly Key[], blocks: readonly string[]): void {
    const { layout, nodeIp } = this.#context;
    const ip = nodeIp === undefined ? undefined : parseIp(nodeIp);
    const isNodeInside = blocks.some((block) => {
      const cidr = parseCidr(block);
      return cidr !== undefined && ip !== undefined && cidrContains(cidr, ip);
    });
    const made = guardChain(blocks, layout.sets, isNodeInside);
    this.chains.push(made);
    for (const key of keys) this.#put(layout.sets.guards, key, { kind: 'goto', chain: made.chain.name });
  }

  /** All but the virtual servers. */
  #describe({ destination, isInside, keys }: Use): void {
    const { sets } = this.#context.layout;
    const { endpoints, whenEmpty, masquerade } = destination;
    if (endpoints.length === 0) {
      const isRefused = whenEmpty === 'reject';
      const inside = isRefused ? sets.insideRefused : sets.insideDropped;
      const outside = isRefused ? sets.refused : sets.dropped;
      for (const key of keys) this.#put(isInside ? inside : outside, key);
      return;
    }
    const always = isInside ? sets.insideMasquerade : sets.masquerade;
    const never = isInside ? sets.insideKeepSource : sets.keepSource;
    for (const key of keys) {
      this.#put(sets.frontends, key);
      if (isInside) this.#put(sets.insideServed, key);
      if (masquerade !== 'off-cluster') this.#put(masquerade === 'always' ? always : never, key);
    }
    for (const { ip } of endpoints) this.#put(sets.hairpin, [ip, ip]);
  }

  /**
   * Uses that share a virtual server. An address's own serves everybody; what only some clients meet, and ranges of ports, have one
   * by a mark, one for all uses with the same endpoints.
   */
  #groups(uses: readonly Use[]): Use[][] {
    const groups = new Map<string, Use[]>();
    for (const [i, use] of uses.entries()) {
      if (use.destination.endpoints.length === 0) continue;
      const isRange = use.decision.frontend.endPort !== undefined;
      const isShared = use.isInside || isRange;
      const id = isShared ? `${isRange} ${endpointsId(use.destination.endpoints)}` : `${i}`;
      const group = groups.get(id);
      if (group === undefined) groups.set(id, [use]);
      else group.push(use);
    }
    return [...groups.values()];
  }

  #serve(group: readonly Use[]): void {
    const [first] = group;
    if (first === undefined) return;
    const { endpoints } = first.destination;
    const isRange = first.decision.frontend.endPort !== undefined;
    const isByAddress = !isRange && !first.isInside;
    const destinations = endpoints.map(({ ip, port, weight = 1 }) => ({
      ip,
      port: isRange ? 0 : port,
      weight,
    }));
    if (isByAddress) {
      for (const [ip, , port] of first.keys) {
        const { family } = this.#context.layout;
        const key = { kind: 'address', family, protocol: this.#port.protocol, ip, port } as const;
        this.#add(this.#server(key, endpoints, false), destinations);
      }
      return;
    }
    const mark = this.#mark();
    const { sets, family } = this.#context.layout;
    for (const { isInside, keys: each } of group) {
      for (const key of each) this.#put(isInside ? sets.insideMarks : sets.marks, key, [mark]);
    }
    this.#add(this.#server({ kind: 'mark', family, mark }, endpoints, isRange), destinations);
  }

  /** UDP and SCTP go at once, as upstream has it. With `dh` a destination without weight would refuse all that hashes to it. */
  #add(server: VirtualServer, destinations: WantedServer['destinations']): void {
    const isGraceful = this.#port.protocol === 'TCP' && server.scheduler !== 'dh';
    this.servers.push({ server, destinations, isGraceful });
  }

  #mark(): number {
    const { family } = this.#context.layout;
    const owner = `${family} ${this.#port.id}#${this.owners.length}`;
    this.owners.push(owner);
    return this.#context.markOf(owner);
  }

  /**
   * Behind a mark the kernel translates no port for clients it remembers (ip_vs_sched_persist): there, affinity is by a hash of the client's
   * address, which keeps it where it is for as long as the endpoints stay. Ranges translate no port anyway.
   */
  #server(key: VirtualServerKey, endpoints: readonly ProxyEndpoint[], isRange: boolean): VirtualServer {
    const { affinitySeconds } = this.#port;
    const isByHash = affinitySeconds > 0 && key.kind === 'mark' && !isRange;
    const scheduler = isByHash ? 'sh' : schedulerFor(this.#port, endpoints, this.#context.scheduler);
    const persistenceSeconds = isByHash ? 0 : affinitySeconds;
    if (scheduler !== 'sh' && scheduler !== 'mh') return { key, scheduler, persistenceSeconds };
    /** Without the fall-back a client whose hash meets a destination without weight is refused. */
    const flags = { hasFallback: true, hashesPort: scheduler === 'mh' };
    return { key, scheduler, persistenceSeconds, flags };
  }
}

/** What a Service port is made of in one family. */
export const renderServicePort = (port: ServicePort, context: RenderContext): PortPlan =>
  new PortRenderer(port, context).run();
