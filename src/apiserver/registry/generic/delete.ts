import { ApiError, conflict, forbidden, notFound } from '../../../api/errors/api-error.ts';
import type { KubeObject } from '../../../api/kind.ts';
import type { Status } from '../../../api/meta/v1/status.ts';
import { admit } from '../../admission/admission.ts';
import type { DeleteOptions, ListOutcome, ListQuery, RequestScope } from '../../rest/rest.ts';
import { objectPrefix } from '../../cache/stored-object.ts';
import { type Committed, commitObject, commitRemoval, type Writing } from './commit.ts';
import { currentObject, keyIn, type RegistryContext, timestamp } from './context.ts';
import type { Definition } from './definition.ts';
import { listObjects } from './list.ts';

/** Makes the garbage collector deal with what the object owns before the object goes. */
const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';
const MAX_ATTEMPTS = 20;

export interface DeleteRequest {
  readonly name: string;
  readonly options: DeleteOptions;
}

/** DELETE: removes the object, or marks it when finalizers or a grace period keep it for a while. */
export async function deleteObject<T extends KubeObject>(
  context: RegistryContext,
  definition: Definition<T>,
  [scope, { name, options }]: readonly [RequestScope, DeleteRequest],
): Promise<Status | T> {
  const { kind } = definition;
  const key = keyIn(kind.isNamespaced ? scope.namespace : '', name);
  const writing: Writing<T> = { context, definition, key, isDryRun: scope.isDryRun };
  return context.turns.take(objectPrefix(kind) + key, async () => {
    let prev = await currentObject(context, definition, key);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      if (prev === undefined) throw notFound(kind, name);
      await admitDelete(writing, prev, scope);
      const step = await deleteOnce(writing, prev, options);
      if (step.isDone)
        return step.isGone && definition.answersDeleted !== true ? success(definition, prev) : step.object;
      prev = step.current;
    }
    throw conflict(kind, name);
  });
}

function admitDelete<T extends KubeObject>(
  { context, definition }: Writing<T>,
  object: T,
  { user }: RequestScope,
): Promise<T> {
  const { name, namespace = '' } = object.metadata;
  const { kind } = definition;
  const objects = { subresource: '', object, old: object };
  return admit(context.admissions, { operation: 'delete', kind, namespace, name, ...objects, user });
}

const keepsClaims = {};

type Step<T> = Committed<T> & { readonly isGone: boolean };

async function deleteOnce<T extends KubeObject>(
  writing: Writing<T>,
  prev: T,
  options: DeleteOptions,
): Promise<Step<T>> {
  const { definition, context } = writing;
  checkPreconditions(definition, prev, options);
  const refusal = definition.deletion?.refusal?.(prev);
  if (refusal !== undefined) throw forbidden(definition.kind, prev.metadata.name, refusal);
  const next = markDeleted(definition, prev, { options, nowMs: context.clock.now() });
  if (isEnded(definition, next)) return { ...(await commitRemoval(writing, prev)), isGone: true };
  if (next === prev) return { isDone: true, object: prev, isGone: false };
  // What the object claims it keeps until it is gone.
  return { ...(await commitObject(writing, { next, prev }, keepsClaims)), isGone: false };
}

/** Whether an object in this state is to be removed: deleted, its time over, nothing holding it. */
export function isEnded<T extends KubeObject>({ deletion }: Definition<T>, object: T): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds > 0 || finalizers.length > 0)
    return false;
  return deletion?.isHeld?.(object) !== true;
}

/** Upstream's BeforeDelete: the first deletion sets the time, later ones may only shorten it. */
function markDeleted<T extends KubeObject>(
  definition: Definition<T>,
  prev: T,
  { options, nowMs }: { readonly options: DeleteOptions; readonly nowMs: number },
): T {
  const { metadata } = prev;
  const standing = metadata.finalizers ?? [];
  const finalizers = finalizersFor(standing, policyFor(definition, standing, options));
  const grace = definition.deletion?.graceSeconds?.(prev, options.gracePeriodSeconds) ?? 0;
  const base =
    finalizers.join() === standing.join()
      ? prev
      : { ...prev, metadata: withFinalizers(metadata, finalizers) };
  const { deletionTimestamp, deletionGracePeriodSeconds: left = 0, generation } = metadata;
  if (deletionTimestamp !== undefined) {
    if (options.gracePeriodSeconds === undefined || grace >= left) return base;
    const ends = timestamp(asTime(Date.parse(deletionTimestamp) - (left - grace) * 1000));
    return withMetadata(base, { deletionTimestamp: ends, deletionGracePeriodSeconds: grace });
  }
  const marked = withMetadata(base, {
    deletionTimestamp: timestamp(asTime(nowMs + grace * 1000)),
    deletionGracePeriodSeconds: grace,
    // Controllers must take notice.
    ...(generation === undefined ? {} : { generation: generation + 1 }),
  });
  return definition.deletion?.mark?.(marked) ?? marked;
}

/** The last second that RFC 3339 can tell of. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

/** Seconds of grace may be any number, times may not. */
const asTime = (ms: number): number => Math.min(LAST_MS, Math.max(0, ms));

const withMetadata = <T extends KubeObject>(object: T, changes: Partial<KubeObject['metadata']>): T => ({
  ...object,
  metadata: { ...object.metadata, ...changes },
});

function withFinalizers(
  { finalizers: _, ...metadata }: KubeObject['metadata'],
  finalizers: readonly string[],
): KubeObject['metadata'] {
  return finalizers.length === 0 ? metadata : { ...metadata, finalizers };
}

/** The client's wish, else what an earlier one has left, else the kind's own way. */
function policyFor<T extends KubeObject>(
  { deletion }: Definition<T>,
  standing: readonly string[],
  { propagationPolicy }: DeleteOptions,
): DeleteOptions['propagationPolicy'] {
  if (propagationPolicy !== undefined) return propagationPolicy;
  return standing.includes(ORPHAN) || standing.includes(FOREGROUND) ? undefined : deletion?.propagation;
}

/** A policy replaces what an earlier one asked for; without one, what is there stays. */
function finalizersFor(
  finalizers: readonly string[],
  policy: DeleteOptions['propagationPolicy'],
): readonly string[] {
  if (policy === undefined) return finalizers;
  const wanted = policy === 'Orphan' ? ORPHAN : policy === 'Foreground' ? FOREGROUND : undefined;
  const others = finalizers.filter((name) => name !== ORPHAN && name !== FOREGROUND);
  return wanted === undefined ? others : [...others, wanted];
}

function checkPreconditions<T extends KubeObject>(
  { kind }: Definition<T>,
  prev: T,
  { preconditions }: DeleteOptions,
): void {
  const { name, uid = '', resourceVersion = '' } = prev.metadata;
  if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
    const why = `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
    throw conflict(kind, name, why);
  }
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    const why = `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`;
    throw conflict(kind, name, why);
  }
}

function success<T extends KubeObject>({ kind }: Definition<T>, { metadata }: T): Status {
  return {
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Success',
    details: {
      name: metadata.name,
      ...(kind.group === '' ? {} : { group: kind.group }),
      kind: kind.plural,
      ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
    },
  };
}

/** Deletions of a collection that run at the same time: a durable store writes them together. */
const CONCURRENCY = 32;

/** DELETE of a collection; answers what was deleted. Objects that go meanwhile are no failure. */
export async function deleteObjects<T extends KubeObject>(
  context: RegistryContext,
  definition: Definition<T>,
  [scope, { query, options }]: readonly [
    RequestScope,
    { readonly query: ListQuery; readonly options: DeleteOptions },
  ],
): Promise<ListOutcome<T>> {
  const found = await listObjects(context, definition, [scope, query]);
  for (let i = 0; i < found.items.length; i += CONCURRENCY) {
    const chunk = found.items.slice(i, i + CONCURRENCY);
    await Promise.all(
      chunk.map(({ metadata }) => {
        const own = { ...scope, namespace: metadata.namespace ?? '' };
        return deleteObject(context, definition, [own, { name: metadata.name, options }]).catch(
          (error: unknown) => {
            if (!(error instanceof ApiError) || error.reason !== 'NotFound') throw error;
          },
        );
      }),
    );
  }
  return found;
}
