import type { Writing } from '../../../api/apply/managed-fields.ts';
import { badRequest } from '../../../api/errors/api-error.ts';
import type { KindVersion } from '../../../api/kind-version.ts';
import { apiVersionOf, asJson, asObject, type Kind, type KubeObject } from '../../../api/kind.ts';
import { decodeObject } from '../../../api/schema/decode.ts';
import { applyDefaults } from '../../../api/schema/defaults.ts';
import { versionsOf } from '../../../api/versions.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { RequestScope } from '../../rest/rest.ts';
import { type RegistryContext, timestamp } from './context.ts';
import type { Definition } from './definition.ts';

/** A request's body as an object with its defaults. Throws BadRequest. */
export function decodeBody<T extends KubeObject>(
  { kind }: Definition<T>,
  scope: RequestScope,
  body: JsonObject,
): T {
  const { object, warnings } = decodeObject(kind, body, { mode: scope.fieldValidation });
  scope.warnings.push(...warnings);
  const { namespace = '' } = object.metadata;
  if (kind.isNamespaced && namespace !== '' && namespace !== scope.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return applyDefaults(kind, object);
}

/** A body of a further version, decoded and defaulted by that version's schema, in its stored form. Throws BadRequest. */
export function decodeVersion(version: KindVersion, scope: RequestScope, body: JsonObject): JsonObject {
  const { object, warnings } = decodeObject(version.kind, body, { mode: scope.fieldValidation });
  scope.warnings.push(...warnings);
  return asJson(restored(version, applyDefaults(version.kind, object)));
}

/** An object of a further version as the stored one looks. */
export const restored = ({ stored, toStored }: KindVersion, object: KubeObject): KubeObject => ({
  ...asObject(toStored(asJson(object))),
  apiVersion: apiVersionOf(stored),
  kind: stored.kind,
});

/** Throws BadRequest unless the body is about the object the path names, or leaves the name out. */
export function checkName(object: KubeObject, name: string): void {
  const written: string | undefined = object.metadata.name;
  if (written === undefined || written === '' || written === name) return;
  throw badRequest(`the name of the object (${written}) does not match the name on the URL (${name})`);
}

/** Who writes, for the record of managed fields. */
export const writingBy = <T extends KubeObject>(
  { clock }: RegistryContext,
  { kind }: { readonly kind: Kind<T> },
  { scope, subresource }: { readonly scope: RequestScope; readonly subresource?: string | undefined },
): Writing => ({
  kind: scope.writtenIn?.version.kind ?? kind,
  versions: versionsOf(kind),
  manager: scope.fieldManager,
  subresource,
  now: timestamp(clock.now()),
});
