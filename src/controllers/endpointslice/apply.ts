import { endpointSlices } from '../../api/discovery/v1/endpoint-slice.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { isNotFound } from '../../api/errors/api-error.ts';
import type { Informer } from '../../client/informer.ts';
import { createIndex } from '../../client/object-index.ts';
import type { ControllerDeps } from '../controller.ts';
import { createOwnWrites } from '../own-writes.ts';
import type { SliceWrites } from './packing.ts';

/** The slices that one controller manages, by the key of the object they belong to. */
export interface ManagedSlices {
  /** Undefined while the informer has not shown our own last writes. */
  current(key: string): readonly EndpointSlice[] | undefined;
  apply(key: string, writes: SliceWrites): Promise<void>;
  /** Calls `add` with the key of every managed slice that changes. */
  connect(add: (key: string) => void): () => void;
  forget(key: string): void;
}

/** `ownerKey` gives the key an object's slice belongs to, or nothing for slices of others. */
export function createManagedSlices(
  { client, clock }: ControllerDeps,
  informer: Informer<EndpointSlice>,
  ownerKey: (slice: EndpointSlice) => readonly string[],
): ManagedSlices {
  const byOwner = createIndex(ownerKey);
  const ownWrites = createOwnWrites(clock);

  const remove = async (key: string, slice: EndpointSlice): Promise<void> => {
    try {
      await client.delete(endpointSlices, slice.metadata, { preconditions: { uid: slice.metadata.uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    ownWrites.deleted(key, slice);
  };

  return {
    current: (key) => {
      const slices = [...byOwner.keys(key)].flatMap((sliceKey) => informer.get(sliceKey) ?? []);
      return ownWrites.isBehind(key, slices) ? undefined : slices;
    },
    apply: async (key, { creates, updates, deletes }) => {
      await settle([
        ...creates.map(async (slice) => ownWrites.wrote(key, await client.create(endpointSlices, slice))),
        ...updates.map(async (slice) => ownWrites.wrote(key, await client.update(endpointSlices, slice))),
        ...deletes.map((slice) => remove(key, slice)),
      ]);
    },
    connect: (add) =>
      informer.onChange(({ key, prev, next }) => {
        byOwner.move(key, prev, next);
        for (const slice of [prev, next]) if (slice !== undefined) ownerKey(slice).forEach(add);
      }),
    forget: (key) => ownWrites.forget(key),
  };
}

/** Waits for all, so that every write that succeeded is remembered, then throws the first failure. */
async function settle(writes: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(writes)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
