import type { ModeName } from '../../proxy/modes/registry.ts';

/** What the supervisor and its components say to each other over the IPC channel. Handles travel beside the messages. */
export type ToComponent =
  | { readonly type: 'stop' }
  /** The certificates are on the disk. */
  | { readonly type: 'pki-ready' }
  /** Comes with the listening TCP server or bound UDP socket that was asked for. */
  | { readonly type: 'host-socket'; readonly id: string; readonly protocol: 'TCP' | 'UDP' }
  | { readonly type: 'dns-answer'; readonly id: number; readonly answer: string | null };

export type FromComponent =
  /** The component does its job: `what` is `api`, `dns` or `node`. */
  | { readonly type: 'ready'; readonly what: string }
  /** The component cannot go on; a restart would not mend it. */
  | { readonly type: 'fatal'; readonly message: string }
  /** Listen on the host's loopback and hand the socket over. */
  | {
      readonly type: 'open-host-socket';
      readonly id: string;
      readonly protocol: 'TCP' | 'UDP';
      readonly port: number;
    }
  | { readonly type: 'close-host-socket'; readonly id: string }
  /** A DNS query (base64) for the host's own resolvers. */
  | { readonly type: 'dns-query'; readonly id: number; readonly query: string };

/** How Pods, nodes and the machine's network belong together. */
export type NetworkMode = 'sandbox' | 'host' | 'none';

/** Everything the control plane process is told when it starts. */
export interface ControlPlaneConfig {
  readonly network: NetworkMode;
  readonly dataDir: string;
  readonly pkiDir: string;
  /** The sandbox's own address on the network between its nodes, with prefix length; only there. */
  readonly fabricAddress?: string;
  /** Where the API server listens besides the inherited socket (descriptor 4). */
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  readonly advertise: { readonly host: string; readonly port: number };
  readonly serviceCIDR: string;
  readonly serviceNodePortRange: string;
  readonly clusterDomain: string;
  readonly clusterCIDR: string;
  readonly dns: {
    readonly clusterIP: string;
    /** Where the cluster IP leads. */
    readonly host: string;
    readonly port: number;
    /** More addresses of this process's network that names are answered on, with the same port. */
    readonly alsoOn: readonly string[];
  };
  /** Names are also answered on this port of the host's loopback; only in the sandbox. */
  readonly hostDnsPort?: number;
  readonly logLevel: string;
}

/** Everything a node process is told when it starts. */
export interface NodeProcessConfig {
  readonly network: NetworkMode;
  readonly name: string;
  /** 1 for the first node. */
  readonly index: number;
  readonly nodeIP: string;
  readonly podCIDR: string;
  readonly clusterCIDR: string;
  readonly serviceCIDR: string;
  readonly stateDir: string;
  /** Folder of the named network namespaces. */
  readonly netnsDir: string;
  readonly fabricAddress?: string;
  readonly pkiDir: string;
  readonly apiServer: string;
  readonly clusterDNS: string;
  readonly clusterDomain: string;
  readonly proxyMode: ModeName;
  /** This node carries the node ports to the host's loopback. */
  readonly isGate: boolean;
  readonly kubeletPort: number;
  readonly logLevel: string;
}
