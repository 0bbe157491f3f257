import { readFileSync, writeFileSync } from 'node:fs';
import type { Logger } from '../../base/logger.ts';
import { isLoopback, parseIp } from '../../net/ip.ts';
import { parseCidr } from '../../net/cidr.ts';
import type { KubeProxyConfiguration } from '../configuration/configuration.ts';

/** A file below /proc or /sys with a number in it. */
export interface KernelSetting {
  readonly path: string;
  readonly value: number;
  /** A greater number that is there already may stay. */
  readonly isLeast?: boolean;
}

const CONNTRACK = '/proc/sys/net/netfilter/nf_conntrack_';

/** More connections than this are never made room for by the number of processors: each costs memory. */
const MOST_CONNECTIONS = 1_048_576;

/** What the configuration asks of connection tracking, by kube-proxy's rules (pkg/proxy/conntrack/sysctls.go); 0 = as it is. */
export function conntrackSettings(
  conntrack: KubeProxyConfiguration['conntrack'],
  nCpus: number,
): readonly KernelSetting[] {
  const { maxPerCore, min } = conntrack;
  const max = maxPerCore > 0 ? Math.max(Math.min(maxPerCore * nCpus, MOST_CONNECTIONS), min) : 0;
  const seconds = (ms: number): number => Math.floor(ms / 1000);
  const wanted: readonly KernelSetting[] = [
    { path: `${CONNTRACK}max`, value: max, isLeast: true },
    {
      path: '/sys/module/nf_conntrack/parameters/hashsize',
      value: Math.floor(max / 4),
      isLeast: true,
    },
    { path: `${CONNTRACK}tcp_timeout_established`, value: seconds(conntrack.tcpEstablishedTimeout) },
    { path: `${CONNTRACK}tcp_timeout_close_wait`, value: seconds(conntrack.tcpCloseWaitTimeout) },
    { path: `${CONNTRACK}tcp_be_liberal`, value: conntrack.tcpBeLiberal ? 1 : 0 },
    { path: `${CONNTRACK}udp_timeout`, value: seconds(conntrack.udpTimeout) },
    { path: `${CONNTRACK}udp_timeout_stream`, value: seconds(conntrack.udpStreamTimeout) },
  ];
  return wanted.filter(({ value }) => value > 0);
}

/** What the mode needs of the network, as its counterpart in kube-proxy sets it. */
export function modeSettings(
  mode: string,
  { iptables, nodePortAddresses }: Pick<KubeProxyConfiguration, 'iptables' | 'nodePortAddresses'>,
): readonly KernelSetting[] {
  const admitsLoopback =
    nodePortAddresses.length === 0 ||
    nodePortAddresses.some((text) => {
      const block = parseCidr(text);
      const base = block === undefined ? undefined : parseIp(block.text.split('/')[0] ?? '');
      return block?.family === 'IPv4' && base !== undefined && (block.prefix === 0 || isLoopback(base));
    });
  // The iptables mode refuses packets from elsewhere to loopback addresses beside it (KUBE-FIREWALL).
  if (mode === 'iptables' && iptables.localhostNodePorts && admitsLoopback) {
    return [{ path: '/proc/sys/net/ipv4/conf/all/route_localnet', value: 1 }];
  }
  return [];
}

/** Writes what differs. What cannot be written, in a container for instance, is a line in the log: traffic flows without. */
export function applySettings(settings: readonly KernelSetting[], logger: Logger): void {
  for (const { path, value, isLeast } of settings) {
    try {
      const found = Number(readFileSync(path, 'utf8'));
      if (found === value || (isLeast === true && found >= value)) continue;
      writeFileSync(path, String(value));
      logger.info('set a kernel parameter', { path, from: found, to: value });
    } catch (err) {
      logger.warn('a kernel parameter stays as it is', { path, wanted: value, err });
    }
  }
}

/** What others must set, and what goes wrong without. */
const EXPECTED = [
  ['/proc/sys/net/ipv4/ip_forward', 'packets of Pods are not forwarded'],
  [
    '/proc/sys/net/bridge/bridge-nf-call-iptables',
    'connections between Pods of one bridge do not meet the rules',
  ],
] as const;

/** Warns about what kube-proxy checks and leaves to the administrator. A file that is not there is no matter: its module is not loaded. */
export function checkSettings(logger: Logger): void {
  for (const [path, consequence] of EXPECTED) {
    try {
      if (readFileSync(path, 'utf8').trim() === '0') logger.warn(`${path} is 0: ${consequence}`);
    } catch {
      continue;
    }
  }
}
