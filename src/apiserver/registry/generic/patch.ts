import { isReset } from '../../../api/apply/managed-fields.ts';
import {
  type ApiError,
  conflict,
  invalid,
  isAlreadyExists,
  notFound,
} from '../../../api/errors/api-error.ts';
import { invalidValue } from '../../../api/errors/field-error.ts';
import { asJson, type KubeObject } from '../../../api/kind.ts';
import { applyJsonPatch } from '../../../api/patch/json-patch.ts';
import { applyMergePatch } from '../../../api/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '../../../api/patch/strategic-merge-patch.ts';
import { DecodeError } from '../../../api/schema/decode-context.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../base/json.ts';
import type { ApplyRequest, PatchRequest, RequestScope } from '../../rest/rest.ts';
import { objectPrefix } from '../../cache/stored-object.ts';
import { currentObject, keyIn, type RegistryContext } from './context.ts';
import { createNamed } from './create.ts';
import { checkName, decodeBody, decodeVersion, writingBy } from './decode.ts';
import type { Definition } from './definition.ts';
import { type Intended, intended, type Target, type Updated, writeOver } from './update.ts';

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
  const target = { context, definition, scope, key, subresource: request.subresource };
  const intent = (live: T): Intended<T> => {
    const json = apply(definition, request, asJson(live));
    const next = decodePatched(definition, scope, { request, json });
    checkVersion(definition, next, live);
    return intended(target, { live, next, isReset: isReset(json) });
  };
  return context.turns.take(objectPrefix(kind) + key, async () => {
    const prev = await currentObject(context, definition, key);
    if (prev === undefined) throw notFound(kind, request.name);
    return writeOver(target, { prev, intent, isRetried: true });
  });
}

/**
 * Server-side apply: the configuration merged into the object as it stands, or a new object of it. Rejects with 409 for
 * fields that belong to others.
 */
export async function applyToObject<T extends KubeObject>(
  context: RegistryContext,
  definition: Definition<T>,
  [scope, request]: readonly [RequestScope, ApplyRequest],
): Promise<Updated<T>> {
  const { applyConfiguration } = await import('../../../api/apply/apply-configuration.ts');
  const { kind } = definition;
  const { name, config, isForced, subresource } = request;
  const key = keyIn(kind.isNamespaced ? scope.namespace : '', name);
  const target = { context, definition, scope, key, subresource };
  const writing = writingBy(context, definition, { scope, subresource });
  const applied = (live: T | undefined): Intended<T> => {
    const { object, managedFields } = applyConfiguration(writing, { live, config, isForced });
    // What the configuration says has been checked against the schema; of the rest the store is the witness.
    const body = decodeApplied(definition, { ...scope, fieldValidation: 'Ignore' }, object);
    checkName(body, name);
    if (live !== undefined) checkVersion(definition, body, live);
    const errors = scope.writtenIn?.validate?.({ next: body, prev: live }) ?? [];
    if (errors.length > 0) throw invalid(kind, name, errors);
    return { body, managedFields };
  };
  return context.turns.take(objectPrefix(kind) + key, async () => {
    for (let attempt = 1; ; attempt++) {
      const prev = await currentObject(context, definition, key);
      if (prev !== undefined) {
        return {
          object: await writeOver(target, { prev, intent: applied, isRetried: true }),
          isCreated: false,
        };
      }
      if (subresource !== undefined) throw notFound(kind, name);
      try {
        return { object: await createApplied(target, name, applied(undefined)), isCreated: true };
      } catch (error) {
        // Somebody created it meanwhile: then there is something to apply to.
        if (!isAlreadyExists(error) || scope.isDryRun || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  });
}

const MAX_ATTEMPTS = 5;

/** What an apply made, which is of the version it was written in. */
function decodeApplied<T extends KubeObject>(
  definition: Definition<T>,
  scope: RequestScope,
  object: JsonObject,
): T {
  const version = scope.writtenIn?.version;
  return decodeBody(
    definition,
    scope,
    version === undefined ? object : decodeVersion(version, scope, object),
  );
}

async function createApplied<T extends KubeObject>(
  { context, definition, scope }: Target<T>,
  name: string,
  { body, managedFields = [] }: Intended<T>,
): Promise<T> {
  const { kind } = definition;
  const { uid, resourceVersion = '' } = body.metadata;
  if (uid !== undefined) {
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw conflict(kind, name, why);
  }
  if (resourceVersion !== '') throw conflict(kind, name);
  await scope.mayCreate?.();
  const written: string | undefined = body.metadata.name;
  return createNamed(context, definition, { scope, object: body, name: written ?? '', managedFields });
}

function checkVersion<T extends KubeObject>({ kind }: Definition<T>, body: T, live: T): void {
  const { resourceVersion = '' } = body.metadata;
  if (resourceVersion === '' || resourceVersion === live.metadata.resourceVersion) return;
  throw conflict(kind, live.metadata.name);
}

interface Patched {
  readonly request: PatchRequest;
  readonly json: JsonObject;
}

/** What a patch made, as an object; a patch that makes nonsense is refused as upstream words it. */
function decodePatched<T extends KubeObject>(
  definition: Definition<T>,
  scope: RequestScope,
  patched: Patched,
): T {
  const { request, json } = patched;
  const { type, faults = [], name } = request;
  const mode = scope.fieldValidation;
  const warnings: string[] = [];
  let body: T;
  try {
    // Everything unknown is collected first, since the patch itself may have faults as well.
    const own = mode === 'Ignore' ? mode : 'Warn';
    body = decodeBody(definition, { ...scope, fieldValidation: own, warnings }, json);
  } catch (error) {
    const { cause } = error as Error;
    if (cause instanceof DecodeError) throw nonsense(patched, cause.message);
    throw error;
  }
  const isJsonPatch = type === 'application/json-patch+json';
  const all =
    mode === 'Ignore'
      ? []
      : [...faults.map((text) => (isJsonPatch ? `json patch ${text}` : text)), ...warnings];
  if (mode === 'Strict' && all.length > 0)
    throw nonsense(patched, `strict decoding error: ${all.join(', ')}`);
  scope.warnings.push(...all);
  checkName(body, name);
  return body;
}

const nonsense = ({ request, json }: Patched, why: string): ApiError => {
  const isStrategic = request.type === 'application/strategic-merge-patch+json';
  const shown = isStrategic ? goText(request.body) : JSON.stringify(json);
  return invalid({ group: '', kind: '', plural: '' }, '', [invalidValue('patch', shown, why)]);
};

/** A JSON value as Go prints a map: `map[spec:map[type:X]]`. */
function goText(value: JsonValue | undefined): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isJsonObject(value)) return value === null || value === undefined ? '<nil>' : String(value);
  const members = Object.keys(value).sort();
  return `map[${members.map((name) => `${name}:${goText(value[name])}`).join(' ')}]`;
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
