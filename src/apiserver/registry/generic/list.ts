import { badRequest, expired } from '../../../api/errors/api-error.ts';
import type { KubeObject } from '../../../api/kind.ts';
import { CompactedError, type ListResult } from '../../../storage/store.ts';
import { decodeStored } from '../../cache/stored-object.ts';
import type { CachedResource } from '../../cache/watch-cache.ts';
import type { ListOutcome, ListQuery, RequestScope } from '../../rest/rest.ts';
import { freshResource, type RegistryContext } from './context.ts';
import type { Definition } from './definition.ts';
import { expiredPage, formatPageToken, type PageToken, parsePageToken } from './page-token.ts';
import { type Selection, selectionOf } from './selection.ts';

/** The number a resourceVersion stands for; undefined for none. Throws BadRequest. */
export function parseRevision(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const revision = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(revision))
    throw badRequest(`invalid resource version ${JSON.stringify(text)}: it is not a number`);
  return revision;
}

interface Reading<T> {
  readonly context: RegistryContext;
  readonly resource: CachedResource;
  readonly selection: Selection<T>;
  readonly limit: number;
}

/** Lists from memory; from the store only where an older revision is asked for. */
export async function listObjects<T extends KubeObject>(
  context: RegistryContext,
  definition: Definition<T>,
  [scope, query]: readonly [RequestScope, ListQuery],
): Promise<ListOutcome<T>> {
  const selection = selectionOf(definition, scope.namespace, query);
  const token = query.continue ? parsePageToken(query.continue) : undefined;
  const exact = token === undefined ? exactRevision(query) : token.revision;
  const atLeast = exact ?? parseRevision(query.resourceVersion) ?? 0;
  if (exact === undefined || exact > context.cache.revision) await context.cache.atLeast(atLeast);
  const resource = await freshResource(context, definition);
  const reading: Reading<T> = { context, resource, selection, limit: query.limit ? query.limit : Infinity };
  const after = token?.key ?? '';
  if (exact === undefined || exact === context.cache.revision) return fromMemory(reading, after);
  try {
    return await fromStore(reading, { revision: exact, key: after });
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    if (token !== undefined) throw expiredPage(token);
    throw expired('The resourceVersion for the provided list is too old.');
  }
}

/** The revision the list must be of, where a newer one will not do (upstream's table of resourceVersionMatch). */
function exactRevision(query: ListQuery): number | undefined {
  const revision = parseRevision(query.resourceVersion);
  if (revision === undefined || revision === 0) return undefined;
  if (query.resourceVersionMatch !== undefined)
    return query.resourceVersionMatch === 'Exact' ? revision : undefined;
  return query.limit ? revision : undefined;
}

function fromMemory<T extends KubeObject>(reading: Reading<T>, after: string): ListOutcome<T> {
  const { resource, selection, limit } = reading;
  const { revision } = reading.context.cache;
  const { keyPrefix, name } = selection;
  if (name !== undefined && keyPrefix !== '') {
    const object = resource.objects.get(keyPrefix + name) as T | undefined;
    const isWanted = object !== undefined && keyPrefix + name > after && selection.matches(object);
    return { items: isWanted ? [object] : [], resourceVersion: String(revision) };
  }
  const objects = resource.objects.range(keyPrefix, after) as T[];
  if (selection.isEverything && objects.length <= limit)
    return { items: objects, resourceVersion: String(revision) };
  const items: T[] = [];
  for (const [i, object] of objects.entries()) {
    if (!selection.matches(object)) continue;
    if (items.length === limit) return page(reading, { items, revision, nRemaining: objects.length - i });
    items.push(object);
  }
  return { items, resourceVersion: String(revision) };
}

function page<T extends KubeObject>(
  { selection }: Reading<T>,
  {
    items,
    revision,
    nRemaining,
  }: { readonly items: readonly T[]; readonly revision: number; readonly nRemaining: number },
): ListOutcome<T> {
  const last = items.at(-1)?.metadata;
  const key = last === undefined ? '' : last.namespace ? `${last.namespace}/${last.name}` : last.name;
  return {
    items,
    resourceVersion: String(revision),
    continue: formatPageToken({ revision, key }),
    // With a selector nobody knows without looking at all of them.
    ...(selection.isEverything ? { remainingItemCount: nRemaining } : {}),
  };
}

const CHUNK = 500;

async function fromStore<T extends KubeObject>(
  reading: Reading<T>,
  token: Required<PageToken>,
): Promise<ListOutcome<T>> {
  const { context, resource, selection, limit } = reading;
  const prefix = resource.prefix + selection.keyPrefix;
  const revision = token.revision ?? context.cache.revision;
  const items: T[] = [];
  let after = token.key === '' ? undefined : resource.prefix + token.key;
  for (;;) {
    const chunk: ListResult = await context.store.list(prefix, {
      at: revision,
      limit: Math.min(CHUNK, limit + 1),
      ...(after === undefined ? {} : { after }),
    });
    for (const [i, entry] of chunk.entries.entries()) {
      const object = decodeStored(entry.value, entry.revision) as T;
      if (!selection.matches(object)) continue;
      if (items.length === limit) {
        return page(reading, { items, revision, nRemaining: chunk.entries.length - i + chunk.remaining });
      }
      items.push(object);
    }
    if (chunk.remaining === 0) return { items, resourceVersion: String(revision) };
    after = chunk.entries.at(-1)?.key;
  }
}
