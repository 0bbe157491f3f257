import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { ProxyMode, ProxyState, ServicePort } from '../../state/model.ts';
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
  readonly open: Map<string, OpenPortal>;
  readonly relay: TcpRelay;
  /** Of UDP, by Service port: a client that comes by cluster IP and by node port meets the same endpoint. */
  readonly memories: Map<string, ClientMemory>;
}

export function createUserspaceMode(options: UserspaceModeOptions): UserspaceMode {
  const mode: Mode = {
    ...options,
    portals: new Map(),
    open: new Map(),
    relay: options.relay ?? (hasThreadedRelay ? createThreadedRelay() : createStreamRelay(options.clock)),
    memories: new Map(),
  };
  const closePortals = (): void => {
    for (const portal of mode.portals.values()) portal.close();
    mode.portals.clear();
    mode.open.clear();
  };
  return {
    sync: (state, changed) => sync(mode, state, changed),
    cleanup: async () => {
      closePortals();
      await mode.relay.settled();
      await options.capture.cleanup();
    },
    localAddress: (id) => {
      for (const scope of SCOPES) {
        const address = mode.open.get(`${id} ${scope}`)?.addresses[0];
        if (address !== undefined) return address;
      }
      return undefined;
    },
    close: () => {
      closePortals();
      mode.relay.close();
    },
  };
}

async function sync(mode: Mode, state: ProxyState, changed: ReadonlySet<string> | undefined): Promise<void> {
  const ids = changed ?? new Set([...state.services.keys(), ...[...mode.portals.keys()].map(serviceOf)]);
  const touched = new Set<string>();
  const updates: Promise<void>[] = [];
  for (const id of ids) {
    const service = state.services.get(id);
    if (service === undefined) mode.memories.delete(id);
    const targets = targetsOf(mode, service);
    for (const portalId of SCOPES.map((scope) => `${id} ${scope}`)) {
      const target = targets.get(portalId);
      if (target !== undefined) updates.push(update(mode, target));
      else if (!close(mode, portalId)) continue;
      touched.add(portalId);
    }
  }
  await Promise.all(updates);
  await mode.relay.settled();
  const { node } = state;
  await mode.capture.apply({
    node,
    portals: mode.open,
    changed: changed === undefined ? undefined : touched,
  });
}

async function update(mode: Mode, target: PortalTarget): Promise<void> {
  let portal = mode.portals.get(target.id);
  if (portal === undefined) {
    const carrier = target.protocol === 'UDP' ? carryUdp(mode, target.id) : carryTcp(mode, target.id);
    portal = createPortal({ capture: mode.capture, logger: mode.logger, ...carrier });
    mode.portals.set(target.id, portal);
  }
  mode.open.set(target.id, await portal.update(target));
}

type Carrier = Pick<PortalOptions, 'setEndpoints' | 'open'>;

function carryTcp({ relay }: Mode, id: string): Carrier {
  return {
    setEndpoints: ({ endpoints, affinitySeconds, balancing }) =>
      relay.setPool(id, { endpoints, affinitySeconds, balancing, memory: serviceOf(id) }),
    open: (address) => relay.listen(id, address),
  };
}

function carryUdp(mode: Mode, id: string): Carrier {
  const { clock, udpIdleMs } = mode;
  const balancer = createBalancer({ clock, clients: memoryOf(mode, serviceOf(id)) });
  return {
    setEndpoints: (settings) => balancer.set(settings),
    open: (address): Promise<Listener> =>
      openUdpListener(address, { balancer, clock, idleMs: udpIdleMs ?? UDP_IDLE_MS }),
  };
}

function memoryOf(mode: Mode, id: string): ClientMemory {
  const known = mode.memories.get(id) ?? createClientMemory();
  mode.memories.set(id, known);
  return known;
}

function close(mode: Mode, portalId: string): boolean {
  const portal = mode.portals.get(portalId);
  portal?.close();
  mode.relay.removePool(portalId);
  mode.open.delete(portalId);
  return mode.portals.delete(portalId);
}

const UDP_IDLE_MS = 30_000;

/** Inside and outside are told apart because traffic policies give them different endpoints. */
const SCOPES = ['internal', 'external'] as const;
const serviceOf = (portalId: string): string => portalId.slice(0, portalId.lastIndexOf(' '));

function targetsOf(mode: Mode, service: ServicePort | undefined): ReadonlyMap<string, PortalTarget> {
  const targets = new Map<string, PortalTarget>();
  if (service?.protocol === 'SCTP') {
    mode.logger.warn('the userspace proxy cannot carry SCTP', { service: service.id });
    return targets;
  }
  for (const scope of SCOPES) {
    const decisions = (service?.frontends ?? []).filter(
      ({ frontend }) => (frontend.kind === 'clusterIP') === (scope === 'internal'),
    );
    const [first] = decisions;
    if (service === undefined || first === undefined) continue;
    const id = `${service.id} ${scope}`;
    const { protocol, affinitySeconds, balancing } = service;
    const { endpoints, whenEmpty } = first;
    const frontends = decisions.map(({ frontend }) => frontend);
    const hasEndpoints = endpoints.length > 0;
    targets.set(id, {
      id,
      protocol,
      affinitySeconds,
      balancing,
      endpoints,
      whenEmpty,
      frontends,
      hasEndpoints,
    });
  }
  return targets;
}
