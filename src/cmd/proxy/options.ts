import { readFileSync } from 'node:fs';
import { formatFieldErrors } from '../../api/errors/field-error.ts';
import type { LogLevel } from '../../base/logger.ts';
import { messageOf } from '../../base/thrown.ts';
import { modeNames } from '../../proxy/modes/registry.ts';
import { defaultConfiguration, withAddresses, withPort } from '../../proxy/configuration/configuration.ts';
import type { KubeProxyConfiguration } from '../../proxy/configuration/configuration.ts';
import { decodeConfiguration } from '../../proxy/configuration/decode.ts';
import { PRIMARY, validateConfiguration } from '../../proxy/configuration/validation.ts';
import { parseFlags, wrongFlag } from '../component/flags.ts';
import type { Flags } from '../component/flags.ts';
import { flagsBesideFile, proxyFlags } from './flags.ts';
import type { ProxyFlag } from './flags.ts';

type Given = Flags<ProxyFlag>;

/** What `portico proxy` was asked for, checked. */
export interface ProxyOptions {
  readonly configuration: KubeProxyConfiguration;
  /** Read again when it changes. */
  readonly configFile: string | undefined;
  readonly master: string | undefined;
  readonly isCleanup: boolean;
  readonly isInitOnly: boolean;
  readonly writeConfigTo: string | undefined;
  readonly verbosity: number;
  readonly logLevel: LogLevel;
  /** What was ignored: unknown fields, flags beside a file. */
  readonly warnings: readonly string[];
}

const INT32 = [-2_147_483_648, 2_147_483_647] as const;

/** `undefined` when help was asked for. Throws a UserError (exit code 2) with everything that is wrong with the configuration. */
export async function parseProxyOptions(args: readonly string[]): Promise<ProxyOptions | undefined> {
  const flags = parseFlags('proxy', proxyFlags, args.flatMap(longForm));
  if (flags === undefined) return undefined;
  const configFile = flags.text('config');
  const warnings: string[] = [];
  const asked =
    configFile === undefined
      ? fromFlags(flags)
      : await fromFile(configFile, { warnings, ignored: ignoredFlags(args) });
  const configuration = {
    ...asked,
    hostnameOverride: nodeNameOf(flags, asked),
    logging: loggingOf(flags, asked),
  };
  const errors = validateConfiguration(configuration, modeNames);
  if (errors.length > 0) {
    throw wrongFlag(`${configFile ?? 'the flags'}: ${formatFieldErrors(errors)}`);
  }
  const { verbosity } = configuration.logging;
  return {
    configuration: withModeDefaults(configuration),
    configFile,
    master: flags.text('master'),
    isCleanup: flags.isOn('cleanup') ?? false,
    isInitOnly: flags.isOn('init-only') ?? false,
    writeConfigTo: flags.text('write-config-to'),
    verbosity,
    logLevel: logLevelOf(flags.text('log-level'), verbosity),
    warnings,
  };
}

/** `-v=4`, `-v 4` and `-v4` are `--v=4`. */
function longForm(arg: string): string[] {
  const [, value] = /^-v(?:=)?(.*)$/.exec(arg) ?? [];
  if (value === undefined) return [arg];
  return value === '' ? ['--v'] : ['--v', value];
}

function ignoredFlags(args: readonly string[]): readonly string[] {
  const names = args.map((arg) => /^--([^=]+)/.exec(arg)?.[1]).filter((name) => name !== undefined);
  return [...new Set(names.filter((name) => !flagsBesideFile.has(name)))];
}

async function fromFile(
  path: string,
  { warnings, ignored }: { readonly warnings: string[]; readonly ignored: readonly string[] },
): Promise<KubeProxyConfiguration> {
  try {
    const decoded = await decodeConfiguration(readFileSync(path, 'utf8'));
    warnings.push(...decoded.warnings.map((warning) => `${path}: ${warning}`));
    for (const name of ignored) warnings.push(`--${name} is ignored beside --config`);
    return decoded.configuration;
  } catch (error) {
    throw wrongFlag(`--config=${path}: ${messageOf(error)}`);
  }
}

function nodeNameOf(flags: Given, { hostnameOverride }: KubeProxyConfiguration): string {
  const given = flags.text('hostname-override');
  if (given === undefined || given === '') return hostnameOverride;
  const name = given.trim().toLowerCase();
  if (name === '') throw wrongFlag('empty hostname-override is invalid');
  return name;
}

/** Flags of the log count beside a file. */
function loggingOf(flags: Given, { logging }: KubeProxyConfiguration): KubeProxyConfiguration['logging'] {
  const format = flags.text('logging-format') ?? logging.format;
  return { ...logging, format, verbosity: flags.number('v', [0, 100]) ?? logging.verbosity };
}

/** What upstream defaults by platform and mode. */
function withModeDefaults(configuration: KubeProxyConfiguration): KubeProxyConfiguration {
  const { mode, detectLocalMode, nodePortAddresses } = configuration;
  return {
    ...configuration,
    detectLocalMode: detectLocalMode === '' ? 'ClusterCIDR' : detectLocalMode,
    nodePortAddresses: mode === 'nftables' && nodePortAddresses.length === 0 ? [PRIMARY] : nodePortAddresses,
  };
}

function logLevelOf(text: string | undefined, verbosity: number): LogLevel {
  if (text === undefined) return verbosity >= 4 ? 'debug' : 'info';
  const levels = ['debug', 'info', 'warn', 'error'] as const;
  const found = levels.find((level) => level === text);
  if (found === undefined) throw wrongFlag(`--log-level=${text}: must be one of ${levels.join(', ')}`);
  return found;
}

/** Only what was said; `undefined` leaves the default. */
function given<T extends object>(values: { readonly [K in keyof T]?: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function fromFlags(flags: Given): KubeProxyConfiguration {
  const usual = defaultConfiguration();
  const whole = (name: ProxyFlag): number | undefined => flags.number(name, INT32);
  const isAll = flags.isOn('masquerade-all');
  // Upstream has one pair of flags for all modes but ipvs.
  const usualPeriods = {
    syncPeriod: flags.durationMs('iptables-sync-period'),
    minSyncPeriod: flags.durationMs('iptables-min-sync-period'),
  };
  const lists = (name: ProxyFlag): readonly string[] | undefined =>
    flags.text(name) === undefined ? undefined : flags.list(name);
  const text = (name: ProxyFlag): string | undefined => flags.text(name);
  const own = given<KubeProxyConfiguration>({
    mode: text('proxy-mode'),
    clusterCIDR: text('cluster-cidr'),
    detectLocalMode: text('detect-local-mode'),
    nodePortAddresses: lists('nodeport-addresses'),
    bindAddress: text('bind-address'),
    bindAddressHardFail: flags.isOn('bind-address-hard-fail'),
    enableProfiling: flags.isOn('profiling'),
    showHiddenMetricsForVersion: text('show-hidden-metrics-for-version'),
    oomScoreAdj: whole('oom-score-adj'),
    configSyncPeriod: flags.durationMs('config-sync-period'),
    healthzBindAddress: text('healthz-bind-address'),
    metricsBindAddress: text('metrics-bind-address'),
    perServiceMetrics: flags.isOn('per-service-metrics'),
    featureGates: gatesOf(flags),
  });
  const configuration: KubeProxyConfiguration = {
    ...usual,
    ...own,
    clientConnection: { ...usual.clientConnection, ...clientOf(flags) },
    detectLocal: { ...usual.detectLocal, ...detectLocalOf(flags) },
    iptables: {
      ...usual.iptables,
      ...given<KubeProxyConfiguration['iptables']>({
        masqueradeBit: whole('iptables-masquerade-bit'),
        masqueradeAll: isAll,
        localhostNodePorts: flags.isOn('iptables-localhost-nodeports'),
        ...usualPeriods,
      }),
    },
    nftables: {
      ...usual.nftables,
      ...given<KubeProxyConfiguration['nftables']>({
        masqueradeBit: whole('nftables-masquerade-bit'),
        masqueradeAll: isAll,
        syncPeriod: flags.durationMs('nftables-sync-period') ?? usualPeriods.syncPeriod,
        minSyncPeriod: flags.durationMs('nftables-min-sync-period') ?? usualPeriods.minSyncPeriod,
      }),
    },
    ipvs: { ...usual.ipvs, ...ipvsOf(flags, lists) },
    conntrack: { ...usual.conntrack, ...conntrackOf(flags, whole) },
  };
  return withPorts(flags, configuration);
}

const detectLocalOf = (flags: Given): Partial<KubeProxyConfiguration['detectLocal']> =>
  given<KubeProxyConfiguration['detectLocal']>({
    bridgeInterface: flags.text('pod-bridge-interface'),
    interfaceNamePrefix: flags.text('pod-interface-name-prefix'),
  });

const clientOf = (flags: Given): Partial<KubeProxyConfiguration['clientConnection']> =>
  given<KubeProxyConfiguration['clientConnection']>({
    kubeconfig: flags.text('kubeconfig'),
    contentType: flags.text('kube-api-content-type'),
    burst: flags.number('kube-api-burst', INT32),
    qps: flags.fraction('kube-api-qps'),
  });

const ipvsOf = (
  flags: Given,
  lists: (name: ProxyFlag) => readonly string[] | undefined,
): Partial<KubeProxyConfiguration['ipvs']> =>
  given<KubeProxyConfiguration['ipvs']>({
    syncPeriod: flags.durationMs('ipvs-sync-period'),
    minSyncPeriod: flags.durationMs('ipvs-min-sync-period'),
    scheduler: flags.text('ipvs-scheduler'),
    excludeCIDRs: lists('ipvs-exclude-cidrs'),
    strictARP: flags.isOn('ipvs-strict-arp'),
    tcpTimeout: flags.durationMs('ipvs-tcp-timeout'),
    tcpFinTimeout: flags.durationMs('ipvs-tcpfin-timeout'),
    udpTimeout: flags.durationMs('ipvs-udp-timeout'),
  });

const conntrackOf = (
  flags: Given,
  whole: (name: ProxyFlag) => number | undefined,
): Partial<KubeProxyConfiguration['conntrack']> =>
  given<KubeProxyConfiguration['conntrack']>({
    maxPerCore: whole('conntrack-max-per-core'),
    min: whole('conntrack-min'),
    tcpEstablishedTimeout: flags.durationMs('conntrack-tcp-timeout-established'),
    tcpCloseWaitTimeout: flags.durationMs('conntrack-tcp-timeout-close-wait'),
    tcpBeLiberal: flags.isOn('conntrack-tcp-be-liberal'),
    udpTimeout: flags.durationMs('conntrack-udp-timeout'),
    udpStreamTimeout: flags.durationMs('conntrack-udp-timeout-stream'),
  });

/** The two deprecated flags say a port only, and 0 for nothing; an address that is set empty is served nowhere either. */
function withPorts(flags: Given, configuration: KubeProxyConfiguration): KubeProxyConfiguration {
  const full = withAddresses(configuration);
  const address = (which: 'healthz' | 'metrics', usual: string): string => {
    const port = flags.number(`${which}-port`, [0, 65_535]);
    const text = flags.text(`${which}-bind-address`);
    if (port === 0 || text === '') return '';
    return port === undefined
      ? usual
      : withPort(text ?? usual.replace(/:\d+$/, '').replace(/[[\]]/g, ''), port);
  };
  return {
    ...full,
    healthzBindAddress: address('healthz', full.healthzBindAddress),
    metricsBindAddress: address('metrics', full.metricsBindAddress),
  };
}

function gatesOf(flags: Given): Readonly<Record<string, boolean>> | undefined {
  const entries = flags.list('feature-gates').map((text) => {
    const [, name = '', value = ''] = /^([^=]+)=(true|false)$/i.exec(text) ?? [];
    if (name === '') {
      throw wrongFlag(`--feature-gates=${text}: must be NAME=true or NAME=false`);
    }
    return [name, value.toLowerCase() === 'true'] as const;
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
