import type { Frontend, Protocol, ProxyNode } from '../../state/model.ts';

export interface LocalAddress {
  readonly host: string;
  readonly port: number;
}

/** The frontends of one Service port that share their endpoints. */
export interface PortalSpec {
  readonly id: string;
  readonly protocol: Protocol;
  readonly frontends: readonly Frontend[];
  readonly hasEndpoints: boolean;
  readonly whenEmpty: 'reject' | 'drop';
  /** Only for Pods of the cluster and the node itself, who are led here first; absent = for everybody. */
  readonly isForCluster?: boolean | undefined;
  /** Another portal has the same frontends for the cluster's own clients. */
  readonly hasShortWay?: boolean | undefined;
  /** Blocks; clients outside of all of them are dropped. Absent = everybody may. */
  readonly allowedSources?: readonly string[] | undefined;
}

/** Somewhere to listen: the addresses are tried in order until one is free and allowed. Port 0 = any free one. */
export interface ListenPlace {
  /** Stays the same as long as the listener may stay. */
  readonly name: string;
  readonly candidates: readonly LocalAddress[];
}

/** A portal with the addresses it listens on; none while it has no endpoints. */
export interface OpenPortal extends PortalSpec {
  readonly addresses: readonly LocalAddress[];
}

export interface Captured {
  readonly node: ProxyNode;
  readonly portals: ReadonlyMap<string, OpenPortal>;
  /** Ids of portals that may differ from the last call, gone ones included; undefined = look at everything. */
  readonly changed: ReadonlySet<string> | undefined;
}

/** How packets for a virtual IP find the process. */
export interface Capture {
  /**
   * Whether packets reach a listener that is no place any more until `apply`: then it is closed afterwards, so that nobody is refused in
   * between. Otherwise it is closed first, since another one may want its address.
   */
  readonly leadsToOldListeners: boolean;
  /** Where a portal must listen; pure. Empty = nowhere. */
  places(portal: PortalSpec): readonly ListenPlace[];
  /**
   * Resolves when packets for every portal's frontends reach its listeners, and those of portals without endpoints are
   * refused or dropped.
   */
  apply(captured: Captured): Promise<void>;
  /** Undoes everything, also of an earlier process. */
  cleanup(): Promise<void>;
}
