import type { IpFamily } from '../../net/ip.ts';

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

/**
 * Where a packet for a Service may be addressed. Node ports match every address the node accepts them on. With `endPort`
 * the frontend is the whole range port to endPort, and the translated packet keeps the port it came for; node ports are single numbers so far.
 */
export type Frontend =
  | {
      readonly kind: 'clusterIP' | 'externalIP' | 'loadBalancerIP';
      readonly ip: string;
      readonly port: number;
      readonly endPort?: number;
    }
  | { readonly kind: 'nodePort'; readonly port: number; readonly endPort?: number };

/** One address to send to. A mode never asks again whether it is ready or local enough: that is decided. */
export interface ProxyEndpoint {
  readonly ip: string;
  readonly port: number;
  readonly isLocal: boolean;
  /** Its share of new connections beside the others', a whole number from 1 up; absent = 1. */
  readonly weight?: number;
}

/**
 * When the source address is rewritten to the node's:
 * `off-cluster` = only when the source is not a Pod of the cluster; `always`; `never`. Hairpin is always masqueraded.
 */
export type Masquerade = 'off-cluster' | 'always' | 'never';

/** Where connections go that some kind of client makes. */
export interface Destination {
  /** In a stable order; empty = see `whenEmpty`. */
  readonly endpoints: readonly ProxyEndpoint[];
  readonly whenEmpty: 'reject' | 'drop';
  readonly masquerade: Masquerade;
}

/** A frontend with its finished decision. */
export interface FrontendDecision extends Destination {
  readonly frontend: Frontend;
  /**
   * What Pods of the cluster and the node itself get in place of the above: the short way to a frontend from outside
   * under policy Local. Absent = the same as everybody. It is `off-cluster` and the above `never`: the node's own connections alone
   * are masqueraded. It has endpoints whenever the above has some.
   */
  readonly fromCluster?: Destination;
  /**
   * Blocks, canonical and of the family; clients outside of all of them, Pods and the node too, are dropped, also where there are no
   * endpoints. Absent = everybody may. Only load balancer IPs have some.
   */
  readonly allowedSources?: readonly string[];
}

/** How new connections are dealt out; `random` is what the kernel modes do, a mode that cannot do one falls back to it. */
export type Balancing = 'random' | 'round-robin' | 'least-connections' | 'p2c';

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
  /** Where load balancers ask the node about the Service (TCP, every address); absent = nowhere. A mode lets them in where it guards the node. */
  readonly healthCheckPort?: number;
  /** As the Service asks for; absent = the mode's own choice. */
  readonly balancing?: Balancing;
  readonly frontends: readonly FrontendDecision[];
}

/** What the node itself contributes. */
export interface ProxyNode {
  readonly name: string;
  /** Sources inside these CIDRs are Pods of the cluster (never masqueraded to a cluster IP). Empty = unknown. */
  readonly podCIDRs: readonly string[];
  /** Recognizes Pods of this node by the link their packets come in by, in place of podCIDRs. */
  readonly podLinks?: { readonly bridge: string } | { readonly prefix: string };
  /** Masquerade every connection to a cluster IP. The decisions say so already (`always`); a mode need not look here. */
  readonly masqueradesAll?: boolean;
  /** The node's own address in this family, canonical; absent = unknown. */
  readonly ip?: string;
  /** Value of the node's label topology.kubernetes.io/zone; absent = unknown. */
  readonly zone?: string;
  /** Node ports are accepted on local addresses inside these CIDRs; empty = all addresses of the node. */
  readonly nodePortAddresses: readonly string[];
  /**
   * Node ports answer the node's own processes on 127.0.0.0/8 or ::1 too, if nodePortAddresses admits it; absent = no. The kernel can do it
   * for IPv4 alone, with the sysctl route_localnet: an answer from another machine to ::1 is never let in. Elsewhere listeners of the process
   * do it (modes/localhost-relay.ts), on the addresses 127.0.0.1 and ::1.
   */
  readonly hasLocalhostNodePorts?: boolean;
  /** Endpoints may have loopback addresses: those of a cluster without a network, all on this machine. Absent = no. */
  readonly hasLoopbackEndpoints?: boolean;
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
  /**
   * Another mode serves every new connection from now on: removes what the mode made but for what established connections need.
   * True: something stays for them, call it again now and then. Absent: `cleanup` ends no connection that another mode takes over.
   */
  retire?(state: ProxyState): Promise<boolean>;
  /** Closes the handles of the process on the kernel; what the mode made stays. Nothing else is called afterwards. */
  release?(): void;
}
