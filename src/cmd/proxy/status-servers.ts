import type { Exposition } from '../../apiserver/metrics/exposition.ts';
import type { Instrument } from '../../base/instruments.ts';
import { createCounter, createGauge } from '../../base/instruments.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { codeOf, messageOf } from '../../base/thrown.ts';
import { configurationDocument } from '../../proxy/configuration/configuration.ts';
import type { KubeProxyConfiguration } from '../../proxy/configuration/configuration.ts';
import { splitHostPort } from '../../proxy/configuration/validation.ts';
import { serve } from '../../proxy/health/http.ts';
import type { Answer, Answers } from '../../proxy/health/http.ts';
import type { HealthAnswer, ProxyHealth } from '../../proxy/health/proxy-health.ts';
import { UserError } from '../up/user-error.ts';
import { packageVersion } from '../version.ts';

export interface StatusOptions {
  readonly configuration: () => KubeProxyConfiguration;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly health: ProxyHealth;
  readonly instruments: () => Promise<readonly Instrument[]>;
  readonly modeName: () => string;
  /** Why the Service `namespace/name` is served as it is, as lines; undefined = nothing is known of it. */
  readonly explain: (service: string) => readonly string[] | undefined;
  readonly onAnswered: (what: 'healthz' | 'livez', status: number) => void;
  /** An address cannot be had. */
  readonly onRefused: (what: 'healthz' | 'metrics', message: string) => void;
}

const JSON_HEADERS = { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' } as const;
const TEXT_HEADERS = {
  'content-type': 'text/plain; charset=utf-8',
  'x-content-type-options': 'nosniff',
} as const;

const plain = (body: string): Answer => ({ status: 200, headers: TEXT_HEADERS, body });

/**
 * Serves health and metrics where the configuration says, until `signal` aborts. Rejects with a UserError when an address cannot be had and
 * bindAddressHardFail is on; without it the attempts go on.
 */
export async function serveStatus(options: StatusOptions, signal: AbortSignal): Promise<void> {
  const { healthzBindAddress, metricsBindAddress } = options.configuration();
  await Promise.all([
    serveAt(
      { what: 'healthz', address: healthzBindAddress, answers: healthAnswers(options) },
      options,
      signal,
    ),
    serveAt(
      { what: 'metrics', address: metricsBindAddress, answers: metricsAnswers(options) },
      options,
      signal,
    ),
  ]);
}

interface Place {
  readonly what: 'healthz' | 'metrics';
  readonly address: string;
  readonly answers: Answers;
}

async function serveAt(
  { what, address, answers }: Place,
  { clock, logger, configuration, onRefused }: StatusOptions,
  signal: AbortSignal,
): Promise<void> {
  const parts = splitHostPort(address);
  if (parts === undefined) return;
  const refuse = (error: unknown): void => {
    const message = `cannot serve ${what} on ${address} (${codeOf(error) ?? messageOf(error)})`;
    onRefused(what, message);
    if (configuration().bindAddressHardFail) {
      throw new UserError(`${message}; choose another --${what}-bind-address`, { cause: error });
    }
    logger.error(`${message}, trying again`, { err: error });
  };
  const { host, port } = parts;
  await serve({ host, port: Number(port), answers, clock, onRefused: refuse }, signal);
}

function healthAnswers({ health, onAnswered }: StatusOptions): Answers {
  const answer = (what: 'healthz' | 'livez', { status, body }: HealthAnswer): Answer => {
    onAnswered(what, status);
    return { status, body, headers: JSON_HEADERS };
  };
  return (path) => {
    if (path === '/healthz') return answer('healthz', health.healthz());
    return path === '/livez' ? answer('livez', health.livez()) : undefined;
  };
}

/** What component-base says of every component of Kubernetes. */
const buildInfo = (): Instrument => {
  const version = packageVersion();
  const [major = '', minor = ''] = version.split('.');
  const gauge = createGauge({
    name: 'kubernetes_build_info',
    help: "A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
    labels: ['compiler', 'git_version', 'major', 'minor', 'platform'],
  });
  gauge.set(['node', `v${version}`, major, minor, `${process.platform}/${process.arch}`], 1);
  return gauge;
};

/** How often the one check of the metrics' own /healthz was asked for, with the names that every component of Kubernetes has at /metrics/slis. */
function healthIndicators() {
  const type = 'healthz';
  const last = createGauge({
    name: 'kubernetes_healthcheck',
    help: 'This metric records the result of a single healthcheck.',
    labels: ['name', 'type'],
  });
  const total = createCounter({
    name: 'kubernetes_healthchecks_total',
    help: 'This metric records the results of all healthcheck.',
    labels: ['name', 'status', 'type'],
  });
  return {
    all: [last, total],
    asked: (): void => {
      last.set(['ping', type], 1);
      total.add(['ping', 'success', type]);
    },
  };
}

const EXPLAIN = '/explain/';

function metricsAnswers({ configuration, instruments, modeName, explain }: StatusOptions): Answers {
  const build = buildInfo();
  const indicators = healthIndicators();
  let exposition: Promise<Exposition> | undefined;
  const shown = async (all: readonly Instrument[]): Promise<Answer> => {
    exposition ??= import('../../apiserver/metrics/exposition.ts').then((m) => m.createExposition());
    const { contentType, text } = await exposition;
    return { status: 200, headers: { 'content-type': contentType }, body: await text(all) };
  };
  return async (path) => {
    switch (path) {
      case '/healthz':
      case '/healthz/ping':
        indicators.asked();
        return plain('ok');
      case '/proxyMode':
        return plain(modeName());
      case '/configz': {
        const document = { 'kubeproxy.config.k8s.io': configurationDocument(configuration()) };
        return { status: 200, headers: JSON_HEADERS, body: JSON.stringify(document) };
      }
      case '/metrics':
        return shown([...(await instruments()), build]);
      case '/metrics/slis':
        return shown(indicators.all);
      default:
        return path.startsWith(EXPLAIN) ? explanation(path.slice(EXPLAIN.length), explain) : undefined;
    }
  };
}

function explanation(service: string, explain: StatusOptions['explain']): Answer {
  const lines = explain(service);
  return lines === undefined
    ? {
        status: 404,
        headers: TEXT_HEADERS,
        body: `no Service ${service} is known; ask for ${EXPLAIN}NAMESPACE/NAME\n`,
      }
    : plain(`${lines.join('\n')}\n`);
}
