import type { Kind, KubeObject } from '../../../api/kind.ts';
import { formatTime } from '../../../api/schema/time.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Store } from '../../../storage/store.ts';
import type { Admission } from '../../admission/admission.ts';
import { decodeStored, objectPrefix } from '../../cache/stored-object.ts';
import type { JsonTexts } from '../../cache/json-text.ts';
import type { CachedResource, WatchCache } from '../../cache/watch-cache.ts';
import type { Definition } from './definition.ts';
import type { Turns } from './turns.ts';

/** What the handlers of all resources share. */
export interface RegistryContext {
  readonly store: Store;
  readonly cache: WatchCache;
  readonly texts: JsonTexts;
  readonly admissions: readonly Admission[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** The last revision this server told a client of. */
  readonly acknowledged: Acknowledged;
  /** By the objects' keys in the store. */
  readonly turns: Turns;
  /** Told of events that were handed to one watcher. */
  readonly watched?: ((kind: Kind, count: number) => void) | undefined;
}

export interface Acknowledged {
  readonly revision: number;
  note(revision: number): void;
}

export function createAcknowledged(): Acknowledged {
  let last = 0;
  return {
    get revision() {
      return last;
    },
    note(revision) {
      last = Math.max(last, revision);
    },
  };
}

/** Memory that knows at least what this server has acknowledged: its clients read their own writes. */
export async function freshResource(
  { cache, acknowledged }: RegistryContext,
  definition: { readonly kind: Pick<Kind, 'group' | 'plural'> },
): Promise<CachedResource> {
  if (cache.revision < acknowledged.revision || cache.revision < 0)
    await cache.atLeast(acknowledged.revision);
  return cache.resource(objectPrefix(definition.kind));
}

/** `namespace/name`, or `name` for a kind without namespaces. */
export const keyIn = (namespace: string, name: string): string =>
  namespace === '' ? name : `${namespace}/${name}`;

/**
 * The object as it stands; undefined when there is none. What is not in memory may have been written by another
 * server, so the store has the last word.
 */
export async function currentObject<T extends KubeObject>(
  context: RegistryContext,
  definition: Definition<T>,
  key: string,
): Promise<T | undefined> {
  const { objects } = await freshResource(context, definition);
  return (objects.get(key) as T | undefined) ?? (await storedObject(context, definition, key));
}

/** The object as the store has it. */
export async function storedObject<T extends KubeObject>(
  { store }: RegistryContext,
  { kind }: Definition<T>,
  key: string,
): Promise<T | undefined> {
  const entry = await store.get(objectPrefix(kind) + key);
  return entry && (decodeStored(entry.value, entry.revision) as T);
}

let lastSecond = NaN;
let lastText = '';

/** RFC 3339 with whole seconds, as metadata has it. A write needs it several times, and within a second it is the same. */
export function timestamp(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== lastSecond) {
    lastText = formatTime(second * 1000);
    lastSecond = second;
  }
  return lastText;
}
