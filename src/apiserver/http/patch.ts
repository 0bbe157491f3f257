import { isJsonObject } from '../../base/json.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import { badRequest, unsupportedMediaType } from '../../api/errors/api-error.ts';
import { forbiddenField, required } from '../../api/errors/field-error.ts';
import { isTrue } from '../request-info.ts';
import type { PatchRequest, PatchType, RequestScope } from '../rest/rest.ts';
import { mediaTypeOf, parseJson, parseYaml, readBody } from './body.ts';
import { presentationOf, writeScope } from './call.ts';
import type { Call, Handle } from './call.ts';
import { invalidOptions } from './refusals.ts';
import { objectAnswer } from './respond.ts';

const APPLY = 'application/apply-patch+yaml';

const patchTypes: readonly PatchType[] = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

/** PATCH of the object, or of a subresource the registry knows; also server-side apply. */
export const patch: Handle = async (call, warnings) => {
  const presentation = presentationOf(call);
  const { name, subresource: part } = call.info;
  const subresource = part === '' ? {} : { subresource: part };
  const { write } = call.resource;
  if (isApply(call)) {
    const scope = applyScope(call, warnings);
    const request = { name, config: await readConfig(call, scope), isForced: isForced(call), ...subresource };
    const { object, isCreated } = await write.apply(scope, request);
    return objectAnswer(call.resource, object, { presentation, status: isCreated ? 201 : 200 });
  }
  const scope = patchScope(call, warnings);
  const object = await write.patch(scope, { name, ...(await readPatch(call)), ...subresource });
  return objectAnswer(call.resource, object, { presentation, status: 200 });
};

export const isApply = ({ request }: Call): boolean => mediaTypeOf(request.headers['content-type']) === APPLY;

export const isForced = ({ query }: Call): boolean => isTrue(query.get('force'));

/** The scope of a patch that is no apply. Throws 422. */
export function patchScope(call: Call, warnings: string[]): RequestScope {
  const scope = writeScope(call, warnings, 'PatchOptions');
  if (!call.query.has('force')) return scope;
  throw invalidOptions('PatchOptions', forbiddenField('force', 'may not be specified for non-apply patch'));
}

/** The scope of an apply, whose writer has to say its name. Throws 422. */
export function applyScope(call: Call, warnings: string[]): RequestScope {
  if (!call.query.get('fieldManager')) {
    throw invalidOptions('PatchOptions', required('fieldManager', 'is required for apply patch'));
  }
  return writeScope(call, warnings, 'PatchOptions');
}

/** The patch of a request, its form checked. Throws 415 for another kind of patch, and 400. */
export async function readPatch({ request }: Call): Promise<Pick<PatchRequest, 'type' | 'body' | 'faults'>> {
  const mediaType = mediaTypeOf(request.headers['content-type']);
  const type = patchTypes.find((known) => known === mediaType);
  if (type === undefined) throw unsupportedMediaType([...patchTypes, APPLY]);
  const { value: body, duplicates } = parseJson(await readBody(request));
  const isRight = type === 'application/json-patch+json' ? Array.isArray(body) : isJsonObject(body);
  if (!isRight) throw badRequest(`the body of the request is not a ${type} document`);
  return { type, body, faults: [...unknownMembers(type, body), ...duplicates] };
}

const operationMembers: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value']);

/** Members of JSON patch operations that mean nothing. */
function unknownMembers(type: PatchType, body: JsonValue): string[] {
  if (type !== 'application/json-patch+json' || !Array.isArray(body)) return [];
  return body.flatMap((operation, i) =>
    Object.keys(isJsonObject(operation) ? operation : {})
      .filter((name) => !operationMembers.has(name))
      .map((name) => `unknown field "[${i}].${name}"`),
  );
}

/** What is applied: YAML, or JSON, which is YAML as well. Throws 400. */
export async function readConfig({ request }: Call, scope: RequestScope): Promise<JsonObject> {
  const text = await readBody(request);
  const isJson = text.trimStart().startsWith('{');
  const { value, duplicates } = isJson ? parseJson(text) : await parseYaml(text);
  if (duplicates.length > 0 && scope.fieldValidation === 'Strict') {
    throw badRequest(`error strict decoding YAML: ${duplicates.join(', ')}`);
  }
  if (scope.fieldValidation === 'Warn') scope.warnings.push(...duplicates);
  if (value === null) return {};
  if (isJsonObject(value)) return value;
  throw badRequest('error decoding YAML: the configuration is not an object');
}
