import { conflict, notFound } from '../../../api/errors/api-error.ts';
import { asJson, type KubeObject } from '../../../api/kind.ts';
import { applyJsonPatch } from '../../../api/patch/json-patch.ts';
import { applyMergePatch } from '../../../api/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '../../../api/patch/strategic-merge-patch.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { PatchRequest, RequestScope } from '../../rest/rest.ts';
import { objectPrefix } from '../../cache/stored-object.ts';
import { currentObject, keyIn, type RegistryContext } from './context.ts';
import { checkName, decodeBody } from './decode.ts';
import type { Definition } from './definition.ts';
import { writeOver } from './update.ts';

/**
 * PATCH: what the patch makes of the object as it stands, tried anew when that changes meanwhile. A patch that names a
 * resourceVersion is only for that one.
 */
export async function patchObject<T extends KubeObject>(
  context: RegistryContext,
  definition: Definition<T>,
  [scope, request]: readonly [RequestScope, PatchRequest],
): Promise<T> {
  const { kind } = definition;
  const key = keyIn(kind.isNamespaced ? scope.namespace : '', request.name);
  const intent = (current: T): T => {
    const json = apply(definition, request, asJson(current));
    const body = decodeBody(definition, scope, json);
    checkName(body, request.name);
    const { resourceVersion = '' } = body.metadata;
    if (resourceVersion !== '' && resourceVersion !== current.metadata.resourceVersion) {
      throw conflict(kind, request.name);
    }
    return body;
  };
  const target = { context, definition, scope, key, subresource: request.subresource };
  return context.turns.take(objectPrefix(kind) + key, async () => {
    const prev = await currentObject(context, definition, key);
    if (prev === undefined) throw notFound(kind, request.name);
    return writeOver(target, { prev, intent, isRetried: true });
  });
}

function apply<T extends KubeObject>(
  { kind }: Definition<T>,
  { type, body }: PatchRequest,
  json: JsonObject,
): JsonObject {
  switch (type) {
    case 'application/json-patch+json':
      return applyJsonPatch(json, body);
    case 'application/merge-patch+json':
      return applyMergePatch(json, body);
    case 'application/strategic-merge-patch+json':
      return applyStrategicMergePatch(kind.schema, json, body);
  }
}
