import type { Match, Rule, Target } from '../../../kernel/iptables/model.ts';
import { renderRule } from '../../../kernel/iptables/render.ts';
import { hostBlock } from '../../../net/cidr.ts';
import { hostPort } from '../../../net/host-port.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type {
  Destination,
  Frontend,
  FrontendDecision,
  ProxyEndpoint,
  ProxyNode,
  ServicePort,
} from '../../state/model.ts';
import { serviceChain, servicePortName } from './names.ts';
import { isFromNode, nodePortPlaces, outsideTarget, podSources } from './sources.ts';

/** Chains that lead to Services, one or more lines a frontend: `table CHAIN`. */
export const dispatchChains = [
  'nat KUBE-SERVICES',
  'nat KUBE-NODEPORTS',
  'filter KUBE-SERVICES',
  'filter KUBE-EXTERNAL-SERVICES',
  'filter KUBE-PROXY-FIREWALL',
  'filter KUBE-NODEPORTS',
] as const;
export type DispatchChain = (typeof dispatchChains)[number];

/** What one Service port adds to the tables; rules as text without `-A CHAIN`. */
export interface ServiceRules {
  /** Its own chains, all in the table nat. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly dispatch: ReadonlyMap<DispatchChain, readonly string[]>;
}

export interface RenderOptions {
  readonly family: IpFamily;
  readonly node: ProxyNode;
  /** Leaves the comments of endpoints out, as kube-proxy does above 1 000 endpoints: a third of the tables' size. */
  readonly isTerse: boolean;
}

class ServiceRenderer {
  readonly #port: ServicePort;
  readonly #options: RenderOptions;
  readonly #name: string;
  readonly #protocol: 'tcp' | 'udp' | 'sctp';
  readonly chains = new Map<string, string[]>();
  readonly dispatch = new Map<DispatchChain, string[]>();
  /** What each kind's chains are for; the first one of a kind has the plain name. */
  readonly #named = new Map<string, string>();
  readonly #kinds = new Set<string>();

  constructor(port: ServicePort, options: RenderOptions) {
    this.#port = port;
    this.#options = options;
    this.#name = servicePortName(port);
    this.#protocol = port.protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp';
  }

  frontend(decision: FrontendDecision): void {
    const { frontend, endpoints, fromCluster, allowedSources } = decision;
    const hasWay = endpoints.length > 0 || (fromCluster?.endpoints.length ?? 0) > 0;
    const at = this.#at(frontend);
    const isInternal = frontend.kind === 'clusterIP' && fromCluster === undefined;
    if (hasWay) {
      const way = isInternal ? this.#policyChain(decision, frontend) : this.#external(decision);
      const target = allowedSources === undefined ? way : this.#firewall(decision, way);
      const chain = frontend.kind === 'nodePort' ? 'nat KUBE-NODEPORTS' : 'nat KUBE-SERVICES';
      // Which addresses are node ports' is asked once, before KUBE-NODEPORTS.
      const comment = this.#wayComment(frontend);
      const { ports, destination } = at;
      const asked = { ports, ...(destination === undefined ? {} : { destination }) };
      this.#line(chain, asked, { comment, target: { kind: 'jump', chain: target } });
      if (isInternal) this.#masqueradeClusterIp(decision, way);
    }
    if (allowedSources !== undefined) this.#denyOthers(decision, at);
    this.#refuse(decision, at);
  }

  /** A host's own rules may keep strangers out; load balancers must be able to ask. */
  healthCheck(dport: number): void {
    const ports: Match = { kind: 'ports', protocol: 'tcp', dport: { first: dport, last: dport } };
    const matches = [...this.#comment(`${this.#name} health check node port`), ports];
    const rule: Rule = { protocol: { value: 'tcp' }, matches, target: { kind: 'accept' } };
    this.dispatch.set('filter KUBE-NODEPORTS', [this.#text(rule)]);
  }

  /** What asks whether a packet is for a frontend. */
  #at(frontend: Frontend): Asked {
    const { port, endPort = port } = frontend;
    const ports: Match = {
      kind: 'ports',
      protocol: this.#protocol,
      dport: { first: port, last: endPort },
    };
    return frontend.kind === 'nodePort'
      ? { ports, addrtype: [{ kind: 'addrtype', side: 'dst', type: 'LOCAL' }] }
      : { ports, destination: { value: hostBlock(frontend.ip) } };
  }

  #wayComment({ kind }: Frontend): string {
    const words = {
      clusterIP: ' cluster IP',
      externalIP: ' external IP',
      loadBalancerIP: ' loadbalancer IP',
    };
    return `${this.#name}${kind === 'nodePort' ? '' : words[kind]}`;
  }

  #text(rule: Rule): string {
    return renderRule(rule, this.#options.family);
  }

  #comment(text: string): Match[] {
    return [{ kind: 'comment', text }];
  }

  #line(chain: DispatchChain, at: Asked, what: { comment: string; target: Target }): void {
    const { comment, target } = what;
    const { addrtype, origin, ports, ...heads } = at;
    const lines = this.dispatch.get(chain) ?? [];
    const { node, family } = this.#options;
    for (const place of addrtype === undefined ? [{}] : nodePortPlaces(node, family)) {
      const rule: Rule = {
        ...heads,
        ...place,
        protocol: { value: this.#protocol },
        matches: [...this.#comment(comment), ...(origin ?? []), ...(addrtype ?? []), ports],
        target,
      };
      lines.push(this.#text(rule));
    }
    this.dispatch.set(chain, lines);
  }

  /** The name of a chain for some purpose; whether it still has to be filled. */
  #chainFor(kind: 'SVC' | 'SVL' | 'EXT' | 'FW', purpose: string): { chain: string; isNew: boolean } {
    const key = `${kind} ${purpose}`;
    const known = this.#named.get(key);
    if (known !== undefined) return { chain: known, isNew: false };
    const chain = serviceChain(kind, this.#port, this.#kinds.has(kind) ? purpose : '');
    this.#kinds.add(kind);
    this.#named.set(key, chain);
    this.chains.set(chain, []);
    return { chain, isNew: true };
  }

  #add(chain: string, ...rules: readonly Rule[]): void {
    this.chains.get(chain)?.push(...rules.map((rule) => this.#text(rule)));
  }

  /** KUBE-SVC or, under policy Local, KUBE-SVL: deals connections out to the endpoints. */
  #policyChain({ endpoints, whenEmpty }: Destination, frontend: Frontend): string {
    const isRange = frontend.endPort !== undefined;
    // Policy Local is what drops when nobody is here.
    const kind = whenEmpty === 'drop' ? 'SVL' : 'SVC';
    const list = endpoints.map(({ ip, port, weight = 1 }) => `${ip} ${port} ${weight}`).join(', ');
    const { chain, isNew } = this.#chainFor(kind, `${isRange ? 'range ' : ''}${list}`);
    if (isNew) this.#deal(chain, endpoints, isRange);
    return chain;
  }

  #deal(chain: string, endpoints: readonly ProxyEndpoint[], isRange: boolean): void {
    const { affinitySeconds } = this.#port;
    const targets = endpoints.map((endpoint) => this.#endpointChain(endpoint, isRange));
    const rules: Rule[] = [];
    const add = (i: number, ...matches: readonly Match[]): void => {
      const { text, chain: target = '' } = targets[i] ?? {};
      const comment = this.#options.isTerse ? [] : this.#comment(`${this.#name} -> ${text ?? ''}`);
      rules.push({ matches: [...comment, ...matches], target: { kind: 'jump', chain: target } });
    };
    if (affinitySeconds > 0) {
      for (const [i, { chain: name }] of targets.entries()) {
        add(i, { kind: 'recent', action: 'rcheck', name, seconds: affinitySeconds, isReaping: true });
      }
    }
    let left = endpoints.reduce((sum, { weight = 1 }) => sum + weight, 0);
    for (const [i, { weight = 1 }] of endpoints.entries()) {
      if (i === endpoints.length - 1) add(i);
      else add(i, { kind: 'statistic', probability: weight / left });
      left -= weight;
    }
    this.#add(chain, ...rules);
  }

  /** KUBE-SEP: one endpoint. Without a port the packet keeps the one it came for. */
  #endpointChain({ ip, port }: ProxyEndpoint, isRange: boolean): { text: string; chain: string } {
    const text = isRange ? ip : hostPort(ip, port);
    const chain = serviceChain('SEP', this.#port, text);
    if (this.chains.has(chain)) return { text, chain };
    this.chains.set(chain, []);
    const comment = this.#options.isTerse ? [] : this.#comment(this.#name);
    const note: Match[] =
      this.#port.affinitySeconds > 0 ? [{ kind: 'recent', action: 'set', name: chain }] : [];
    this.#add(
      chain,
      { source: { value: hostBlock(ip) }, ...withMatches(comment), target: markMasquerade },
      {
        protocol: { value: this.#protocol },
        matches: [...comment, ...note, { kind: 'ports', protocol: this.#protocol }],
        target: { kind: 'dnat', ip, ...(isRange ? {} : { port }) },
      },
    );
    return { text, chain };
  }

  #masqueradeClusterIp({ frontend, masquerade }: FrontendDecision, chain: string): void {
    const outside = masquerade === 'always' ? { target: markMasquerade } : this.#ifOutside(masquerade);
    if (outside === undefined) return;
    const { ports, destination } = this.#at(frontend);
    const rule: Rule = {
      ...outside,
      ...(destination === undefined ? {} : { destination }),
      protocol: { value: this.#protocol },
      matches: [...this.#comment(this.#wayComment(frontend)), ports],
    };
    // Before the draw, which ends the chain.
    this.chains.get(chain)?.unshift(this.#text(rule));
  }

  /** Marks what is not known to come from a Pod; undefined = nothing to do. */
  #ifOutside(masquerade: Destination['masquerade']): Rule | undefined {
    return masquerade === 'off-cluster' ? outsideTarget(this.#options.node, this.#options.family) : undefined;
  }

  /** KUBE-EXT: masquerades, or leads Pods and the node the short way, and then on to the policy's chain. */
  #external(decision: FrontendDecision): string {
    const { frontend, endpoints, masquerade, fromCluster } = decision;
    const isRange = frontend.endPort !== undefined;
    const { chain, isNew } = this.#chainFor(
      'EXT',
      JSON.stringify([isRange, endpoints, decision.whenEmpty, masquerade, fromCluster]),
    );
    if (!isNew) return chain;
    if (fromCluster !== undefined) this.#shortWay(chain, fromCluster, frontend);
    if (endpoints.length === 0) return chain;
    const comment = this.#comment(`masquerade traffic for ${this.#name} external destinations`);
    const outside = this.#ifOutside(masquerade);
    if (masquerade === 'always') this.#add(chain, { matches: comment, target: markMasquerade });
    if (outside !== undefined) this.#add(chain, { ...outside, matches: comment });
    this.#add(chain, { target: { kind: 'jump', chain: this.#policyChain(decision, frontend) } });
    return chain;
  }

  #shortWay(chain: string, to: Destination, frontend: Frontend): void {
    const { node, family } = this.#options;
    const external = `${this.#name} external destinations`;
    const way: Target =
      to.endpoints.length === 0
        ? { kind: 'return' }
        : { kind: 'jump', chain: this.#policyChain(to, frontend) };
    const isRewritten = to.endpoints.length > 0 && to.masquerade !== 'never';
    for (const pods of podSources(node, family)) {
      const matches = this.#comment(`pod traffic for ${external}`);
      if (isRewritten && to.masquerade === 'always')
        this.#add(chain, { ...pods, matches, target: markMasquerade });
      this.#add(chain, { ...pods, matches, target: way });
    }
    const mark = [...this.#comment(`masquerade LOCAL traffic for ${external}`), isFromNode];
    if (isRewritten) this.#add(chain, { matches: mark, target: markMasquerade });
    const route = [...this.#comment(`route LOCAL traffic for ${external}`), isFromNode];
    this.#add(chain, { matches: route, target: way });
  }

  /** KUBE-FW: lets the allowed sources through; KUBE-PROXY-FIREWALL drops what comes back from here. */
  #firewall({ frontend, allowedSources = [] }: FrontendDecision, way: string): string {
    const { chain, isNew } = this.#chainFor('FW', JSON.stringify([allowedSources, way]));
    if (!isNew) return chain;
    for (const value of allowedSources) {
      const matches = this.#comment(this.#wayComment(frontend));
      this.#add(chain, { source: { value }, matches, target: { kind: 'jump', chain: way } });
    }
    const rest = `other traffic to ${this.#name} will be dropped by KUBE-PROXY-FIREWALL`;
    this.#add(chain, { matches: this.#comment(rest) });
    return chain;
  }

  #denyOthers({ frontend, endpoints, fromCluster, allowedSources = [] }: FrontendDecision, at: Asked): void {
    const fw = serviceChain('FW', this.#port);
    const comment = `${this.#name} traffic not accepted by ${fw}`;
    const isServed = endpoints.length > 0 && fromCluster?.endpoints.length !== 0;
    // Where nobody answers the allowed ones come by here too, on their way to being refused.
    for (const value of isServed ? [] : allowedSources) {
      const accepted = `${this.#name}${frontend.kind === 'nodePort' ? '' : ' loadbalancer IP'}`;
      this.#line(
        'filter KUBE-PROXY-FIREWALL',
        { ...at, source: { value } },
        { comment: accepted, target: { kind: 'return' } },
      );
    }
    this.#line('filter KUBE-PROXY-FIREWALL', at, { comment, target: { kind: 'drop' } });
  }

  /** What was not translated although it is for a frontend: nobody answers to this client. */
  #refuse(decision: FrontendDecision, at: Asked): void {
    const { frontend, fromCluster } = decision;
    const chain = frontend.kind === 'clusterIP' ? 'filter KUBE-SERVICES' : 'filter KUBE-EXTERNAL-SERVICES';
    if (fromCluster?.endpoints.length === 0 && !isAlike(fromCluster, decision)) {
      const pods = podSources(this.#options.node, this.#options.family);
      for (const origin of [...pods, { origin: [isFromNode] }]) {
        this.#line(chain, { ...at, ...origin }, this.#emptiness(fromCluster));
      }
    }
    if (decision.endpoints.length > 0) return;
    this.#line(chain, at, this.#emptiness(decision));
  }

  #emptiness({ whenEmpty }: Destination): { comment: string; target: Target } {
    const isSilent = whenEmpty === 'drop';
    // ICMP errors are rationed, one a second to a client of IPv6; a reset is not.
    const unreachable = this.#options.family === 'IPv4' ? 'icmp-port-unreachable' : 'icmp6-port-unreachable';
    const port = this.#protocol === 'tcp' ? 'tcp-reset' : unreachable;
    return {
      comment: `${this.#name} has no ${isSilent ? 'local ' : ''}endpoints`,
      target: isSilent ? { kind: 'drop' } : { kind: 'reject', with: port },
    };
  }
}

/** Asks whether a packet is for some frontend, and where it comes from. */
interface Asked extends Pick<Rule, 'source' | 'destination' | 'in'> {
  readonly origin?: readonly Match[];
  readonly addrtype?: readonly Match[];
  readonly ports: Match;
}

const markMasquerade: Target = { kind: 'jump', chain: 'KUBE-MARK-MASQ' };

const withMatches = (matches: readonly Match[]): Pick<Rule, 'matches'> =>
  matches.length > 0 ? { matches } : {};

const isAlike = (a: Destination, b: Destination): boolean =>
  b.endpoints.length === 0 && a.whenEmpty === b.whenEmpty;

/** The rules of one Service port; the same for the same input. */
export function renderService(port: ServicePort, options: RenderOptions): ServiceRules {
  const renderer = new ServiceRenderer(port, options);
  for (const decision of port.frontends) renderer.frontend(decision);
  if (port.healthCheckPort !== undefined) renderer.healthCheck(port.healthCheckPort);
  return { chains: renderer.chains, dispatch: renderer.dispatch };
}
