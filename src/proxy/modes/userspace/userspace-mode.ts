import type { Socket } from 'node:net';
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { ProxyMode, ProxyState, ServicePort } from '../../state/model.ts';
import { createBalancer, createClientMemory } from './balancer.ts';
import type { ClientMemory } from './balancer.ts';
import type { Capture, LocalAddress, OpenPortal } from './capture.ts';
import { createPortal } from './portal.ts';
import type { Portal, PortalTarget } from './portal.ts';
import { openTcpListener } from './tcp-listener.ts';
import type { Listener } from './tcp-listener.ts';
import { openUdpListener } from './udp-listener.ts';

export interface UserspaceModeOptions {
  readonly capture: Capture;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default 30 s, the kernel's own time-out for UDP flows (net.netfilter.nf_conntrack_udp_timeout). */
  readonly udpIdleMs?: number;
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
  readonly sockets: Set<Socket>;
  /** By Service port: a client that comes by cluster IP and by node port meets the same endpoint. */
  readonly memories: Map<string, ClientMemory>;
}

export function createUserspaceMode(options: UserspaceModeOptions): UserspaceMode {
  const mode: Mode = {
    ...options,
    portals: new Map(),
    open: new Map(),
    sockets: new Set(),
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
      for (const socket of mode.sockets) socket.destroy();
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
  const { node } = state;
  await mode.capture.apply({
    node,
    portals: mode.open,
    changed: changed === undefined ? undefined : touched,
  });
}

async function update(mode: Mode, target: PortalTarget): Promise<void> {
  const { capture, clock, logger, sockets, udpIdleMs } = mode;
  let portal = mode.portals.get(target.id);
  if (portal === undefined) {
    const balancer = createBalancer(clock, memoryOf(mode, serviceOf(target.id)));
    const open = (address: LocalAddress): Promise<Listener> =>
      target.protocol === 'UDP'
        ? openUdpListener(address, { balancer, clock, idleMs: udpIdleMs ?? UDP_IDLE_MS })
        : openTcpListener(address, { balancer, clock, sockets });
    portal = createPortal({ capture, logger, balancer, open });
    mode.portals.set(target.id, portal);
  }
  mode.open.set(target.id, await portal.update(target));
}

function memoryOf(mode: Mode, id: string): ClientMemory {
  const known = mode.memories.get(id) ?? createClientMemory();
  mode.memories.set(id, known);
  return known;
}

function close(mode: Mode, portalId: string): boolean {
  const portal = mode.portals.get(portalId);
  portal?.close();
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
    const { protocol, affinitySeconds } = service;
    const { endpoints, whenEmpty } = first;
    const frontends = decisions.map(({ frontend }) => frontend);
    const hasEndpoints = endpoints.length > 0;
    targets.set(id, { id, protocol, affinitySeconds, endpoints, whenEmpty, frontends, hasEndpoints });
  }
  return targets;
}
