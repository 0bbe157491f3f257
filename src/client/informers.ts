import type { Kind, KubeObject } from '../api/kind.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Client } from './client.ts';
import { createInformer, hasSynced } from './informer.ts';
import type { Informer } from './informer.ts';

/** One informer per kind, over all namespaces, shared by everyone who asks for the kind. */
export interface Informers {
  /**
   * The informer of a kind; it begins to follow the server with `run`, or at once when `run` already goes. Indexes:
   * `namespace`, and `owner` (uid of an owner).
   */
  for<T extends KubeObject>(kind: Kind<T>): Informer<T>;
  /** Resolves when every informer asked for so far is complete, or `signal` aborts. */
  synced(signal: AbortSignal): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

export interface InformersOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Index of objects by the uids of their owners. */
const byOwner = (object: KubeObject): readonly string[] =>
  object.metadata.ownerReferences?.map((owner) => owner.uid) ?? [];

export function createInformers(options: InformersOptions): Informers {
  const informers = new Map<unknown, { readonly informer: unknown; readonly start: () => void }>();
  const firstSyncs: Pick<Informer<unknown>, 'firstSync'>[] = [];
  const running: Promise<void>[] = [];
  let stop: AbortSignal | undefined;
  return {
    for: <T extends KubeObject>(kind: Kind<T>): Informer<T> => {
      const known = informers.get(kind);
      if (known !== undefined) return known.informer as Informer<T>;
      const informer = createInformer<T>({ ...options, kind, indexers: { owner: byOwner } });
      const start = (): void => {
        if (stop !== undefined) running.push(informer.run(stop));
      };
      informers.set(kind, { informer, start });
      firstSyncs.push(informer);
      start();
      return informer;
    },
    synced: async (signal) => {
      await Promise.all(firstSyncs.map((informer) => hasSynced(informer, signal)));
    },
    run: async (signal) => {
      stop = signal;
      for (const { start } of informers.values()) start();
      await new Promise<void>((resolve) => {
        if (signal.aborted) return resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.all(running);
    },
  };
}
