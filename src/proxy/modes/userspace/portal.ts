import type { Logger } from '../../../base/logger.ts';
import { codeOf } from '../../../base/thrown.ts';
import type { BalancerSettings } from './balancer.ts';
import type { Capture, ListenPlace, LocalAddress, OpenPortal, PortalSpec } from './capture.ts';
import type { Listener } from './tcp-relay.ts';

export interface PortalTarget extends PortalSpec, BalancerSettings {}

/** The listeners of one PortalSpec, which share their endpoints. */
export interface Portal {
  /**
   * Makes the listeners what the target asks for; one that may stay is not touched. Resolves when all listen. A place
   * where nothing can listen is logged and left out, and tried again with the next update.
   */
  update(target: PortalTarget): Promise<OpenPortal>;
  close(): void;
}

export interface PortalOptions {
  readonly capture: Capture;
  readonly setEndpoints: (settings: BalancerSettings) => void;
  /** Rejects with Node's error when it cannot listen there. */
  readonly open: (address: LocalAddress) => Promise<Listener>;
  readonly logger: Logger;
}

const MAY_TRY_NEXT = new Set(['EACCES', 'EADDRINUSE', 'EADDRNOTAVAIL']);

export function createPortal({ capture, setEndpoints, open, logger }: PortalOptions): Portal {
  const listeners = new Map<string, Listener>();
  const after = capture.leadsToOldListeners ? 'rules' : undefined;
  /** Where a place listened last: preferred to a free port when it opens again, so that a known address stays true. */
  const lastAddresses = new Map<string, LocalAddress>();

  const openAt = async (place: ListenPlace, id: string): Promise<void> => {
    const last = lastAddresses.get(place.name);
    const candidates = [
      ...place.candidates.filter((candidate) => candidate.port !== 0),
      ...(last === undefined ? [] : [last]),
      ...place.candidates.filter((candidate) => candidate.port === 0),
    ];
    let failure: unknown;
    for (const candidate of candidates) {
      try {
        const listener = await open(candidate);
        listeners.set(place.name, listener);
        lastAddresses.set(place.name, listener.address);
        return;
      } catch (error) {
        failure = error;
        if (!MAY_TRY_NEXT.has(codeOf(error) ?? '')) break;
      }
    }
    logger.warn('cannot listen for a Service port', { service: id, place: place.name, err: failure });
  };

  return {
    update: async (target) => {
      setEndpoints(target);
      const places = new Map(capture.places(target).map((place) => [place.name, place]));
      for (const [name, listener] of listeners) {
        if (places.has(name)) listener.refresh();
        else {
          listener.close(after);
          listeners.delete(name);
        }
      }
      const missing = [...places.values()].filter((place) => !listeners.has(place.name));
      await Promise.all(missing.map((place) => openAt(place, target.id)));
      const addresses = [...places.keys()].map((name) => listeners.get(name)?.address);
      return { ...specOf(target), addresses: addresses.filter((address) => address !== undefined) };
    },
    close: () => {
      for (const listener of listeners.values()) listener.close(after);
      listeners.clear();
    },
  };
}

function specOf(target: PortalTarget): PortalSpec {
  const { id, protocol, frontends, hasEndpoints, whenEmpty, isForCluster, hasShortWay, allowedSources } =
    target;
  return { id, protocol, frontends, hasEndpoints, whenEmpty, isForCluster, hasShortWay, allowedSources };
}
