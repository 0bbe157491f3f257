import type { Server } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { close, listen } from './http.ts';
import type { Answer } from './http.ts';

/** A Service with a healthCheckNodePort. */
export interface ServiceCheck {
  readonly port: number;
  /** Its ready endpoints on this node, over all its ports. */
  readonly nLocalEndpoints: number;
}

export interface ServiceHealthOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isProxyHealthy: () => boolean;
  /** The port of a Service cannot be had; tried again with every `update` and every five seconds. */
  readonly onRefused?: (service: string, port: number, error: unknown) => void;
}

/** Answers the load balancers that ask on a node port of its own whether this node has endpoints of a Service. */
export interface ServiceHealth {
  /** Makes these all there are: by `namespace/name`, on these local addresses (`0.0.0.0`, `::` = all). */
  update(checks: ReadonlyMap<string, ServiceCheck>, addresses: readonly string[]): void;
  run(signal: AbortSignal): Promise<void>;
}

interface Open {
  readonly place: string;
  readonly servers: Promise<readonly Server[] | undefined>;
  count: number;
  isRefused: boolean;
}

const RETRY_MS = 5000;

export function createServiceHealth(options: ServiceHealthOptions): ServiceHealth {
  const { clock, logger, isProxyHealthy, onRefused } = options;
  const open = new Map<string, Open>();
  let wanted: ReadonlyMap<string, ServiceCheck> = new Map();
  let addresses: readonly string[] = [];
  let isStopped = false;

  const openAt = (service: string, port: number, place: string): Open => {
    const entry: Open = {
      place,
      count: 0,
      isRefused: false,
      servers: listenAll(addresses, port, () => answerOf(service, entry.count, isProxyHealthy())).catch(
        (err: unknown) => {
          entry.isRefused = true;
          logger.warn('cannot open the health check port of a Service', { service, port, err });
          onRefused?.(service, port, err);
          return undefined;
        },
      ),
    };
    return entry;
  };
  const shut = (service: string, entry: Open): void => {
    open.delete(service);
    void entry.servers.then((servers) => servers?.forEach(close));
  };
  const settle = (): void => {
    if (isStopped) return;
    for (const [service, entry] of open) {
      const check = wanted.get(service);
      const place = check === undefined ? '' : placeOf(check.port, addresses);
      if (entry.place !== place || entry.isRefused) shut(service, entry);
    }
    for (const [service, { port, nLocalEndpoints }] of wanted) {
      const place = placeOf(port, addresses);
      const entry = open.get(service) ?? openAt(service, port, place);
      entry.count = nLocalEndpoints;
      open.set(service, entry);
    }
  };
  return {
    update: (checks, at) => {
      wanted = checks;
      addresses = at;
      settle();
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(RETRY_MS, signal);
        if ([...open.values()].some(({ isRefused }) => isRefused)) settle();
      }
      isStopped = true;
      for (const [service, entry] of open) shut(service, entry);
    },
  };
}

const placeOf = (port: number, addresses: readonly string[]): string => `${port} ${addresses.join(' ')}`;

/** All or nothing. */
async function listenAll(
  addresses: readonly string[],
  port: number,
  answer: () => Answer,
): Promise<readonly Server[]> {
  const servers: Server[] = [];
  try {
    for (const host of addresses) servers.push(await listen(host, port, answer));
    return servers;
  } catch (error) {
    servers.forEach(close);
    throw error;
  }
}

/** To the letter of kube-proxy (pkg/proxy/healthcheck/service_health.go), any path. */
function answerOf(service: string, count: number, isHealthy: boolean): Answer {
  const slash = service.indexOf('/');
  const [namespace, name] = [service.slice(0, slash), service.slice(slash + 1)];
  const body = [
    '{',
    '\t"service": {',
    `\t\t"namespace": ${JSON.stringify(namespace)},`,
    `\t\t"name": ${JSON.stringify(name)}`,
    '\t},',
    `\t"localEndpoints": ${count},`,
    `\t"serviceProxyHealthy": ${isHealthy}`,
    '}',
  ];
  return {
    status: count > 0 && isHealthy ? 200 : 503,
    headers: {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-load-balancing-endpoint-weight': String(count),
    },
    body: body.join('\n'),
  };
}
