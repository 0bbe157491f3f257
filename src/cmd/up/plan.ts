import type { ControlPlaneConfig, NodeProcessConfig } from './messages.ts';
import type { UpOptions } from './options.ts';

/** Addresses and paths of a cluster to be, from what was asked for. */
export interface ClusterPlan {
  readonly controlPlane: ControlPlaneConfig;
  readonly nodes: readonly NodeProcessConfig[];
}

export interface PlanInput {
  readonly options: UpOptions;
  readonly root: string;
  readonly run: string;
  readonly pki: string;
  /** Where the API is reached on the host. */
  readonly apiPort: number;
  readonly dnsPort: number;
  /** This machine's own address; used by `--network host` only. */
  readonly hostIP: string;
}

const LOOPBACK = '127.0.0.1';
const FABRIC_HOST = '172.18.0.1';
const SANDBOX_API_PORT = 6443;
const KUBELET_PORT = 10250;

interface Addresses {
  readonly serviceCIDR: string;
  readonly clusterCIDR: string;
  readonly clusterDNS: string;
  readonly advertise: { readonly host: string; readonly port: number };
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  readonly dns: Omit<ControlPlaneConfig['dns'], 'clusterIP'>;
  node(index: number): { readonly nodeIP: string; readonly podCIDR: string };
}

/** The cluster's one address plan. Without network namespaces everything lives on loopback addresses. */
function addresses({ options, apiPort, dnsPort, hostIP }: PlanInput): Addresses {
  const kernel = { serviceCIDR: '10.96.0.0/12', clusterCIDR: '10.244.0.0/16', clusterDNS: '10.96.0.10' };
  const pods = (index: number): string => `10.244.${index - 1}.0/24`;
  switch (options.network) {
    case 'sandbox':
      return {
        ...kernel,
        advertise: { host: FABRIC_HOST, port: SANDBOX_API_PORT },
        listen: [{ host: FABRIC_HOST, port: SANDBOX_API_PORT }],
        dns: { host: FABRIC_HOST, port: 53, alsoOn: [] },
        node: (index) => ({ nodeIP: `172.18.0.${1 + index}`, podCIDR: pods(index) }),
      };
    case 'host':
      return {
        ...kernel,
        advertise: { host: hostIP, port: apiPort },
        listen: [{ host: hostIP, port: apiPort }],
        dns: { host: hostIP, port: dnsPort, alsoOn: hostIP === LOOPBACK ? [] : [LOOPBACK] },
        node: (index) => ({ nodeIP: hostIP, podCIDR: pods(index) }),
      };
    case 'none':
      return {
        serviceCIDR: '127.96.0.0/16',
        clusterCIDR: '127.244.0.0/16',
        clusterDNS: '127.96.0.10',
        advertise: { host: LOOPBACK, port: apiPort },
        listen: [],
        dns: { host: LOOPBACK, port: dnsPort, alsoOn: [] },
        node: (index) => ({ nodeIP: LOOPBACK, podCIDR: `127.244.${index - 1}.0/24` }),
      };
  }
}

/** Pure: the same input gives the same cluster. */
export function planCluster(input: PlanInput): ClusterPlan {
  const { options, root, run, pki } = input;
  const a = addresses(input);
  const shared = {
    network: options.network,
    pkiDir: pki,
    ...(options.network === 'sandbox' ? { fabricAddress: `${FABRIC_HOST}/16` } : {}),
    serviceCIDR: a.serviceCIDR,
    clusterCIDR: a.clusterCIDR,
    clusterDomain: 'cluster.local',
    logLevel: options.logLevel,
  };
  const nodes = Array.from({ length: options.nodes }, (_, i): NodeProcessConfig => {
    const name = `node-${i + 1}`;
    return {
      ...shared,
      ...a.node(i + 1),
      name,
      index: i + 1,
      stateDir: `${root}/nodes/${name}`,
      netnsDir: `${run}/netns`,
      apiServer: `https://${a.advertise.host}:${a.advertise.port}`,
      clusterDNS: a.clusterDNS,
      proxyMode: options.proxyMode,
      isGate: i === 0 && options.network === 'sandbox',
      kubeletPort: KUBELET_PORT,
    };
  });
  const controlPlane: ControlPlaneConfig = {
    ...shared,
    dataDir: root,
    listen: a.listen,
    advertise: a.advertise,
    serviceNodePortRange: '30000-32767',
    dns: { clusterIP: a.clusterDNS, ...a.dns },
    ...(options.network === 'sandbox' ? { hostDnsPort: input.dnsPort } : {}),
  };
  return { controlPlane, nodes };
}
