import type { EndpointAddress, EndpointPort, EndpointSubset } from '../../api/core/v1/endpoints.ts';

/** An address and the ports it serves, before it is grouped with others. */
export interface AddressFact {
  readonly address: EndpointAddress;
  readonly isReady: boolean;
  readonly ports: readonly EndpointPort[];
}

const portText = ({ name, port, protocol, appProtocol }: EndpointPort): string =>
  [name ?? '', protocol ?? 'TCP', port, appProtocol ?? ''].join('/');

const addressText = ({ ip, targetRef }: EndpointAddress): string => `${ip} ${targetRef?.uid ?? ''}`;

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The canonical subsets of some addresses: one subset per set of ports, everything in a fixed order, so that the same
 * Pods always give the same object. An address told both ready and not ready is not ready.
 */
export function packSubsets(facts: readonly AddressFact[]): readonly EndpointSubset[] {
  const portsOf = new Map<
    string,
    { address: EndpointAddress; isReady: boolean; ports: Map<string, EndpointPort> }
  >();
  for (const { address, isReady, ports } of facts) {
    const key = addressText(address);
    const known = portsOf.get(key) ?? { address, isReady: true, ports: new Map<string, EndpointPort>() };
    known.isReady &&= isReady;
    for (const port of ports) known.ports.set(portText(port), port);
    portsOf.set(key, known);
  }
  const subsets = new Map<
    string,
    { ready: EndpointAddress[]; notReady: EndpointAddress[]; ports: EndpointPort[] }
  >();
  for (const [, { address, isReady, ports }] of [...portsOf].sort(([a], [b]) => order(a, b))) {
    const sorted = [...ports].sort(([a], [b]) => order(a, b));
    const key = sorted.map(([text]) => text).join(' ');
    const subset = subsets.get(key) ?? { ready: [], notReady: [], ports: sorted.map(([, port]) => port) };
    (isReady ? subset.ready : subset.notReady).push(address);
    subsets.set(key, subset);
  }
  return [...subsets]
    .sort(([a], [b]) => order(a, b))
    .map(([, { ready, notReady, ports }]) => ({
      ...(ready.length === 0 ? {} : { addresses: ready }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
      ...(ports.length === 0 ? {} : { ports }),
    }));
}

/**
 * At most `capacity` addresses: those not ready go first, then each subset loses its share (upstream's
 * truncateEndpoints). The same value when all fit.
 */
export function truncateSubsets(
  subsets: readonly EndpointSubset[],
  capacity: number,
): readonly EndpointSubset[] {
  const nReady = sum(subsets, ({ addresses }) => addresses?.length ?? 0);
  const nNotReady = sum(subsets, ({ notReadyAddresses }) => notReadyAddresses?.length ?? 0);
  if (nReady + nNotReady <= capacity) return subsets;
  const isReadyCut = nReady > capacity;
  const room = isReadyCut ? capacity : capacity - nReady;
  const nTotal = isReadyCut ? nReady : nNotReady;
  let left = room;
  return subsets
    .map((subset) => {
      const { addresses = [], notReadyAddresses = [], ...rest } = subset;
      const list = isReadyCut ? addresses : notReadyAddresses;
      const n = Math.min(left, Math.ceil((list.length / nTotal) * room));
      left -= n;
      const ready = isReadyCut ? addresses.slice(0, n) : addresses;
      const notReady = isReadyCut ? [] : notReadyAddresses.slice(0, n);
      return {
        ...(ready.length === 0 ? {} : { addresses: ready }),
        ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
        ...rest,
      };
    })
    .filter(({ addresses, notReadyAddresses }) => addresses !== undefined || notReadyAddresses !== undefined);
}

const sum = <T>(items: readonly T[], n: (item: T) => number): number =>
  items.reduce((total, item) => total + n(item), 0);
