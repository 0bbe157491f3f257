import type { KubeObject } from '../../../api/kind.ts';
import type { ManagedFieldsEntry, ObjectMeta } from '../../../api/meta/v1/object-meta.ts';
import { timestamp } from './context.ts';

/** No vowels and nothing that looks alike, so that no words come out (upstream: util/rand). */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const MAX_NAME_LENGTH = 63;

/** The prefix, cut so that the name stays a DNS label, and five random characters. `random` returns 0 to n - 1. */
export function generateName(prefix: string, random: (n: number) => number): string {
  let suffix = '';
  for (let i = 0; i < SUFFIX_LENGTH; i++) suffix += ALPHABET[random(ALPHABET.length)] ?? '';
  return prefix.slice(0, MAX_NAME_LENGTH - SUFFIX_LENGTH) + suffix;
}

export interface NewObject {
  readonly name: string;
  /** '' for a kind without namespaces. */
  readonly namespace: string;
  readonly uid: string;
  readonly nowMs: number;
  /** Whether the kind counts generations. */
  readonly hasGeneration: boolean;
  readonly managedFields: readonly ManagedFieldsEntry[];
}

/** What the server alone decides about a new object. */
export function withNewMeta<T extends KubeObject>(object: T, system: NewObject): T {
  const {
    resourceVersion: _1,
    deletionTimestamp: _2,
    deletionGracePeriodSeconds: _3,
    selfLink: _4,
    managedFields: _5,
    generation: _6,
    ...meta
  } = object.metadata;
  const metadata: ObjectMeta = {
    ...meta,
    name: system.name,
    ...(system.namespace === '' ? {} : { namespace: system.namespace }),
    uid: system.uid,
    creationTimestamp: timestamp(system.nowMs),
    ...(system.hasGeneration ? { generation: 1 } : {}),
  };
  return withManagedFields({ ...object, metadata }, system.managedFields);
}

/** The object with these entries; without any when there are none. */
export function withManagedFields<T extends KubeObject>(
  object: T,
  managedFields: readonly ManagedFieldsEntry[] | undefined,
): T {
  const { managedFields: _, ...metadata } = object.metadata;
  const isEmpty = managedFields === undefined || managedFields.length === 0;
  return { ...object, metadata: isEmpty ? metadata : { ...metadata, managedFields } };
}

/** The system's fields as they stand, where the client left them out; where it wrote them, validation compares. */
export function withMetaOf<T extends KubeObject>(object: T, prev: T): T {
  const { selfLink: _1, managedFields: _2, generation: _3, ...meta } = object.metadata;
  const old = prev.metadata;
  const metadata: ObjectMeta = {
    ...meta,
    name: meta.name === undefined ? old.name : meta.name,
    ...kept('namespace', meta.namespace, old.namespace),
    ...kept('uid', meta.uid, old.uid),
    ...kept('creationTimestamp', meta.creationTimestamp, old.creationTimestamp),
    ...kept('deletionTimestamp', meta.deletionTimestamp, old.deletionTimestamp),
    ...kept('deletionGracePeriodSeconds', meta.deletionGracePeriodSeconds, old.deletionGracePeriodSeconds),
    ...kept('generation', undefined, old.generation),
    ...kept('resourceVersion', undefined, old.resourceVersion),
  };
  return { ...object, metadata };
}

function kept<K extends keyof ObjectMeta>(
  field: K,
  written: ObjectMeta[K],
  known: ObjectMeta[K],
): { readonly [P in K]?: ObjectMeta[K] } {
  const value = written ?? known;
  return value === undefined ? {} : ({ [field]: value } as { readonly [P in K]: ObjectMeta[K] });
}

/** Each owner once; says so when the client named one twice (apiserver/pkg/endpoints/handlers/create.go). */
export function withDistinctOwners<T extends KubeObject>(object: T, warnings: string[]): T {
  const { ownerReferences } = object.metadata;
  if (ownerReferences === undefined || ownerReferences.length < 2) return object;
  const firsts = new Map<string, number>();
  for (const [i, owner] of ownerReferences.entries()) {
    const { apiVersion, kind, name, uid, controller, blockOwnerDeletion } = owner;
    const key = JSON.stringify([apiVersion, kind, name, uid, controller, blockOwnerDeletion]);
    if (!firsts.has(key)) firsts.set(key, i);
  }
  if (firsts.size === ownerReferences.length) return object;
  const kept = new Set(firsts.values());
  const distinct = ownerReferences.filter((_, i) => kept.has(i));
  const uids = ownerReferences.filter((_, i) => !kept.has(i)).map(({ uid }) => uid);
  warnings.push(
    '.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject ' +
      `such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: [${uids.join(' ')}]`,
  );
  return { ...object, metadata: { ...object.metadata, ownerReferences: distinct } };
}
