import { invalidValue, notSupported } from '../../api/errors/field-error.ts';
import type { FieldError } from '../../api/errors/field-error.ts';
import { parseCidr } from '../../net/cidr.ts';
import { parseIp } from '../../net/ip.ts';
import { parsePortRange } from '../../net/port-range.ts';
import { parsePort } from '../../net/port.ts';
import { periodsOf } from './configuration.ts';
import type { KubeProxyConfiguration } from './configuration.ts';
import { formatDuration } from './duration.ts';

/** Pods of the cluster are recognized by the address, or by the link, their packets come from. */
export const localModes = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'] as const;

/** The one word of nodePortAddresses that is no block. */
export const PRIMARY = 'primary';

const ROOT = 'KubeProxyConfiguration';
const NOT_NEGATIVE = 'must be greater than or equal to 0';
const BIT = 'must be within the range [0, 31]';
const PAIR =
  'must be a either a single CIDR or dual-stack pair of CIDRs (e.g. [10.100.0.0/16, fde4:8dba:82e1::/48]';

/** Paths and texts are those of kube-proxy (pkg/proxy/apis/config/validation); `modes` are the names there are. */
export function validateConfiguration(
  configuration: KubeProxyConfiguration,
  modes: readonly string[],
): readonly FieldError[] {
  const { mode, iptables, nftables, ipvs } = configuration;
  return [
    ...bit(iptables.masqueradeBit, `${ROOT}.KubeProxyIPTablesConfiguration`),
    ...(mode === 'ipvs' ? ipvsErrors(ipvs) : []),
    ...(mode === 'nftables' ? bit(nftables.masqueradeBit, `${ROOT}.KubeProxyNFTablesConfiguration`) : []),
    ...linuxErrors(configuration),
    ...modeErrors(mode, modes),
    ...periodErrors(configuration),
    ...addressErrors(configuration),
    ...nodePortAddressErrors(configuration.nodePortAddresses),
    ...localErrors(configuration),
    ...loggingErrors(configuration),
  ];
}

const bit = (value: number, path: string): FieldError[] =>
  value < 0 || value > 31 ? [invalidValue(`${path}.MasqueradeBit`, value, BIT)] : [];

/** `values` are durations by the name of their field. */
function negativeErrors(path: string, values: Readonly<Record<string, number>>): FieldError[] {
  return Object.entries(values)
    .filter(([, ms]) => ms < 0)
    .map(([name, ms]) => invalidValue(`${path}.${name}`, formatDuration(ms), NOT_NEGATIVE));
}

function ipvsErrors(ipvs: KubeProxyConfiguration['ipvs']): FieldError[] {
  const path = `${ROOT}.KubeProxyIPVSConfiguration`;
  const { tcpTimeout, tcpFinTimeout, udpTimeout, excludeCIDRs } = ipvs;
  return [
    ...negativeErrors(path, { TCPTimeout: tcpTimeout, TCPFinTimeout: tcpFinTimeout, UDPTimeout: udpTimeout }),
    ...cidrErrors(`${path}.ExcludeCidrs`, excludeCIDRs, 'must be a valid CIDR'),
  ];
}

function cidrErrors(path: string, cidrs: readonly string[], detail: string): FieldError[] {
  return cidrs.flatMap((cidr, i) =>
    parseCidr(cidr) === undefined ? [invalidValue(`${path}[${i}]`, cidr, detail)] : [],
  );
}

function linuxErrors({ conntrack, oomScoreAdj }: KubeProxyConfiguration): FieldError[] {
  const linux = `${ROOT}.KubeProxyLinuxConfiguration`;
  const path = `${linux}.KubeProxyConntrackConfiguration`;
  const errors: FieldError[] = [];
  for (const [name, value] of [
    ['MaxPerCore', conntrack.maxPerCore],
    ['Min', conntrack.min],
  ] as const) {
    if (value < 0) errors.push(invalidValue(`${path}.${name}`, value, NOT_NEGATIVE));
  }
  errors.push(
    ...negativeErrors(path, {
      TCPEstablishedTimeout: conntrack.tcpEstablishedTimeout,
      TCPCloseWaitTimeout: conntrack.tcpCloseWaitTimeout,
      UDPTimeout: conntrack.udpTimeout,
      UDPStreamTimeout: conntrack.udpStreamTimeout,
    }),
  );
  if (oomScoreAdj < -1000 || oomScoreAdj > 1000) {
    errors.push(invalidValue(`${linux}.OOMScoreAdj`, oomScoreAdj, 'must be within the range [-1000, 1000]'));
  }
  return errors;
}

function modeErrors(mode: string, modes: readonly string[]): FieldError[] {
  if (mode === '' || modes.includes(mode)) return [];
  const detail = `must be ${[...modes].sort().join(', ')} or blank (blank means the best-available proxy [currently nftables])`;
  return [invalidValue(`${ROOT}.Mode.ProxyMode`, mode, detail)];
}

function periodErrors(configuration: KubeProxyConfiguration): FieldError[] {
  const { configSyncPeriod, clientConnection } = configuration;
  const { syncPeriod, minSyncPeriod } = periodsOf(configuration);
  const errors: FieldError[] = [];
  const add = (name: string, value: number, detail: string): void =>
    void errors.push(invalidValue(`${ROOT}.${name}`, formatDuration(value), detail));
  if (clientConnection.burst < 0) {
    errors.push(invalidValue(`${ROOT}.ClientConnection.Burst`, clientConnection.burst, NOT_NEGATIVE));
  }
  if (configSyncPeriod <= 0) add('ConfigSyncPeriod', configSyncPeriod, 'must be greater than 0');
  if (syncPeriod <= 0) add('SyncPeriod', syncPeriod, 'must be greater than 0');
  if (minSyncPeriod < 0) add('MinSyncPeriod', minSyncPeriod, NOT_NEGATIVE);
  if (minSyncPeriod > syncPeriod) {
    add('SyncPeriod', minSyncPeriod, `must be greater than or equal to ${ROOT}.MinSyncPeriod`);
  }
  return errors;
}

function addressErrors(configuration: KubeProxyConfiguration): FieldError[] {
  const { bindAddress, healthzBindAddress, metricsBindAddress, portRange } = configuration;
  const errors: FieldError[] = [];
  if (parseIp(bindAddress) === undefined) {
    errors.push(
      invalidValue(`${ROOT}.BindAddress`, bindAddress, 'not a valid textual representation of an IP address'),
    );
  }
  if (healthzBindAddress !== '') errors.push(...hostPortErrors('HealthzBindAddress', healthzBindAddress));
  if (metricsBindAddress !== '') errors.push(...hostPortErrors('MetricsBindAddress', metricsBindAddress));
  const isRange = portRange === '' || portRange === '0-0' || parsePortRange(portRange) !== undefined;
  if (!isRange) {
    errors.push(invalidValue(`${ROOT}.PortRange`, portRange, 'must be a valid port range (e.g. 300-2000)'));
  }
  return errors;
}

/** `10.0.0.1:80` and `[::1]:80`; undefined when it has not that form. */
export function splitHostPort(text: string): { readonly host: string; readonly port: string } | undefined {
  const [, bracketed, plain, port = ''] = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined ? undefined : { host, port };
}

function hostPortErrors(name: string, text: string): FieldError[] {
  const path = `${ROOT}.${name}`;
  const parts = splitHostPort(text);
  if (parts === undefined) return [invalidValue(path, text, 'must be IP:port')];
  const errors: FieldError[] = [];
  if (parseIp(parts.host) === undefined) errors.push(invalidValue(path, parts.host, 'must be a valid IP'));
  if (parsePort(parts.port) === undefined)
    errors.push(invalidValue(path, parts.port, 'must be a valid port'));
  return errors;
}

function nodePortAddressErrors(addresses: readonly string[]): FieldError[] {
  const path = `${ROOT}.NodePortAddresses`;
  const at = addresses.indexOf(PRIMARY);
  const errors = cidrErrors(path, at < 0 ? addresses : addresses.slice(0, at), 'must be a valid CIDR');
  if (at >= 0 && addresses.length > 1) {
    errors.push(invalidValue(`${path}[${at}]`, PRIMARY, "can't use both 'primary' and CIDRs"));
  }
  return errors;
}

const empty = (path: string, value: string): FieldError[] =>
  value === '' ? [invalidValue(path, value, 'must not be empty')] : [];

function localErrors({ detectLocalMode, detectLocal, clusterCIDR }: KubeProxyConfiguration): FieldError[] {
  const path = `${ROOT}.DetectLocalConfiguration`;
  switch (detectLocalMode) {
    case 'BridgeInterface':
      return empty(`${path}.InterfaceName`, detectLocal.bridgeInterface);
    case 'InterfaceNamePrefix':
      return empty(`${path}.InterfacePrefix`, detectLocal.interfaceNamePrefix);
    case '':
    case 'ClusterCIDR':
      return clusterCIDR === '' ? [] : clusterCidrErrors(`${path}.ClusterCIDRs`, clusterCIDR.split(','));
    case 'NodeCIDR':
      return [];
    default:
      return [notSupported(`${ROOT}.DetectLocalMode`, detectLocalMode, [...localModes, ''])];
  }
}

function clusterCidrErrors(path: string, cidrs: readonly string[]): FieldError[] {
  if (cidrs.length > 2) return [invalidValue(path, cidrs, PAIR)];
  const detail = 'must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)';
  const errors = cidrErrors(path, cidrs, detail);
  const [first, second] = cidrs.map((cidr) => parseCidr(cidr)?.family);
  if (errors.length === 0 && second !== undefined && first === second) {
    errors.push(invalidValue(path, cidrs, PAIR));
  }
  return errors;
}

function loggingErrors({ logging }: KubeProxyConfiguration): FieldError[] {
  if (logging.format === 'text' || logging.format === 'json') return [];
  return [invalidValue(`${ROOT}.logging.format`, logging.format, 'Unsupported log format')];
}
