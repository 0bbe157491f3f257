import type { MeasuredStore } from '../metrics/measured-store.ts';
import type { Registry } from '../registry/resources.ts';
import type { HealthChecks } from './health.ts';

export interface HealthSources {
  readonly measured: Pick<MeasuredStore, 'failure'>;
  readonly registry: Pick<Registry, 'ready' | 'isLoaded'>;
  readonly isStopping: () => boolean;
}

/**
 * The checks of this server under upstream's names, so that what asks kube-apiserver for one may ask us: `etcd` is the
 * store, whichever it is; `informer-sync` that all of it is in memory; the hooks, that every cluster's own objects exist.
 */
export function healthChecks({ measured, registry, isStopping }: HealthSources): HealthChecks {
  const bootstrapped = (): string | undefined => (registry.ready() ? undefined : 'not finished');
  return {
    live: [
      { name: 'etcd', failure: () => measured.failure() },
      { name: 'poststarthook/bootstrap-controller', failure: bootstrapped },
      { name: 'poststarthook/start-system-namespaces-controller', failure: bootstrapped },
    ],
    ready: [
      { name: 'etcd-readiness', failure: () => measured.failure() },
      {
        name: 'informer-sync',
        failure: () => (registry.isLoaded() ? undefined : 'the store is not in memory yet'),
      },
      { name: 'shutdown', failure: () => (isStopping() ? 'process is shutting down' : undefined) },
    ],
  };
}
