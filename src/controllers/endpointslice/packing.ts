import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { deepEqual } from '../../base/deep-equal.ts';

/** Endpoints that share their ports. */
export interface PortGroup {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

export interface PackingInput {
  /** Slices of one address type and one owner. */
  readonly existing: readonly EndpointSlice[];
  readonly groups: readonly PortGroup[];
  readonly maxPerSlice: number;
  /** A slice with these ports and endpoints and no name yet. */
  readonly newSlice: (ports: readonly EndpointPort[], endpoints: readonly Endpoint[]) => EndpointSlice;
  /** The slice as its labels, annotations and owners ought to be; the same value when they are. */
  readonly refresh: (slice: EndpointSlice) => EndpointSlice;
}

export interface SliceWrites {
  readonly creates: readonly EndpointSlice[];
  readonly updates: readonly EndpointSlice[];
  readonly deletes: readonly EndpointSlice[];
}

interface Draft {
  readonly slice: EndpointSlice;
  readonly endpoints: Endpoint[];
  isChanged: boolean;
}

/**
 * Packs endpoints into slices with few writes (upstream's endpointslice reconciler): first drop and refresh in place, then
 * fill slices that are written anyway, fullest first, then the unchanged slice that the rest fits best, then new ones.
 * Existing slices whose ports nobody wants are deleted; a deletion and a creation become one update.
 */
export function packSlices(input: PackingInput): SliceWrites {
  const { existing, groups, newSlice } = input;
  const rest = new Map<string, EndpointSlice[]>();
  for (const slice of existing) {
    const key = portsKey(slice.ports ?? []);
    rest.set(key, [...(rest.get(key) ?? []), slice]);
  }
  const creates: EndpointSlice[] = [];
  const updates: EndpointSlice[] = [];
  const deletes: EndpointSlice[] = [];
  for (const group of groups) {
    const key = portsKey(group.ports);
    const packed = packGroup(input, group, rest.get(key) ?? []);
    rest.delete(key);
    creates.push(...packed.creates);
    updates.push(...packed.updates);
    deletes.push(...packed.deletes);
  }
  for (const slices of rest.values()) deletes.push(...slices);
  const reused = creates.splice(0, Math.min(creates.length, deletes.length)).flatMap((created) => {
    const [old] = deletes.splice(0, 1);
    return old === undefined ? [] : [takeOver(old, newSlice(created.ports ?? [], created.endpoints))];
  });
  return { creates, updates: [...updates, ...reused], deletes };
}

/** The new content under the old slice's identity. */
function takeOver(old: EndpointSlice, next: EndpointSlice): EndpointSlice {
  const { name, namespace, uid, resourceVersion, generateName } = old.metadata;
  return { ...next, metadata: { ...next.metadata, name, namespace, uid, resourceVersion, generateName } };
}

function packGroup(input: PackingInput, group: PortGroup, slices: readonly EndpointSlice[]): SliceWrites {
  const { maxPerSlice, newSlice, refresh } = input;
  const wanted = new Map(group.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const drafts = slices.map((slice) => draftOf(slice, refresh(slice), wanted));
  const deletes = drafts.filter(({ isChanged, endpoints }) => isChanged && endpoints.length === 0);
  const kept = drafts.filter((draft) => !deletes.includes(draft));
  const left = [...wanted.values()];

  const changed = kept
    .filter(({ isChanged }) => isChanged)
    .sort((a, b) => b.endpoints.length - a.endpoints.length);
  for (const draft of changed) fill(draft, left, maxPerSlice);
  const fresh: EndpointSlice[] = [];
  while (left.length > 0) {
    const best = left.length < maxPerSlice ? bestFit(kept, left.length, maxPerSlice) : undefined;
    if (best !== undefined) fill(best, left, maxPerSlice);
    else fresh.push(newSlice(group.ports, left.splice(0, maxPerSlice)));
  }
  return {
    creates: fresh,
    updates: kept
      .filter(({ isChanged }) => isChanged)
      .map(({ slice, endpoints }) => ({ ...slice, endpoints })),
    deletes: slices.filter((_, i) => deletes.some((draft) => draft === drafts[i])),
  };
}

/** Keeps what is still wanted, as it is wanted now, and takes it out of `wanted`. */
function draftOf(slice: EndpointSlice, refreshed: EndpointSlice, wanted: Map<string, Endpoint>): Draft {
  let isChanged = refreshed !== slice;
  const endpoints: Endpoint[] = [];
  for (const endpoint of slice.endpoints) {
    const key = endpointKey(endpoint);
    const next = wanted.get(key);
    wanted.delete(key);
    if (next === undefined || !deepEqual(endpoint, next)) isChanged = true;
    if (next !== undefined) endpoints.push(next);
  }
  return { slice: refreshed, endpoints, isChanged };
}

function fill(draft: Draft, left: Endpoint[], maxPerSlice: number): void {
  const room = maxPerSlice - draft.endpoints.length;
  const taken = left.splice(0, Math.max(0, room));
  if (taken.length === 0) return;
  draft.endpoints.push(...taken);
  draft.isChanged = true;
}

/** The unchanged slice that is closest to full once all of the rest is in it. */
function bestFit(drafts: readonly Draft[], nLeft: number, maxPerSlice: number): Draft | undefined {
  return drafts
    .filter(({ isChanged, endpoints }) => !isChanged && endpoints.length + nLeft <= maxPerSlice)
    .sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
}

/** Endpoints are the same when they stand for the same Pod at the same addresses. */
export const endpointKey = ({ addresses, targetRef }: Endpoint): string =>
  `${addresses.join(',')} ${targetRef?.uid ?? targetRef?.name ?? ''}`;

export function portsKey(ports: readonly EndpointPort[]): string {
  return ports
    .map(({ name, protocol, port, appProtocol }) =>
      [name ?? '', protocol ?? 'TCP', port ?? '', appProtocol ?? ''].join('/'),
    )
    .sort()
    .join(' ');
}
