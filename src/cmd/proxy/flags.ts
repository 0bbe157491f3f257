import type { FlagTable } from '../component/flags.ts';

const text = (help: string) => ({ kind: 'text', help }) as const;
const list = (help: string) => ({ kind: 'list', help }) as const;
const isOn = (help: string) => ({ kind: 'switch', help }) as const;
const number = (help: string) => ({ kind: 'number', help }) as const;
const fraction = (help: string) => ({ kind: 'fraction', help }) as const;
const duration = (help: string) => ({ kind: 'duration', help }) as const;

/** What `portico proxy` takes: the flags of kube-proxy with their meanings. With --config all but the first group are ignored. */
export const proxyFlags = {
  config: text('File with a KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1), YAML or JSON.'),
  cleanup: isOn('Take away everything that any proxy mode left on this machine, and end.'),
  'write-config-to': text('Write the configuration, defaults filled in, to this file and end.'),
  'init-only': isOn('Do what needs all privileges (sysctls), and end; CAP_NET_ADMIN is enough afterwards.'),
  version: isOn('Print the version, and end.'),
  'hostname-override': text('Name of the Node this runs on (default: the host name).'),
  master: text('Address of the API server, in place of the one in the kubeconfig.'),
  v: number('How much is logged: 2 says what changed by numbers, 4 by names (default 0).'),
  'log-level': text('debug, info, warn or error, in place of --v.'),
  'logging-format': text('Accepted, text or json; the log is JSON, a line for each message.'),
  'log-flush-frequency': duration('Accepted; the log is never held back.'),
  'log-json-info-buffer-size': text('Accepted, as the next three.'),
  'log-json-split-stream': isOn('Accepted.'),
  'log-text-info-buffer-size': text('Accepted.'),
  'log-text-split-stream': isOn('Accepted.'),
  vmodule: text('Accepted; --v counts for all that is logged.'),

  kubeconfig: text('How to reach the API server (default: the service account of this Pod).'),
  'kube-api-content-type': text('Content type of requests; JSON is spoken whatever it says.'),
  'kube-api-burst': number('Accepted; requests are not throttled.'),
  'kube-api-qps': fraction('Accepted; requests are not throttled.'),
  'proxy-mode': text('nftables, userspace … (default: the best this machine can).'),
  'cluster-cidr': text('Block of the addresses of Pods, or two of different families with a comma.'),
  'detect-local-mode': text(
    'How Pods are told from others: ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix.',
  ),
  'pod-bridge-interface': text('The bridge of --detect-local-mode=BridgeInterface.'),
  'pod-interface-name-prefix': text('What links of Pods begin with, for InterfaceNamePrefix.'),
  'nodeport-addresses': list(
    "Blocks of the node's addresses that accept node ports, or the word primary (default: all; primary with --proxy-mode=nftables).",
  ),
  'bind-address': text("The node's own address, when the Node does not say it; nothing is bound to it."),
  'bind-address-hard-fail': isOn('End when health or metrics cannot be served.'),
  'healthz-bind-address': text('Where health is served (default 0.0.0.0:10256).'),
  'metrics-bind-address': text('Where metrics are served; empty: nowhere (default 127.0.0.1:10249).'),
  'per-service-metrics': isOn('Count connections, packets and bytes of each Service, for /metrics.'),
  'healthz-port': number('Deprecated: port of --healthz-bind-address; 0: none.'),
  'metrics-port': number('Deprecated: port of --metrics-bind-address; 0: none.'),
  profiling: isOn('Accepted; there is no profiler to serve.'),
  'show-hidden-metrics-for-version': text('Accepted; no metric is hidden.'),
  'feature-gates': list('Features to switch, such as SCTPSupport=true; those this proxy knows are on.'),
  'masquerade-all': isOn('Masquerade every connection to a cluster IP.'),
  'iptables-masquerade-bit': number(
    'Bit of the packet mark that asks for masquerading, 0 to 31 (default 14).',
  ),
  'iptables-localhost-nodeports': isOn(
    'Node ports answer on loopback addresses of the node too (default true).',
  ),
  'iptables-sync-period': duration(
    'How often everything is looked at (default 30s), in every mode but ipvs.',
  ),
  'iptables-min-sync-period': duration(
    'Least time between two changes (default 0s), in every mode but ipvs.',
  ),
  'nftables-masquerade-bit': number('Accepted; the nftables mode marks no packet.'),
  'nftables-sync-period': duration('In place of --iptables-sync-period, for nftables alone.'),
  'nftables-min-sync-period': duration('In place of --iptables-min-sync-period, for nftables alone.'),
  'ipvs-sync-period': duration('As --iptables-sync-period, for ipvs.'),
  'ipvs-min-sync-period': duration('As --iptables-min-sync-period, for ipvs.'),
  'ipvs-scheduler': text('rr, wrr, lc, wlc, dh, sh, sed, nq or mh (default rr).'),
  'ipvs-exclude-cidrs': list('Blocks whose virtual servers are somebody else’s.'),
  'ipvs-strict-arp': isOn('Set arp_ignore to 1 and arp_announce to 2.'),
  'ipvs-tcp-timeout': duration('When idle TCP connections end, 0: as it is.'),
  'ipvs-tcpfin-timeout': duration('The same after a FIN.'),
  'ipvs-udp-timeout': duration('The same for UDP.'),
  'oom-score-adj': number('The process’s oom_score_adj, -1000 to 1000 (default -999).'),
  'conntrack-max-per-core': number('Connections tracked per core; 0: as it is (default 32768).'),
  'conntrack-min': number('Connections tracked at least (default 131072).'),
  'conntrack-tcp-timeout-established': duration(
    'When idle TCP connections are forgotten, 0: as it is (default 24h).',
  ),
  'conntrack-tcp-timeout-close-wait': duration('The same in CLOSE_WAIT (default 1h).'),
  'conntrack-tcp-be-liberal': isOn('Let packets out of the window pass as valid.'),
  'conntrack-udp-timeout': duration('The same for UDP without an answer, 0: as it is.'),
  'conntrack-udp-timeout-stream': duration('The same for UDP with answers, 0: as it is.'),
  'config-sync-period': duration('Accepted; the watches need no refresh.'),
} as const satisfies FlagTable;

export type ProxyFlag = keyof typeof proxyFlags;

/** Flags that count beside a file, as with kube-proxy. */
export const flagsBesideFile: ReadonlySet<string> = new Set<ProxyFlag>([
  'config',
  'cleanup',
  'write-config-to',
  'init-only',
  'version',
  'hostname-override',
  'master',
  'v',
  'log-level',
  'logging-format',
  'log-flush-frequency',
  'log-json-info-buffer-size',
  'log-json-split-stream',
  'log-text-info-buffer-size',
  'log-text-split-stream',
  'vmodule',
]);
