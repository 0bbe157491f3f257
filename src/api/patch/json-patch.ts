import { deepEqual } from '../../base/deep-equal.ts';
import { type JsonObject, type JsonValue, isJsonObject } from '../../base/json.ts';
import { ApiError, badRequest } from '../errors/api-error.ts';
import {
  type Container,
  PatchError,
  type Draft,
  child,
  createDraft,
  indexIn,
  parsePointer,
  setChild,
  valueAt,
} from './json-pointer.ts';

/** As upstream's API server. */
const maxOperations = 10_000;
/** Copies may not make a small patch into a huge document (upstream: 3 MiB). */
const maxCopiedBytes = 3 * 1024 * 1024;

const quoted = JSON.stringify;
const missingPath = (operation: string, pointer: string): PatchError =>
  new PatchError(
    `${operation} operation does not apply: doc is missing path: ${quoted(pointer)}: missing value`,
  );

/** A document on its way. */
interface Progress {
  readonly document: JsonValue;
  readonly draft: Draft;
}

function edit(
  { document, draft }: Progress,
  { operation, pointer }: { readonly operation: string; readonly pointer: string },
  change: (container: Container, token: string) => void,
): JsonValue {
  const edited = draft.edit(document, parsePointer(pointer), change);
  if (edited === undefined) throw missingPath(operation, pointer);
  return edited;
}

function insert(container: Container, token: string, value: JsonValue): void {
  if (!Array.isArray(container)) return setChild(container, token, value);
  if (token === '-') return void container.push(value);
  const index = indexIn(container.length + 1, token);
  if (index === undefined) {
    throw new PatchError(`Unable to access invalid index: ${token}: invalid index referenced`);
  }
  container.splice(index, 0, value);
}

function add(progress: Progress, pointer: string, value: JsonValue): JsonValue {
  if (pointer === '') return value;
  return edit(progress, { operation: 'add', pointer }, (container, token) => insert(container, token, value));
}

function remove(progress: Progress, pointer: string): JsonValue {
  return edit(progress, { operation: 'remove', pointer }, (container, token) => {
    if (child(container, token) === undefined) {
      const what = Array.isArray(container)
        ? `Unable to access invalid index: ${token}: invalid index referenced`
        : `Unable to remove nonexistent key: ${token}: missing value`;
      throw new PatchError(`error in remove for path: '${pointer}': ${what}`);
    }
    if (Array.isArray(container)) container.splice(indexIn(container.length, token) ?? 0, 1);
    else Reflect.deleteProperty(container, token);
  });
}

function replace(progress: Progress, pointer: string, value: JsonValue): JsonValue {
  if (pointer === '') return value;
  return edit(progress, { operation: 'replace', pointer }, (container, token) => {
    if (child(container, token) === undefined) {
      throw new PatchError(`replace operation does not apply: doc is missing key: ${pointer}: missing value`);
    }
    setChild(container, token, value);
  });
}

function test(document: JsonValue, pointer: string, value: JsonValue): JsonValue {
  const found = valueAt(document, parsePointer(pointer));
  if (!deepEqual(found ?? null, value)) {
    throw new PatchError(`testing value ${pointer} failed: test failed`);
  }
  return document;
}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from: string | undefined;
  readonly value: JsonValue | undefined;
}

function readOperation(raw: JsonValue): Operation {
  if (!isJsonObject(raw) || typeof raw.op !== 'string') throw new PatchError('Unexpected kind: unknown');
  if (typeof raw.path !== 'string') {
    throw new PatchError(`missing value: operation ${quoted(raw.op)} has no path`);
  }
  return {
    op: raw.op,
    path: raw.path,
    from: typeof raw.from === 'string' ? raw.from : undefined,
    value: Object.hasOwn(raw, 'value') ? (raw.value ?? null) : undefined,
  };
}

function source(document: JsonValue, { op, from }: Operation): { from: string; value: JsonValue } {
  const value = from === undefined ? undefined : valueAt(document, parsePointer(from));
  if (from === undefined || value === undefined) {
    throw new PatchError(
      `${op} operation does not apply: doc is missing from path: ${quoted(from ?? '')}: missing value`,
    );
  }
  return { from, value };
}

function needValue({ op, path, value }: Operation): JsonValue {
  if (value === undefined) throw new PatchError(`${op} operation for path ${quoted(path)} has no value`);
  return value;
}

function apply(progress: Progress, operation: Operation): JsonValue {
  const { document, draft } = progress;
  const { op, path } = operation;
  switch (op) {
    case 'add':
      return add(progress, path, needValue(operation));
    case 'remove':
      return remove(progress, path);
    case 'replace':
      return replace(progress, path, needValue(operation));
    case 'test':
      return test(document, path, operation.value ?? null);
    case 'copy': {
      const { value } = source(document, operation);
      draft.share(value);
      return add(progress, path, value);
    }
    case 'move': {
      const { from, value } = source(document, operation);
      if (path.startsWith(`${from}/`)) throw missingPath('move', path);
      return path === from ? document : add({ document: remove(progress, from), draft }, path, value);
    }
    default:
      throw new PatchError(`Unexpected kind: ${op}`);
  }
}

/**
 * 422 as upstream words it, and the library's message, which upstream keeps to itself. Without causes and without a kind
 * kubectl prints the message as it is.
 */
function rejected(error: PatchError): ApiError {
  return new ApiError(
    {
      apiVersion: 'v1',
      kind: 'Status',
      metadata: {},
      status: 'Failure',
      message: `the server rejected our request due to an error in our request: ${error.message}`,
      reason: 'Invalid',
      details: {},
      code: 422,
    },
    { cause: error },
  );
}

function tooManyOperations(count: number): ApiError {
  const message = `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${count}`;
  return new ApiError({
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    message,
    reason: 'RequestEntityTooLarge',
    code: 413,
  });
}

/**
 * Applies an RFC 6902 patch, all operations or none. Throws ApiError: BadRequest when `patch` is no list, 413 for more
 * than 10000 operations, 422 for an operation that does not apply or a failed test. Pure.
 */
export function applyJsonPatch(document: JsonObject, patch: JsonValue): JsonObject {
  if (!Array.isArray(patch)) {
    throw badRequest(
      'error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch',
    );
  }
  if (patch.length > maxOperations) throw tooManyOperations(patch.length);
  try {
    let result: JsonValue = document;
    let nCopied = 0;
    const draft = createDraft();
    for (const raw of patch) {
      const operation = readOperation(raw);
      if (operation.op === 'copy') nCopied += quoted(source(result, operation).value).length;
      if (nCopied > maxCopiedBytes) {
        throw new PatchError(
          `Unable to copy, the accumulated size increase of copy is ${nCopied}, exceeding the limit ${maxCopiedBytes}`,
        );
      }
      result = apply({ document: result, draft }, operation);
    }
    if (!isJsonObject(result)) throw new PatchError('the patch does not leave an object');
    return result;
  } catch (error) {
    if (error instanceof PatchError) throw rejected(error);
    throw error;
  }
}
