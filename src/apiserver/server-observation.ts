import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Kind, KubeObject } from '../api/kind.ts';
import type { Audit } from './audit/audit.ts';
import type { ApiServerConfig } from './config.ts';
import type { HttpResponse } from './http/message.ts';
import { observeWith, type Observe } from './http/observation.ts';
import { metricsEndpoint } from './metrics/metrics-endpoint.ts';
import { createServerMetrics, type ServerMetrics } from './metrics/server-metrics.ts';
import type { Registry } from './registry/resources.ts';
import type { RequestInfo } from './request-info.ts';
import type { Resource } from './rest/rest.ts';

/** Figures and records of what one server does. */
export interface ServerObservation {
  readonly metrics: ServerMetrics;
  /** GET /metrics. */
  readonly exposition: () => Promise<HttpResponse>;
  /** Rejects when the audit policy is none. */
  open(): Promise<void>;
  /** What looks on at the requests for these resources. */
  begin(resources: readonly Resource<KubeObject>[], registry: Pick<Registry, 'counts'>): Observe | undefined;
  /** Resolves when all records are written. */
  close(): Promise<void>;
}

export function createServerObservation(
  { audit: config }: Pick<ApiServerConfig, 'audit'>,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): ServerObservation {
  const kinds = new Map<string, Kind>();
  let counts: Registry['counts'] = () => [];
  let audit: Audit | undefined;
  const keyOf = (group: string, version: string, resource: string): string =>
    `${group}/${version}/${resource}`;
  const metrics = createServerMetrics({
    clock,
    isServed: (...target) => kinds.has(keyOf(...target)),
    objects: () => counts(),
  });
  return {
    metrics,
    exposition: metricsEndpoint(() => [...metrics.instruments.all, ...(audit?.instruments ?? [])]),
    open: async () => {
      if (config === undefined) return;
      const { createAudit } = await import('./audit/audit.ts');
      const kindOf = (info: RequestInfo): Kind | undefined =>
        info.isResource ? kinds.get(keyOf(info.group, info.version, info.resource)) : undefined;
      audit = await createAudit(config, { clock, logger, kindOf });
    },
    begin: (resources, registry) => {
      counts = () => registry.counts();
      for (const { kind } of resources) kinds.set(keyOf(kind.group, kind.version, kind.plural), kind);
      return observeWith([metrics.observe, ...(audit === undefined ? [] : [audit.observe])]);
    },
    close: async () => audit?.close(),
  };
}
