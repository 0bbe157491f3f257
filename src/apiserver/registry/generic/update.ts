import { isReset, isSameButTimes, trackUpdate } from '../../../api/apply/managed-fields.ts';
import { conflict, invalid, notFound } from '../../../api/errors/api-error.ts';
import { invalidValue } from '../../../api/errors/field-error.ts';
import type { KubeObject } from '../../../api/kind.ts';
import type { ManagedFieldsEntry } from '../../../api/meta/v1/object-meta.ts';
import { validateObjectMetaUpdate } from '../../../api/validation/object-meta.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import { admit } from '../../admission/admission.ts';
import type { RequestScope, UpdateRequest } from '../../rest/rest.ts';
import type { Strategy } from '../strategy.ts';
import { objectPrefix } from '../../cache/stored-object.ts';
import { type Committed, commitObject, commitRemoval, type Writing } from './commit.ts';
import { currentObject, keyIn, type RegistryContext, storedObject } from './context.ts';
import { createNamed } from './create.ts';
import { checkName, decodeBody, writingBy } from './decode.ts';
import type { Definition } from './definition.ts';
import { isEnded } from './delete.ts';
import { withDistinctOwners, withManagedFields, withMetaOf } from './object-meta.ts';

/** What is to stand in the place of an object, and whose fields it is made of. */
export interface Intended<T> {
  readonly body: T;
  readonly managedFields: readonly ManagedFieldsEntry[] | undefined;
}

/** What a write means for the object as it stands; called anew when that has changed meanwhile. */
type Intent<T> = (prev: T) => Intended<T>;

/** PUT on the object or on one of its subresources. */
export async function updateObject<T extends KubeObject>(
  context: RegistryContext,
  definition: Definition<T>,
  [scope, request]: readonly [RequestScope, UpdateRequest],
): Promise<Updated<T>> {
  const { kind } = definition;
  const body = decodeBody(definition, scope, request.body);
  checkName(body, request.name);
  const key = keyIn(kind.isNamespaced ? scope.namespace : '', request.name);
  const target = { context, definition, scope, key, subresource: request.subresource };
  const { resourceVersion: written = '' } = body.metadata;
  // As in Go, 0 is no version.
  const resourceVersion = written === '0' ? '' : written;
  const wanted = { body, isReset: isReset(request.body), name: request.name, resourceVersion };
  const update = (): Promise<Updated<T>> => updateTo(target, wanted);
  return resourceVersion === '' ? context.turns.take(objectPrefix(kind) + key, update) : update();
}

export interface Updated<T> {
  readonly object: T;
  readonly isCreated: boolean;
}

interface Wanted<T> {
  readonly body: T;
  /** The client wants all owners of fields forgotten. */
  readonly isReset: boolean;
  readonly name: string;
  /** '' overwrites what stands, where the kind allows that. */
  readonly resourceVersion: string;
}

async function updateTo<T extends KubeObject>(
  target: Target<T>,
  { body, isReset: isForgotten, name, resourceVersion }: Wanted<T>,
): Promise<Updated<T>> {
  const { context, definition, scope, key, subresource } = target;
  const { kind } = definition;
  let prev = await currentObject(context, definition, key);
  if (prev === undefined) {
    if (definition.isCreatedByUpdate !== true || subresource !== undefined) throw notFound(kind, name);
    await scope.mayCreate?.();
    const object = await createNamed(context, definition, { scope, object: body, name });
    return { object, isCreated: true };
  }
  if (resourceVersion !== '' && resourceVersion !== prev.metadata.resourceVersion) {
    // Memory may be behind what another server has written.
    prev = await storedObject(context, definition, key);
    if (prev === undefined) throw notFound(kind, name);
    if (resourceVersion !== prev.metadata.resourceVersion) throw conflict(kind, name);
  }
  if (resourceVersion === '' && definition.resourceVersion === 'required') {
    throw invalid(kind, name, [
      invalidValue('metadata.resourceVersion', '', 'must be specified for an update'),
    ]);
  }
  const intent = (current: T): Intended<T> =>
    intended(target, { live: current, next: body, isReset: isForgotten });
  const object = await writeOver(target, { prev, intent, isRetried: resourceVersion === '' });
  return { object, isCreated: false };
}

/** Subresources that set one field for the system; nobody becomes its owner by that. */
const untracked: ReadonlySet<string | undefined> = new Set(['binding']);

/** What a client wants in the place of `live`, with the fields it changes as its own. */
export function intended<T extends KubeObject>(
  { context, definition, scope, subresource }: Target<T>,
  written: { readonly live: T; readonly next: T; readonly isReset: boolean },
): Intended<T> {
  const managedFields = untracked.has(subresource)
    ? written.live.metadata.managedFields
    : trackUpdate(writingBy(context, definition, { scope, subresource }), written);
  return { body: written.next, managedFields };
}

export interface Target<T extends KubeObject> {
  readonly context: RegistryContext;
  readonly definition: Definition<T>;
  readonly scope: RequestScope;
  readonly key: string;
  readonly subresource: string | undefined;
}

/** The whole object, written by way of its scale: the owner of the number of replicas says so. */
const SCALE = 'scale';

/** Those who take turns only meet writers that do not, and other servers; more says that something is wrong. */
const MAX_ATTEMPTS = 20;

/** Puts what `intent` says in the place of `prev`, through the rules of the kind. */
export async function writeOver<T extends KubeObject>(
  target: Target<T>,
  { prev, intent, isRetried }: { readonly prev: T; readonly intent: Intent<T>; readonly isRetried: boolean },
): Promise<T> {
  const { kind } = target.definition;
  let current = prev;
  for (let attempt = 1; ; attempt++) {
    const result = await writeOnce(target, current, intent(current));
    if (result.isDone) return result.object;
    if (result.current === undefined) throw notFound(kind, prev.metadata.name);
    if (!isRetried || attempt === MAX_ATTEMPTS) throw conflict(kind, prev.metadata.name);
    current = result.current;
  }
}

async function writeOnce<T extends KubeObject>(
  target: Target<T>,
  prev: T,
  { body, managedFields }: Intended<T>,
): Promise<Committed<T>> {
  const { context, definition, scope, key, subresource } = target;
  const strategy = strategyFor(definition, subresource);
  const name = prev.metadata.name;
  checkUid(definition, body, prev);
  const sent = withDistinctOwners(body, scope.warnings);
  const prepared = strategy.prepare({ next: withMetaOf(sent, prev), prev });
  const isWhole = subresource === undefined || subresource === SCALE;
  const counted = isWhole ? withGeneration(definition, prepared, prev) : prepared;
  // A write that would only renew a time is none.
  const isSame = isSameButTimes(managedFields, prev.metadata.managedFields);
  const next = withManagedFields(counted, isSame ? prev.metadata.managedFields : managedFields);
  await admitUpdate(target, next, prev);
  const errors = [
    ...validateObjectMetaUpdate(
      { next: next.metadata, prev: prev.metadata },
      { isNamespaced: definition.kind.isNamespaced, name: definition.name },
    ),
    ...strategy.validate({ next, prev }),
  ];
  if (errors.length > 0) throw invalid(definition.kind, name, errors);
  scope.warnings.push(...(strategy.warnings?.({ next, prev }) ?? []));
  const writing: Writing<T> = { context, definition, key, isDryRun: scope.isDryRun };
  if (isEnded(definition, next)) {
    const removed = await commitRemoval(writing, prev);
    return removed.isDone ? { isDone: true, object: next } : removed;
  }
  if (deepEqual(next, prev)) return unchanged(target, prev);
  return commitObject(writing, { next, prev }, strategy);
}

function admitUpdate<T extends KubeObject>(target: Target<T>, next: T, prev: T): Promise<T> {
  const { context, definition, scope, subresource = '' } = target;
  const { kind } = definition;
  const { name, namespace = '' } = prev.metadata;
  const objects = { object: next, old: prev, user: scope.user };
  return admit(context.admissions, {
    operation: 'update',
    kind,
    namespace,
    name,
    subresource,
    ...objects,
  });
}

/** A write that changes nothing makes no revision; but what it found must still be true. */
async function unchanged<T extends KubeObject>(
  { context, definition, key }: Target<T>,
  prev: T,
): Promise<Committed<T>> {
  const stored = await storedObject(context, definition, key);
  const isTrue = stored?.metadata.resourceVersion === prev.metadata.resourceVersion;
  return isTrue ? { isDone: true, object: prev } : { isDone: false, current: stored };
}

function strategyFor<T extends KubeObject>(
  definition: Definition<T>,
  subresource: string | undefined,
): Strategy<T> {
  if (subresource === undefined || subresource === SCALE) return definition.strategy;
  const strategy = definition.subresources?.[subresource];
  if (strategy === undefined) throw notFound(definition.kind, subresource);
  return strategy;
}

function checkUid<T extends KubeObject>({ kind }: Definition<T>, body: T, prev: T): void {
  const { uid } = body.metadata;
  if (uid === undefined || uid === prev.metadata.uid) return;
  const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${prev.metadata.uid ?? ''}`;
  throw conflict(kind, prev.metadata.name, why);
}

function withGeneration<T extends KubeObject>({ generationOf }: Definition<T>, next: T, prev: T): T {
  if (generationOf === undefined || deepEqual(generationOf(next), generationOf(prev))) return next;
  return { ...next, metadata: { ...next.metadata, generation: (prev.metadata.generation ?? 0) + 1 } };
}
