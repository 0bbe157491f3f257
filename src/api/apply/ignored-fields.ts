import type { JsonObject } from '../../base/json.ts';
import type { Kind } from '../kind.ts';
import { decodeValue } from '../schema/decode.ts';
import type { AnyType } from '../schema/schema.ts';
import type { Ignored } from './compare.ts';

/** What is never owned by anyone: the server writes it (managedfields/internal/stripmeta.go). */
const typeFields = ['f:apiVersion', 'f:kind'];
const systemMetadata =
  'f:name f:namespace f:creationTimestamp f:selfLink f:uid f:clusterName f:generation f:managedFields f:resourceVersion';

/**
 * What a status subresource puts back as it was, beside the spec, by kind; a write of it owns none of that (upstream's
 * GetResetFields).
 */
const keptByStatus: Readonly<Record<string, readonly string[]>> = {
  'apps/Deployment': ['f:labels'],
  '/Pod': ['f:deletionTimestamp', 'f:ownerReferences'],
};

const knownIgnored = new WeakMap<AnyType, Map<string, Ignored>>();

/** What a write through this endpoint can't own. */
export function ignoredFields(kind: Kind, subresource = ''): Ignored {
  let ofKind = knownIgnored.get(kind.schema);
  if (ofKind === undefined) knownIgnored.set(kind.schema, (ofKind = new Map<string, Ignored>()));
  let ignored = ofKind.get(subresource);
  if (ignored === undefined) {
    // Approval is a part of the status that has a door of its own.
    const isStatus = subresource === 'status' || subresource === 'approval';
    const reset = isStatus ? ['f:spec'] : kind.subresources.includes('status') ? ['f:status'] : [];
    const kept = isStatus ? (keptByStatus[`${kind.group}/${kind.kind}`] ?? []) : [];
    ignored = new Map([
      ['', new Set([...typeFields, ...reset])],
      ['f:metadata', new Set([...systemMetadata.split(' '), ...kept])],
    ]);
    ofKind.set(subresource, ignored);
  }
  return ignored;
}

const emptyObjects = new WeakMap<AnyType, JsonObject>();

/** What an object of the kind is before anyone has written to it. */
export function emptyObject({ schema }: Kind): JsonObject {
  let empty = emptyObjects.get(schema);
  if (empty === undefined) emptyObjects.set(schema, (empty = decodeValue(schema, {}) as JsonObject));
  return empty;
}
