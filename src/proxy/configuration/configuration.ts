import { hostPort } from '../../net/host-port.ts';
import { familyOf, parseIp } from '../../net/ip.ts';
import { formatDuration } from './duration.ts';
import { layout } from './layout.ts';
import type { Field, KubeProxyConfiguration, Layout, Values } from './layout.ts';

export type { KubeProxyConfiguration } from './layout.ts';

export const API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1';
export const KIND = 'KubeProxyConfiguration';

const HEALTHZ_PORT = 10_256;
const METRICS_PORT = 10_249;

function defaultsOf<L extends Layout>(fields: L): Values<L> {
  const values = Object.entries(fields).map(([name, field]) => [
    name,
    field.kind === 'group' ? defaultsOf(field.fields) : field.value,
  ]);
  return Object.fromEntries(values) as Values<L>;
}

/** What holds where neither file nor flag says anything; the two addresses are empty, see `withAddresses`. */
export const defaultConfiguration = (): KubeProxyConfiguration => defaultsOf(layout);

/** An address without a port gets this one; as upstream's AppendPortIfNeeded, which leaves alone what is no address. */
export function withPort(address: string, port: number): string {
  return parseIp(address) === undefined ? address : hostPort(address, port);
}

/** Fills in where health and metrics are served: defaults of the family of bindAddress, and missing ports. */
export function withAddresses(configuration: KubeProxyConfiguration): KubeProxyConfiguration {
  const { bindAddress, healthzBindAddress, metricsBindAddress } = configuration;
  const isIPv6 = familyOf(bindAddress) === 'IPv6';
  return {
    ...configuration,
    healthzBindAddress: withPort(healthzBindAddress || (isIPv6 ? '::' : '0.0.0.0'), HEALTHZ_PORT),
    metricsBindAddress: withPort(metricsBindAddress || (isIPv6 ? '::1' : '127.0.0.1'), METRICS_PORT),
  };
}

function shown(value: unknown, field: Field): unknown {
  switch (field.kind) {
    case 'group':
      return document(value as Record<string, unknown>, field.fields);
    case 'duration':
      return formatDuration(value as number);
    case 'list':
      return (value as readonly string[]).length === 0 ? null : value;
    default:
      return value;
  }
}

function document(values: Readonly<Record<string, unknown>>, fields: Layout): Record<string, unknown> {
  const shownFields = Object.entries(fields)
    .filter(([name, { kind }]) => kind !== 'any' || values[name] !== undefined)
    .map(([name, field]) => [name, shown(values[name], field)] as const);
  return Object.fromEntries(shownFields.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** As a file has it, for `--write-config-to` and `/configz`. */
export function configurationDocument(configuration: KubeProxyConfiguration): Record<string, unknown> {
  return { apiVersion: API_VERSION, kind: KIND, ...document(configuration, layout) };
}

/** How often everything is looked at, and the least time between two changes, of the mode in use. */
export function periodsOf(
  configuration: KubeProxyConfiguration,
): Pick<KubeProxyConfiguration['iptables'], 'syncPeriod' | 'minSyncPeriod'> {
  const { mode, iptables, ipvs, nftables } = configuration;
  return mode === 'ipvs' ? ipvs : mode === 'nftables' ? nftables : iptables;
}
