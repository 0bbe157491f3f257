import { namespaces } from '../api/core/v1/namespace.ts';
import { services } from '../api/core/v1/service.ts';
import { endpointSlices } from '../api/discovery/v1/endpoint-slice.ts';
import type { Clock } from '../base/clock.ts';
import type { Informers } from '../client/informers.ts';
import type { DnsPlugin } from './plugins/plugin.ts';
import { createZonePlugin } from './plugins/zone-plugin.ts';
import { createClusterIndex } from './zone/cluster-index.ts';
import type { ZoneOptions } from './zone/zone-context.ts';
import { createZone } from './zone/zone.ts';

export interface ClusterZoneOptions extends Omit<ZoneOptions, 'view' | 'now' | 'random'> {
  /** Followed, not run: whoever made them runs them. */
  readonly informers: Informers;
  readonly clock: Clock;
}

/** The names of the cluster as its API server tells them. */
export interface ClusterZone {
  readonly plugin: DnsPlugin;
  /** Whether everything was seen once. It stays true: without the API server the last known answers are given. */
  synced(): boolean;
}

export function createClusterZone({ informers, clock, ...options }: ClusterZoneOptions): ClusterZone {
  const index = createClusterIndex();
  const sources = [
    informers.for(services),
    informers.for(endpointSlices),
    informers.for(namespaces),
  ] as const;
  const [serviceInformer, sliceInformer, namespaceInformer] = sources;
  serviceInformer.onChange(({ key, next }) => index.setService(key, next));
  sliceInformer.onChange(({ key, next }) => index.setSlice(key, next));
  namespaceInformer.onChange(({ key, next }) => index.setNamespace(key, next !== undefined));
  const synced = (): boolean => sources.every((informer) => informer.synced());
  const zone = createZone({ ...options, view: index.view, now: () => clock.now(), random: Math.random });
  return { plugin: createZonePlugin({ zone, isSynced: synced }), synced };
}
