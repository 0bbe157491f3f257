import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Destination, Frontend, ProxyMode, ProxyState, ServicePort } from '../../state/model.ts';
import { createBalancer, createClientMemory } from './balancer.ts';
import type { ClientMemory } from './balancer.ts';
import type { Capture, LocalAddress, OpenPortal } from './capture.ts';
import { createPortal } from './portal.ts';
import type { Portal, PortalOptions, PortalTarget } from './portal.ts';
import { createStreamRelay } from './stream-relay.ts';
import type { Listener, TcpRelay } from './tcp-relay.ts';
import { createThreadedRelay, hasThreadedRelay } from './threaded-relay.ts';
import { openUdpListener } from './udp-listener.ts';

export interface UserspaceModeOptions {
  readonly capture: Capture;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default 30 s, the kernel's own time-out for UDP flows (net.netfilter.nf_conntrack_udp_timeout). */
  readonly udpIdleMs?: number;
  /** What carries TCP; default: the thread, where there can be one. */
  readonly relay?: TcpRelay;
  /** What carries UDP; default: sockets of this thread. */
  readonly openUdp?: typeof openUdpListener;
}

/**
 * The proxy that carries the bytes itself: a listener per Service port, round robin, another endpoint when one does not
 * accept. TCP and UDP; a Service port of SCTP is left alone, with a warning. Unlike other modes it is not atomic: where
 * one listener cannot be opened the others are, and the failure is a line in the log.
 */
export interface UserspaceMode extends ProxyMode {
  /** Where the process itself listens for a Service port (an id of ProxyState.services); undefined while it does not. */
  localAddress(id: string): LocalAddress | undefined;
  /** Ends listeners and established connections. Rules of the capture stay for the next process. */
  close(): void;
}

interface Mode extends UserspaceModeOptions {
  readonly portals: Map<string, Portal>;
  /** By Service port. */
  readonly portalsOf: Map<string, readonly string[]>;
  readonly open: Map<string, OpenPortal>;
  /** Portals that are no more, and serve whoever is still led to them until the capture has been told. */
  readonly leaving: Set<string>;
  /** What each Service port was when it was last served in full: as long as it is the same object there is nothing to do. */
  readonly served: Map<string, ServicePort>;
  readonly relay: TcpRelay;
  /** Of UDP, by Service port: a client that comes by cluster IP and by node port meets the same endpoint. */
  readonly memories: Map<string, ClientMemory>;
}

export function createUserspaceMode(options: UserspaceModeOptions): UserspaceMode {
  const mode: Mode = {
    ...options,
    portals: new Map(),
    portalsOf: new Map(),
    open: new Map(),
    leaving: new Set(),
    served: new Map(),
    relay: options.relay ?? (hasThreadedRelay ? createThreadedRelay() : createStreamRelay(options.clock)),
    memories: new Map(),
  };
  const closePortals = (): void => {
    for (const portal of mode.portals.values()) portal.close();
    mode.portals.clear();
    mode.portalsOf.clear();
    mode.open.clear();
    mode.leaving.clear();
    mode.served.clear();
  };
  return {
    sync: (state, changed) => sync(mode, state, changed),
    cleanup: async () => {
      // First nobody is led here any more, then nobody listens: another mode takes over without a refused connection.
      await options.capture.cleanup();
      closePortals();
      await mode.relay.settled();
    },
    localAddress: (id) => {
      const portals = mode.portalsOf.get(id) ?? [];
      return portals.flatMap((portal) => mode.open.get(portal)?.addresses ?? [])[0];
    },
    close: () => {
      closePortals();
      mode.relay.close();
    },
  };
}

async function sync(mode: Mode, state: ProxyState, changed: ReadonlySet<string> | undefined): Promise<void> {
  const ids = changed ?? new Set([...state.services.keys(), ...mode.portalsOf.keys()]);
  const touched = new Set<string>();
  const updates: Promise<void>[] = [];
  for (const id of ids) {
    const service = state.services.get(id);
    if (service !== undefined && mode.served.get(id) === service) continue;
    mode.served.delete(id);
    const targets = targetsOf(mode, service);
    for (const portalId of mode.portalsOf.get(id) ?? []) {
      if (targets.has(portalId)) continue;
      mode.open.delete(portalId);
      touched.add(portalId);
      if (mode.capture.leadsToOldListeners) mode.leaving.add(portalId);
      else close(mode, portalId);
    }
    for (const portalId of targets.keys()) touched.add(portalId);
    if (targets.size > 0) mode.portalsOf.set(id, [...targets.keys()]);
    else mode.portalsOf.delete(id);
    if (service === undefined) mode.memories.delete(id);
    else updates.push(serve(mode, service, targets));
    // So many on the way hold memory that nobody gives back.
    if (updates.length === MAX_UPDATES) await Promise.all(updates.splice(0));
  }
  await Promise.all(updates);
  await mode.relay.settled();
  const { node } = state;
  await mode.capture.apply({
    node,
    portals: mode.open,
    changed: changed === undefined ? undefined : touched,
  });
  if (mode.leaving.size === 0) return;
  for (const portalId of mode.leaving) close(mode, portalId);
  mode.leaving.clear();
  await mode.relay.settled();
}

async function serve(
  mode: Mode,
  service: ServicePort,
  targets: ReadonlyMap<string, PortalTarget>,
): Promise<void> {
  const areComplete = await Promise.all([...targets.values()].map((target) => update(mode, target)));
  // A place where nothing can listen is tried again with the next sync.
  if (areComplete.every((isComplete) => isComplete)) mode.served.set(service.id, service);
}

/** Whether it listens wherever it should. */
async function update(mode: Mode, target: PortalTarget): Promise<boolean> {
  mode.leaving.delete(target.id);
  let portal = mode.portals.get(target.id);
  if (portal === undefined) {
    const carrier = target.protocol === 'UDP' ? carryUdp(mode, target.id) : carryTcp(mode, target.id);
    portal = createPortal({ capture: mode.capture, logger: mode.logger, ...carrier });
    mode.portals.set(target.id, portal);
  }
  const open = await portal.update(target);
  mode.open.set(target.id, open);
  return open.addresses.length === mode.capture.places(target).length;
}

type Carrier = Pick<PortalOptions, 'setEndpoints' | 'open'>;

function carryTcp({ relay }: Mode, id: string): Carrier {
  return {
    setEndpoints: ({ endpoints, affinitySeconds, balancing }) =>
      relay.setPool(id, {
        // What a choice needs and no more: it is copied to a thread.
        endpoints: endpoints.map(({ ip, port, weight, isLocal }) => ({
          ip,
          port,
          ...(weight !== undefined && { weight }),
          ...(isLocal && { isLocal }),
        })),
        ...{ affinitySeconds, balancing },
        memory: serviceOf(id),
      }),
    open: (address) => relay.listen(id, address),
  };
}

function carryUdp(mode: Mode, id: string): Carrier {
  const { clock, udpIdleMs, openUdp = openUdpListener } = mode;
  const balancer = createBalancer({ clock, clients: memoryOf(mode, serviceOf(id)) });
  return {
    setEndpoints: (settings) => balancer.set(settings),
    open: (address): Promise<Listener> =>
      openUdp(address, { balancer, clock, idleMs: udpIdleMs ?? UDP_IDLE_MS }),
  };
}

function memoryOf(mode: Mode, id: string): ClientMemory {
  const known = mode.memories.get(id) ?? createClientMemory();
  mode.memories.set(id, known);
  return known;
}

function close(mode: Mode, portalId: string): void {
  const portal = mode.portals.get(portalId);
  portal?.close();
  mode.relay.removePool(portalId);
  mode.portals.delete(portalId);
}

/** Service ports whose listeners are being opened at a time. */
const MAX_UPDATES = 500;
const UDP_IDLE_MS = 30_000;

const serviceOf = (portalId: string): string => portalId.slice(0, portalId.indexOf(' '));

/** A port range is a listener for each port, hence not without a limit. */
const MAX_RANGE = 1024;

/**
 * The portals of a Service port by their ids. Frontends share one as long as they share their endpoints: inside and
 * outside have different ones under some traffic policies, and each port of a range has its own.
 */
function targetsOf(mode: Mode, service: ServicePort | undefined): ReadonlyMap<string, PortalTarget> {
  const targets = new Map<string, PortalTarget>();
  if (service === undefined) return targets;
  const { id, protocol, affinitySeconds, balancing } = service;
  if (protocol === 'SCTP') {
    mode.logger.warn('the userspace proxy cannot carry SCTP', { service: id });
    return targets;
  }
  const add = (scope: string, what: Place): void => {
    const { frontend, destination, ...rest } = what;
    const portalId = `${id} ${scope}`;
    const frontends = [...(targets.get(portalId)?.frontends ?? []), frontend];
    const { endpoints, whenEmpty } = destination;
    const hasEndpoints = endpoints.length > 0;
    const how = { protocol, affinitySeconds, balancing, endpoints, whenEmpty, hasEndpoints };
    targets.set(portalId, { id: portalId, frontends, ...how, ...rest });
  };
  for (const decision of service.frontends) {
    for (const [suffix, frontend, to] of portsOf(mode, id, decision.frontend)) {
      const { allowedSources, fromCluster } = decision;
      const scope =
        frontend.kind === 'clusterIP' ? 'internal' : allowedSources === undefined ? 'external' : 'guarded';
      const hasShortWay = fromCluster !== undefined;
      add(`${scope}${suffix}`, { frontend, destination: to(decision), allowedSources, hasShortWay });
      if (fromCluster !== undefined)
        add(`inside${suffix}`, { frontend, destination: to(fromCluster), isForCluster: true });
    }
  }
  return targets;
}

interface Place extends Pick<PortalTarget, 'allowedSources' | 'isForCluster' | 'hasShortWay'> {
  readonly frontend: Frontend;
  readonly destination: Destination;
}

type PortOfRange = readonly [suffix: string, frontend: Frontend, to: (d: Destination) => Destination];

/** A frontend port by port: what tells the ports apart, and the endpoints with that port. */
function portsOf(mode: Mode, id: string, frontend: Frontend): readonly PortOfRange[] {
  const { port, endPort, ...rest } = frontend;
  if (endPort === undefined) return [['', frontend, (destination) => destination]];
  if (endPort - port >= MAX_RANGE)
    mode.logger.warn('the userspace proxy serves the first ports of a range only', {
      service: id,
      port,
      endPort,
      served: MAX_RANGE,
    });
  const n = Math.min(endPort - port + 1, MAX_RANGE);
  return Array.from({ length: n }, (_, i): PortOfRange => {
    const own = port + i;
    const to = (destination: Destination): Destination => ({
      ...destination,
      endpoints: destination.endpoints.map((endpoint) => ({ ...endpoint, port: own })),
    });
    return [` ${own}`, { ...rest, port: own }, to];
  });
}
