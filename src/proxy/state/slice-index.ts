import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { createMultiMap } from '../../base/multi-map.ts';
import type { IpFamily } from '../../net/ip.ts';
import { addressOf } from './service-port.ts';

/** Names the Service of a slice (discovery/v1). */
export const LABEL_SERVICE_NAME = 'kubernetes.io/service-name';

/** The EndpointSlices of one family by Service (`namespace/name`). Slices of other families or of no Service are ignored. */
export interface SliceIndex {
  /** Adds, replaces or (undefined) removes. Returns the Services concerned: none, one, or two when the slice moved. */
  set(key: string, slice: EndpointSlice | undefined): readonly string[];
  of(service: string): readonly EndpointSlice[];
  /** The Services that have an endpoint with this address. */
  servicesAt(address: string): readonly string[];
}

interface KeyedSlice {
  readonly key: string;
  readonly slice: EndpointSlice;
}

export function createSliceIndex(family: IpFamily): SliceIndex {
  // Nearly every Service has one or two slices: a short list beats a map.
  const byService = new Map<string, readonly KeyedSlice[]>();
  const serviceOf = new Map<string, string>();
  const slicesByAddress = createMultiMap();

  const forEachAddress = (slice: EndpointSlice, visit: (address: string) => void): void => {
    for (const endpoint of slice.endpoints ?? []) {
      const address = addressOf(family, endpoint.addresses[0]);
      if (address !== undefined) visit(address);
    }
  };

  const remove = (key: string): string | undefined => {
    const service = serviceOf.get(key);
    if (service === undefined) return undefined;
    const rest: KeyedSlice[] = [];
    for (const entry of byService.get(service) ?? []) {
      if (entry.key !== key) rest.push(entry);
      else forEachAddress(entry.slice, (address) => slicesByAddress.remove(address, key));
    }
    if (rest.length === 0) byService.delete(service);
    else byService.set(service, rest);
    serviceOf.delete(key);
    return service;
  };

  const add = (key: string, slice: EndpointSlice): string | undefined => {
    if (slice.addressType !== family) return undefined;
    const name = slice.metadata.labels?.[LABEL_SERVICE_NAME];
    if (name === undefined) return undefined;
    const service = `${slice.metadata.namespace ?? ''}/${name}`;
    byService.set(service, [...(byService.get(service) ?? []), { key, slice }]);
    serviceOf.set(key, service);
    forEachAddress(slice, (address) => slicesByAddress.add(address, key));
    return service;
  };

  return {
    set: (key, slice) => {
      const before = remove(key);
      const after = slice === undefined ? undefined : add(key, slice);
      const both = before === after ? [after] : [before, after];
      return both.filter((service) => service !== undefined);
    },
    of: (service) => (byService.get(service) ?? []).map((entry) => entry.slice),
    servicesAt: (address) =>
      [...slicesByAddress.values(address)]
        .map((slice) => serviceOf.get(slice))
        .filter((s) => s !== undefined),
  };
}
