import type { IpFamily } from '../../net/ip.ts';

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

/** Where a packet for a Service may be addressed. Node ports match every address the node accepts them on. */
export type Frontend =
  | {
      readonly kind: 'clusterIP' | 'externalIP' | 'loadBalancerIP';
      readonly ip: string;
      readonly port: number;
    }
  | { readonly kind: 'nodePort'; readonly port: number };

/** One address to send to. A mode never asks again whether it is ready or local enough: that is decided. */
export interface ProxyEndpoint {
  readonly ip: string;
  readonly port: number;
  readonly isLocal: boolean;
}

/**
 * When the source address is rewritten to the node's:
 * `off-cluster` = only when the source is not a Pod of the cluster; `always`; `never`. Hairpin is always masqueraded.
 */
export type Masquerade = 'off-cluster' | 'always' | 'never';

/** A frontend with its finished decision. */
export interface FrontendDecision {
  readonly frontend: Frontend;
  /** In a stable order; empty = see `whenEmpty`. */
  readonly endpoints: readonly ProxyEndpoint[];
  readonly whenEmpty: 'reject' | 'drop';
  readonly masquerade: Masquerade;
}

/** One port of one Service in one address family: the unit of change. */
export interface ServicePort {
  /** `namespace/name:port/PROTOCOL`, e.g. `default/my-service:http/TCP`; an unnamed port is `default/my-service:/TCP`. */
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly portName: string;
  readonly protocol: Protocol;
  /** Session affinity by client IP for so many seconds; 0 = none. */
  readonly affinitySeconds: number;
  readonly frontends: readonly FrontendDecision[];
}

/** What the node itself contributes. */
export interface ProxyNode {
  readonly name: string;
  /** Sources inside these CIDRs are Pods of the cluster (never masqueraded to a cluster IP). Empty = unknown. */
  readonly podCIDRs: readonly string[];
  /** Node ports are accepted on local addresses inside these CIDRs; empty = all addresses of the node. */
  readonly nodePortAddresses: readonly string[];
}

/** Everything one node's proxy must make true, for one address family. Finished decisions only. */
export interface ProxyState {
  readonly family: IpFamily;
  readonly node: ProxyNode;
  readonly services: ReadonlyMap<string, ServicePort>;
}

/**
 * One way to make a ProxyState true. One instance serves one family.
 * sync adopts what an earlier process of the same mode left behind, writes only what differs, and is atomic: on an
 * error nothing of the change stays and the next sync tries again. `changed` names the ids that may differ from the last
 * successful sync; undefined = look at everything. It resolves when the kernel (or the listeners) hold the state.
 */
export interface ProxyMode {
  sync(state: ProxyState, changed?: ReadonlySet<string>): Promise<void>;
  /** Removes everything the mode ever made, also of an earlier process. Harmless when there is nothing. */
  cleanup(): Promise<void>;
}
