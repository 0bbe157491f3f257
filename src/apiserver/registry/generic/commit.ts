import { internal, invalid, serverTimeout } from '../../../api/errors/api-error.ts';
import type { KubeObject } from '../../../api/kind.ts';
import type { FieldError } from '../../../api/errors/field-error.ts';
import type { CommitResult, Write } from '../../../storage/store.ts';
import { decodeStored, objectPrefix, outgoing, revisionOf, withRevision } from '../../cache/stored-object.ts';
import type { Claim, ClaimPlan, Strategy } from '../strategy.ts';
import { type RegistryContext, timestamp } from './context.ts';
import type { Definition } from './definition.ts';

export interface Writing<T extends KubeObject> {
  readonly context: RegistryContext;
  readonly definition: Definition<T>;
  readonly key: string;
  /** Checked and refused as for real, but nothing is written. */
  readonly isDryRun: boolean;
}

/** A conflict is a result: `current` is what stands in the way of the write, undefined when it is gone. */
export type Committed<T> =
  { readonly isDone: true; readonly object: T } | { readonly isDone: false; readonly current: T | undefined };

/** Who holds a claim; for people and repair, nothing is decided by it. */
const holderValue = (storeKey: string): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ holder: storeKey }));

export function claimValue({ clock }: RegistryContext, { object }: Claim, storeKey: string): Uint8Array {
  if (object === undefined) return holderValue(storeKey);
  const born = { uid: crypto.randomUUID(), creationTimestamp: timestamp(clock.now()) };
  return outgoing({ ...object, metadata: { ...object.metadata, ...born } }).value;
}

/** Choices of ours that others were quicker to take, before the client is told to come back in a second. */
const MAX_CHOICES = 50;

/**
 * Writes the change's `next` over its `prev` (undefined: where nothing stands) in one commit with whatever it claims and gives up.
 * Rejects with 422 when something the client chose is taken.
 */
export async function commitObject<T extends KubeObject>(
  writing: Writing<T>,
  change: { readonly next: T; readonly prev: T | undefined },
  strategy: Pick<Strategy<T>, 'claim'>,
): Promise<Committed<T>> {
  const { context, definition, isDryRun } = writing;
  const tried = new Set<string>();
  for (let attempt = 1; ; attempt++) {
    const plan = planOf(definition, change.next, strategy.claim?.(change, tried));
    if (isDryRun) {
      await refuseTaken(writing, plan.object, plan.take);
      return { isDone: true, object: plan.object };
    }
    const own = objectWrite(writing, change.prev);
    const next = outgoing(plan.object);
    const result = await context.store.commit([
      { ...own, value: next.value },
      ...plan.take.map((claim): Write => ({
        key: claim.key,
        value: claimValue(context, claim, own.key),
        expect: 'absent',
      })),
      ...plan.release.map((key): Write => ({ key, value: null })),
    ]);
    if (result.ok) {
      context.acknowledged.note(result.revision);
      const object = next.written(result.revision);
      context.texts.keep(object, next.text(result.revision));
      return { isDone: true, object };
    }
    const conflict = objectConflict(writing, result);
    if (conflict !== undefined) return conflict;
    const lost = new Set(result.conflicts.map(({ key }) => key));
    const refusals = plan.take.flatMap(({ key, refusal }) => (lost.has(key) && refusal ? [refusal] : []));
    if (refusals.length > 0) throw invalid(definition.kind, plan.object.metadata.name, refusals);
    if (attempt === MAX_CHOICES) throw serverTimeout(definition.kind, 'allocation', 1);
    for (const key of lost) tried.add(key);
    if (attempt === 1) continue;
    // What others took meanwhile is learnt all at once; a memory that is slow to learn is no reason to give up.
    const seen = result.conflicts.map(({ current }) => current?.revision ?? 0);
    await context.cache.atLeast(Math.max(...seen)).catch(() => undefined);
  }
}

/** Removes `prev`, all it holds, and its companions, in one commit. */
export async function commitRemoval<T extends KubeObject>(
  writing: Writing<T>,
  prev: T,
): Promise<Committed<T>> {
  const { context, definition, isDryRun } = writing;
  if (isDryRun) return { isDone: true, object: prev };
  const others = [
    ...(definition.strategy.held?.(prev) ?? []),
    ...(definition.deletion?.companions?.(prev) ?? []),
  ];
  const result = await context.store.commit([
    { ...objectWrite(writing, prev), value: null },
    ...others.map((key): Write => ({ key, value: null })),
  ]);
  if (!result.ok) return objectConflict(writing, result) ?? { isDone: false, current: prev };
  context.acknowledged.note(result.revision);
  return { isDone: true, object: withRevision(prev, result.revision) };
}

const objectWrite = <T extends KubeObject>({ definition, key }: Writing<T>, prev: T | undefined) => ({
  key: objectPrefix(definition.kind) + key,
  expect: prev === undefined ? ('absent' as const) : revisionOf(prev),
});

function planOf<T extends KubeObject>(
  { kind }: Definition<T>,
  next: T,
  plan: ClaimPlan<T> = { object: next, take: [], release: [] },
): Extract<ClaimPlan<T>, { readonly object: T }> {
  if ('object' in plan) return plan;
  if ('exhausted' in plan) throw internal(new Error(plan.exhausted));
  throw invalid(kind, next.metadata.name, plan.refused);
}

function objectConflict<T extends KubeObject>(
  { definition, key }: Writing<T>,
  result: Extract<CommitResult, { readonly ok: false }>,
): Committed<T> | undefined {
  const conflict = result.conflicts.find((c) => c.key === objectPrefix(definition.kind) + key);
  if (conflict === undefined) return undefined;
  const { current } = conflict;
  return { isDone: false, current: current && (decodeStored(current.value, current.revision) as T) };
}

async function refuseTaken<T extends KubeObject>(
  { context, definition }: Writing<T>,
  object: T,
  take: readonly Claim[],
): Promise<void> {
  const found = await Promise.all(
    take.map(async ({ key, refusal }): Promise<readonly FieldError[]> => {
      if (refusal === undefined) return [];
      return (await context.store.get(key)) === undefined ? [] : [refusal];
    }),
  );
  const refusals = found.flat();
  if (refusals.length > 0) throw invalid(definition.kind, object.metadata.name, refusals);
}
