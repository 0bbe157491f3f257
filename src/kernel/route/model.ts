/** A network device as it should be. Absent members are left as they are. */
export interface LinkSpec {
  readonly kind: 'link';
  readonly name: string;
  /** What to create when there is none of that name; without it a missing link is an error. */
  readonly create?: BridgeSpec | DummySpec | VethSpec;
  readonly isUp?: boolean;
  readonly mtu?: number;
  /** `02:00:00:00:00:01` */
  readonly mac?: string;
  /** The bridge it is a port of. */
  readonly master?: string;
}

export interface BridgeSpec {
  readonly type: 'bridge';
}

/** A device without a wire, to have addresses on. Kernels without it answer EOPNOTSUPP. */
export interface DummySpec {
  readonly type: 'dummy';
}

/** A pair of devices; `peer` is the other end, made in the network namespace at `netnsPath` (default: the same). */
export interface VethSpec {
  readonly type: 'veth';
  readonly peer: {
    readonly name: string;
    readonly netnsPath?: string;
    readonly mac?: string;
    readonly mtu?: number;
  };
}

export interface AddressSpec {
  readonly kind: 'address';
  readonly link: string;
  /** `10.244.0.2/32`: the address itself with its prefix length. */
  readonly address: string;
}

export interface RouteSpec {
  readonly kind: 'route';
  /** A CIDR; `0.0.0.0/0` and `::/0` are default routes. */
  readonly to: string;
  /** Gateway; without one the destination is on the link itself (scope link). */
  readonly via?: string;
  /** Device; may be left out when `via` is reachable. */
  readonly link?: string;
  /** The gateway counts as reachable on `link` without a route to it. */
  readonly isOnLink?: boolean;
  /** Packets to it are refused (ICMP host unreachable) instead of sent anywhere. */
  readonly isUnreachable?: boolean;
  /** Preferred source address. */
  readonly source?: string;
  /**
   * The destination is this machine's own (type and table `local`), as if it were an address of `link`, behind routes the kernel
   * itself makes for such addresses. With `source` processes that call it have that address, not the destination's own. Such
   * routes are not listed.
   */
  readonly isLocal?: boolean;
}

/** A neighbour entry that never expires. */
export interface NeighbourSpec {
  readonly kind: 'neighbour';
  readonly link: string;
  readonly ip: string;
  readonly mac: string;
}

/** One thing a network namespace can have. A list of them is a plan; order matters (links before what uses them). */
export type NetworkObject = LinkSpec | AddressSpec | RouteSpec | NeighbourSpec;

/** A device as it is. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** `veth`, `bridge` …; the empty string for physical devices and loopback. */
  readonly type: string;
  readonly isUp: boolean;
  readonly mtu: number;
  readonly mac: string;
  /** Index of the bridge it is a port of; 0 when none. */
  readonly master: number;
}

/** The network configuration of one namespace. */
export interface NetworkStack {
  /** Makes it so; true when something had to change. Throws NetlinkError when the kernel refuses. Many addresses go in one send. */
  ensure(object: NetworkObject | readonly AddressSpec[]): boolean;
  /** Removes it; false when it was not there. Links are found by name, the rest by all that is given. */
  remove(object: NetworkObject | readonly AddressSpec[]): boolean;
  links(): readonly Link[];
  /** All addresses and all routes of the main table (those the kernel adds itself are left out), in the shape `ensure` takes. */
  list(kind: 'address' | 'route'): readonly (AddressSpec | RouteSpec)[];
  /** Writes `net.ipv4.ip_forward`-like settings; true when the value was another one. */
  sysctl(name: string, value: string): boolean;
  close(): void;
}
