import { hostPort } from '../../net/host-port.ts';
import type { IpFamily } from '../../net/ip.ts';

export type VirtualProtocol = 'TCP' | 'UDP' | 'SCTP';

/** Schedulers of the kernel (net/netfilter/ipvs); `mh` since Linux 4.18. */
export const schedulers = ['rr', 'wrr', 'lc', 'wlc', 'dh', 'sh', 'sed', 'nq', 'mh'] as const;
export type Scheduler = (typeof schedulers)[number];

/**
 * What a virtual server is known by: an address with protocol and port (addresses canonical), or the mark of packets, whatever
 * their addresses and ports. The kernel looks for the mark first.
 */
export type VirtualServerKey =
  | {
      readonly kind: 'address';
      readonly family: IpFamily;
      readonly protocol: VirtualProtocol;
      readonly ip: string;
      readonly port: number;
    }
  | { readonly kind: 'mark'; readonly family: IpFamily; readonly mark: number };

/** Flags of the schedulers `sh` and `mh`: try another destination when the one drawn takes none; hash the client's port too. */
export interface SchedulerFlags {
  readonly hasFallback: boolean;
  readonly hashesPort: boolean;
}

export interface VirtualServer {
  readonly key: VirtualServerKey;
  /** A name the kernel knows; others' servers may have one that is not in `schedulers`. */
  readonly scheduler: string;
  /** A client (one address) goes back to where it went less than so many seconds ago; 0 = no. */
  readonly persistenceSeconds: number;
  /** Absent = neither. */
  readonly flags?: SchedulerFlags;
}

/** Where packets of a virtual server may be sent, by address translation. Its identity is its address and port. */
export interface VirtualDestination {
  readonly ip: string;
  /** 0 keeps the port the packet came for; only below a mark. */
  readonly port: number;
  /** Share of new connections; 0 = none, those that are there go on. */
  readonly weight: number;
}

/** A destination as it is. */
export interface HeldDestination extends VirtualDestination {
  readonly nActive: number;
  /** Ending, and UDP ones that were silent for a while. */
  readonly nInactive: number;
}

/** A virtual server as it is. */
export interface HeldServer {
  readonly server: VirtualServer;
  readonly destinations: readonly HeldDestination[];
}

/** Seconds the kernel remembers a silent connection; 0 when written = as it is. */
export interface IpvsTimeouts {
  readonly tcpSeconds: number;
  readonly tcpFinSeconds: number;
  readonly udpSeconds: number;
}

export type IpvsCommand =
  /** EEXIST when there is one of that key; ENOENT when the kernel has no such scheduler. */
  | { readonly op: 'add-server' | 'set-server'; readonly server: VirtualServer }
  /** With its destinations; their connections end with the next packet. ESRCH when there is none. */
  | { readonly op: 'delete-server'; readonly key: VirtualServerKey }
  /** EEXIST, or ENOENT when there is none to set or delete; ESRCH without the server. */
  | {
      readonly op: 'add-destination' | 'set-destination' | 'delete-destination';
      readonly key: VirtualServerKey;
      readonly destination: VirtualDestination;
    }
  | { readonly op: 'set-timeouts'; readonly timeouts: IpvsTimeouts }
  /** Deletes every virtual server of the network namespace, whoever made it. */
  | { readonly op: 'flush' };

/** What the kernel counted at a virtual server since it was made; packets and bytes of both ways, IP headers included. */
export interface ServerCounts {
  readonly connections: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface CountedServer {
  readonly key: VirtualServerKey;
  readonly counts: ServerCounts;
}

/** What IPVS has counted in one network namespace. */
export interface IpvsCounts {
  /** Of both families and by mark, in no order. */
  counts(): Promise<CountedServer[]>;
}

/** IPVS of one network namespace: real, or a fake that interprets. */
export interface Ipvs extends IpvsCounts {
  /** In order; not atomic: throws IpvsError naming the first refused one, and those around it are done. */
  apply(commands: readonly IpvsCommand[]): Promise<void>;
  /** Of both families and by mark, in no order. Two readings for all of them: what changes meanwhile may be half told. */
  servers(): Promise<HeldServer[]>;
  /** In no order; throws IpvsError ESRCH when there is no such server. */
  destinations(key: VirtualServerKey): Promise<HeldDestination[]>;
  timeouts(): Promise<IpvsTimeouts>;
  /** `1.2.1` and the like; throws when the kernel has no IPVS. */
  version(): Promise<string>;
  close(): void;
}

/** A refused request; `code` is the errno's name. */
export class IpvsError extends Error {
  override readonly name = 'IpvsError';
  readonly code: string;

  constructor(what: string, code: string, options?: ErrorOptions) {
    super(`ipvs: ${what}: ${code}`, options);
    this.code = code;
  }
}

/** A key in words, which tells it from all others: `TCP 10.96.0.1:80`, `TCP [fd00::1]:80`, `FWM 7 IPv4`. */
export function serverText(key: VirtualServerKey): string {
  if (key.kind === 'mark') return `FWM ${key.mark} ${key.family}`;
  return `${key.protocol} ${hostPort(key.ip, key.port)}`;
}

/** Identity of a destination within its server. */
export const destinationText = ({ ip, port }: Pick<VirtualDestination, 'ip' | 'port'>): string =>
  hostPort(ip, port);

/** A command in words, for error messages: `add-destination TCP 10.96.0.1:80 -> 10.244.0.2:8080`. */
export function describeIpvsCommand(command: IpvsCommand): string {
  switch (command.op) {
    case 'add-server':
    case 'set-server':
      return `${command.op} ${serverText(command.server.key)} ${command.server.scheduler}`;
    case 'delete-server':
      return `${command.op} ${serverText(command.key)}`;
    case 'set-timeouts':
    case 'flush':
      return command.op;
    default:
      return `${command.op} ${serverText(command.key)} -> ${destinationText(command.destination)}`;
  }
}
