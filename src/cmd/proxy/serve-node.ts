import type { Instrument } from '../../base/instruments.ts';
import { messageOf } from '../../base/thrown.ts';
import type { IpFamily } from '../../net/ip.ts';
import { periodsOf } from '../../proxy/configuration/configuration.ts';
import { createProxyHealth } from '../../proxy/health/proxy-health.ts';
import type { ProxyHealth } from '../../proxy/health/proxy-health.ts';
import { createServiceHealth } from '../../proxy/health/service-health.ts';
import type { ServiceCheck, ServiceHealth } from '../../proxy/health/service-health.ts';
import { createProxyMetrics } from '../../proxy/metrics/proxy-metrics.ts';
import type { ProxyMetrics } from '../../proxy/metrics/proxy-metrics.ts';
import { doubtsAbout } from '../../proxy/node/doubts.ts';
import { isEligible, nodeIPs, podCIDRsOf } from '../../proxy/node/local-node.ts';
import { createServiceProxy } from '../../proxy/service-proxy.ts';
import type { ServiceProxy } from '../../proxy/service-proxy.ts';
import { discoverSlices } from '../../proxy/slice-source.ts';
import { explanationInWords } from '../../proxy/state/explain-words.ts';
import type { ProxyState } from '../../proxy/state/model.ts';
import { UserError } from '../up/user-error.ts';
import { watchConfig } from './config-watch.ts';
import { chooseMode } from './mode-choice.ts';
import { createModeSwitches, observedModes } from './mode-switches.ts';
import type { ModeSwitches } from './mode-switches.ts';
import { modeOptions, nodeOf, tellNode, tellService } from './proxy-context.ts';
import type { ProxyContext } from './proxy-context.ts';
import { reload } from './reload.ts';
import { openServiceCounting, removeServiceCounters } from './service-counting.ts';
import type { ServiceCounting } from './service-counting.ts';
import { bothFamilies, listenAddresses } from './service-checks.ts';
import { serveStatus } from './status-servers.ts';

/** Services, their health and the proxy's own, until `signal` aborts. Throws a UserError when no mode can be used. */
export async function serveNode(
  context: ProxyContext,
  instruments: readonly Instrument[],
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger, configuration, watch } = context;
  const choice = await chooseMode(configuration.mode, (family) => modeOptions(context, family), logger);
  logger.info('proxy mode', { mode: choice.name, families: choice.families });
  checkConfiguration(context, choice.families);
  const states = new Map<IpFamily, ProxyState>();
  const metrics = createProxyMetrics(choice.families, {
    states: () => [...states.values()],
    startedMs: clock.now(),
  });
  const switches = createModeSwitches(context, choice, metrics);
  const checks = createChecks(context);
  const counting = configuration.perServiceMetrics
    ? await openServiceCounting(choice.families, { clock, logger })
    : undefined;
  if (counting === undefined) await forgetServiceCounters(context, choice.families);
  const modes = observedModes(switches, { metrics, states, counting }, context);
  const proxy = createProxy(context, { modes, metrics, checks, families: choice.families });
  const setNode = (): void => proxy.setNode((family) => nodeOf(context, family));
  const health = createProxyHealth({
    clock,
    progress: () => proxy.health().families,
    isNodeEligible: () => {
      const node = watch.node();
      return node === undefined ? !watch.isGone() : isEligible(node);
    },
    timeoutMs: 2 * periodsOf(configuration).syncPeriod,
  });
  checks.health = openServiceHealth(context, health);
  watch.onChange(setNode);
  const status = statusOf(context, { switches, metrics, counting, health, instruments, proxy });
  await Promise.all([
    proxy.run(signal),
    checks.health.run(signal),
    serveStatus(status, signal),
    watchConfig(
      context.options.configFile,
      {
        clock,
        onChange: () =>
          reload(context, {
            switches,
            onChanged: () => {
              setNode();
              proxy.lookAtAll();
            },
          }),
      },
      signal,
    ),
  ]);
}

/** Throws a UserError when Pods could not be told from others. */
function checkConfiguration(context: ProxyContext, families: readonly IpFamily[]): void {
  const { configuration, logger, watch } = context;
  const [ip = ''] = nodeIPs(watch.node(), configuration.bindAddress);
  const doubts = doubtsAbout(configuration, {
    primary: ip.includes(':') ? 'IPv6' : 'IPv4',
    families,
    podCIDRs: podCIDRsOf(watch.node()),
    nodePortAddresses: (['IPv4', 'IPv6'] as const).flatMap((f) => nodeOf(context, f).nodePortAddresses),
  });
  for (const { reason, isFatal } of doubts) {
    if (isFatal) throw new UserError(`the configuration is incorrect: ${reason}`);
    logger.warn('the configuration may be incomplete or incorrect', { reason });
  }
}

/** A process before this one may have counted. */
async function forgetServiceCounters(
  { logger, configuration }: ProxyContext,
  families: readonly IpFamily[],
): Promise<void> {
  // Beside a proxy for all other Services they may be that one's.
  if (configuration.serviceProxyName !== '') return;
  try {
    await removeServiceCounters(families);
  } catch (err) {
    logger.debug('no counters of Services to take away', { err });
  }
}

/** The node ports on which load balancers ask, as last decided. */
interface Checks {
  health: ServiceHealth | undefined;
  readonly byFamily: Map<IpFamily, ReadonlyMap<string, ServiceCheck>>;
  readonly update: () => void;
}

function createChecks(context: ProxyContext): Checks {
  const checks: Checks = {
    health: undefined,
    byFamily: new Map(),
    update: () => {
      const blocks = (['IPv4', 'IPv6'] as const).flatMap(
        (family) => nodeOf(context, family).nodePortAddresses,
      );
      checks.health?.update(bothFamilies(checks.byFamily), listenAddresses(blocks));
    },
  };
  return checks;
}

function openServiceHealth(context: ProxyContext, health: ProxyHealth): ServiceHealth {
  const { clock, logger, nodeName } = context;
  return createServiceHealth({
    clock,
    logger,
    isProxyHealthy: () => health.isHealthy(),
    onRefused: (service, port, error) => {
      const why = messageOf(error);
      const message = `node ${nodeName} failed to start healthcheck "${service}" on port ${port}: ${why}`;
      void tellService(context, service, { reason: 'FailedToStartServiceHealthcheck', message });
    },
  });
}

interface Parts {
  readonly modes: ReturnType<typeof observedModes>;
  readonly metrics: ProxyMetrics;
  readonly checks: Checks;
  readonly families: readonly IpFamily[];
}

function createProxy(context: ProxyContext, { modes, metrics, checks, families }: Parts): ServiceProxy {
  const { client, clock, logger, configuration } = context;
  const { serviceProxyName } = configuration;
  const { syncPeriod, minSyncPeriod } = periodsOf(configuration);
  return createServiceProxy({
    client,
    clock,
    logger,
    node: (family) => nodeOf(context, family),
    modes,
    fullSyncMs: syncPeriod,
    minSyncMs: minSyncPeriod,
    ...(serviceProxyName !== '' && { serviceProxyName }),
    slices: (until) => discoverSlices(client.transport, { clock, logger }, until),
    onChange: (change) => {
      const now = clock.now();
      metrics.changed(change, now);
      for (const family of families) metrics.queued(family, now);
    },
    onDecided: (family) => metrics.taken(family),
    onSynced: (report) => {
      metrics.synced(report, clock.now());
      if (report.changed?.size !== 0) checks.update();
    },
    onHealthChecks: (found, family) => {
      const isKnown = checks.byFamily.has(family);
      checks.byFamily.set(family, found);
      // The first time the rules are not there yet.
      if (isKnown) checks.update();
    },
    onProblem: ({ service, message }) =>
      void tellService(context, service, { reason: 'IgnoredByServiceProxy', message }),
  });
}

interface StatusParts {
  readonly switches: ModeSwitches;
  readonly metrics: ProxyMetrics;
  readonly counting: ServiceCounting | undefined;
  readonly health: ProxyHealth;
  readonly instruments: readonly Instrument[];
  readonly proxy: Pick<ServiceProxy, 'explain'>;
}

function statusOf(
  context: ProxyContext,
  { switches, metrics, counting, health, instruments, proxy }: StatusParts,
): Parameters<typeof serveStatus>[0] {
  const { clock, logger } = context;
  return {
    configuration: () => context.configuration,
    clock,
    logger,
    health,
    instruments: async () => {
      await counting?.metrics.refresh();
      return [...metrics.all, ...(counting?.metrics.all ?? []), ...instruments];
    },
    modeName: () => Object.values(switches)[0]?.name ?? '',
    explain: (service) => explanationOf(service, switches, proxy),
    onAnswered: (what, code) => metrics.answered(what, code),
    onRefused: (what, message) => {
      const reason = what === 'healthz' ? 'FailedToStartProxierHealthcheck' : 'FailedToStartMetricServer';
      tellNode(context, { type: 'Warning', reason, message });
    },
  };
}

/** By families, IPv4 first. */
function explanationOf(
  service: string,
  switches: ModeSwitches,
  proxy: StatusParts['proxy'],
): readonly string[] | undefined {
  const found = (['IPv4', 'IPv6'] as const).flatMap((family) => {
    const explanation = switches[family] && proxy.explain(service, family);
    return explanation === undefined ? [] : [`${family}:`, ...explanationInWords(explanation)];
  });
  return found.length === 0 ? undefined : found;
}
