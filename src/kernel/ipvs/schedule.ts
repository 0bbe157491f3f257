import type { VirtualDestination, VirtualServer } from './model.ts';

/** A destination a new connection may be sent to, and its share beside the others'. */
export interface Candidate<D extends VirtualDestination> {
  readonly destination: D;
  readonly share: number;
}

/** Schedulers that look at the weight only to see whether it is 0. */
const withoutWeights = new Set(['rr', 'lc', 'dh']);

/**
 * Where a scheduler may send a new connection: every destination with a weight, as any of them is chosen for some client at some
 * load. Empty = the connection is refused.
 */
export function candidates<D extends VirtualDestination>(
  { scheduler }: Pick<VirtualServer, 'scheduler'>,
  destinations: Iterable<D>,
): Candidate<D>[] {
  return [...destinations]
    .filter(({ weight }) => weight > 0)
    .map((destination) => ({
      destination,
      share: withoutWeights.has(scheduler) ? 1 : destination.weight,
    }));
}
