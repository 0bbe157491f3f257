import type { Service } from '../../api/core/v1/service.ts';
import { decideFrontends } from './decision.ts';
import type { EndpointCandidate } from './endpoints.ts';
import type { Destination, Frontend, FrontendDecision, Protocol, ProxyNode } from './model.ts';
import { frontendInWords } from './problems.ts';
import { selectionFor, whyLeftOut } from './selection.ts';
import type { Selection } from './selection.ts';
import { whyNotProxied } from './service-port.ts';
import type { ServicePortSpec, ServiceSpec, ServiceView } from './service-port.ts';

/** Why one node's proxy does with a Service what it does. Sentences have no full stop. */
export interface ServiceExplanation {
  /** Why the proxy leaves the Service alone; absent = it does not. */
  readonly notProxied?: string;
  readonly problems: readonly string[];
  readonly ports: readonly PortExplanation[];
}

export interface PortExplanation {
  readonly id: string;
  readonly frontends: readonly FrontendExplanation[];
}

export interface FrontendExplanation {
  readonly frontend: Frontend;
  /** `cluster IP 10.96.0.10 port 80/TCP`. */
  readonly name: string;
  /** The id of the port of another Service that has this frontend in its place; the rest is then empty. */
  readonly heldBy?: string;
  /** One for everybody, or one for clients inside the cluster and one for those outside. */
  readonly ways: readonly WayExplanation[];
  readonly allowedSources?: readonly string[];
}

export interface WayExplanation {
  readonly clients: 'everybody' | 'inside' | 'outside';
  readonly outcome: 'served' | 'refused' | 'dropped';
  /** Why that is the outcome, and which endpoints count. */
  readonly reason: string;
  readonly masquerade: Destination['masquerade'];
  /** Every endpoint the slices offer for the port. */
  readonly endpoints: readonly EndpointExplanation[];
}

export interface EndpointExplanation {
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
  readonly nodeName?: string;
  readonly podName?: string;
  /** Why it gets no connection; absent = it does. */
  readonly leftOut?: string;
}

export interface ExplainInput {
  readonly spec: ServiceSpec;
  readonly view: ServiceView;
  readonly node: ProxyNode;
  readonly problems: readonly string[];
  readonly candidates: (port: ServicePortSpec) => readonly EndpointCandidate[];
  readonly holder: (protocol: Protocol, frontend: Frontend) => string | undefined;
}

/** Decides everything about a Service again, and keeps the reasons. */
export function explainService(service: Service, input: ExplainInput): ServiceExplanation {
  const { spec, view, problems } = input;
  const notProxied =
    whyNotProxied(service, view.serviceProxyName) ??
    (spec.ports.length === 0 ? `it has no ${view.family} address, or no port` : undefined);
  return {
    ...(notProxied === undefined ? {} : { notProxied }),
    problems,
    ports: spec.ports.map((port) => explainPort(port, input)),
  };
}

function explainPort(port: ServicePortSpec, input: ExplainInput): PortExplanation {
  const { node, holder } = input;
  const candidates = input.candidates(port);
  const frontends = port.frontends.map((frontend): FrontendExplanation => {
    const name = frontendInWords(port.protocol, frontend);
    const heldBy = holder(port.protocol, frontend);
    if (heldBy !== undefined && heldBy !== port.id) return { frontend, name, heldBy, ways: [] };
    const [decision] = decideFrontends(port, [frontend], { candidates, node });
    const ways = decision === undefined ? [] : waysOf(decision, { port, candidates, node });
    const sources = decision?.allowedSources;
    return { frontend, name, ways, ...(sources === undefined ? {} : { allowedSources: sources }) };
  });
  return { id: port.id, frontends };
}

interface Context {
  readonly port: ServicePortSpec;
  readonly candidates: readonly EndpointCandidate[];
  readonly node: ProxyNode;
}

function waysOf(decision: FrontendDecision, context: Context): WayExplanation[] {
  const { port } = context;
  const isInternal = decision.frontend.kind === 'clusterIP';
  const isLocalOnly = isInternal ? port.isInternalLocal : port.isExternalLocal;
  const policy = isInternal ? 'internalTrafficPolicy' : 'externalTrafficPolicy';
  const main = (clients: WayExplanation['clients']): WayExplanation =>
    explainWay(decision, {
      ...context,
      clients,
      isLocalOnly,
      policy: `${policy} is ${isLocalOnly ? 'Local' : 'Cluster'}`,
    });
  if (decision.fromCluster === undefined) return [main('everybody')];
  const inside = explainWay(decision.fromCluster, {
    ...context,
    clients: 'inside',
    isLocalOnly: false,
    policy: 'clients inside the cluster take the short way, whatever the policy',
  });
  return [inside, main('outside')];
}

interface WayContext extends Context {
  readonly clients: WayExplanation['clients'];
  readonly isLocalOnly: boolean;
  readonly policy: string;
}

function explainWay(destination: Destination, context: WayContext): WayExplanation {
  const { candidates, node, clients, isLocalOnly, policy } = context;
  const selection = selectionFor(candidates, isLocalOnly, node);
  const { endpoints, whenEmpty, masquerade } = destination;
  const isServed = endpoints.length > 0;
  return {
    clients,
    outcome: isServed ? 'served' : whenEmpty === 'drop' ? 'dropped' : 'refused',
    reason: `${policy}; ${isServed ? whySelected(selection) : whyNobody(whenEmpty)}`,
    masquerade,
    endpoints: candidates.map((candidate) => explainEndpoint(candidate, selection, node)),
  };
}

function whySelected({ isLocalOnly, state, topology }: Selection): string {
  const place = isLocalOnly ? ' of this node' : '';
  if (state === 'terminating')
    return `none${place} is ready, so those that still serve while they terminate count`;
  if (topology === 'node') return 'the ready endpoints that are meant for this node count';
  if (topology === 'zone') return 'the ready endpoints that are meant for this zone count';
  return `the ready endpoints${place} count`;
}

const whyNobody = (whenEmpty: Destination['whenEmpty']): string =>
  whenEmpty === 'drop' ? 'this node has no usable endpoint, others have' : 'no endpoint is usable anywhere';

function explainEndpoint(
  candidate: EndpointCandidate,
  selection: Selection,
  node: ProxyNode,
): EndpointExplanation {
  const { ip, port, weight = 1, nodeName, podName } = candidate;
  const leftOut = whyLeftOut(candidate, selection, node);
  return {
    ip,
    port,
    weight,
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(podName === undefined ? {} : { podName }),
    ...(leftOut === undefined ? {} : { leftOut }),
  };
}
