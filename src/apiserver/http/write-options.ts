import { isJsonObject } from '../../base/json.ts';
import type { JsonObject } from '../../base/json.ts';
import { badRequest } from '../../api/errors/api-error.ts';
import { invalidValue, notSupported, tooLong } from '../../api/errors/field-error.ts';
import type { DeleteOptions, RequestScope } from '../rest/rest.ts';
import type { RequestHeaders } from './message.ts';
import { integerParameter } from './list-options.ts';
import { invalidOptions } from './refusals.ts';

type WriteOptions = Pick<RequestScope, 'fieldManager' | 'fieldValidation' | 'isDryRun'>;

const FIELD_MANAGER_LIMIT = 128;

/** The options every writing verb takes from the query; `kind` names them in a refusal (CreateOptions, …). */
export function writeOptions(query: URLSearchParams, headers: RequestHeaders, kind: string): WriteOptions {
  return {
    isDryRun: dryRun(query.getAll('dryRun'), kind),
    fieldValidation: fieldValidation(query.get('fieldValidation'), kind),
    fieldManager: fieldManager(query.get('fieldManager'), headers, kind),
  };
}

/** `All` is the only stage there is; nothing asked is no dry run. */
function dryRun(values: readonly string[], kind: string): boolean {
  const stages = values.filter((value) => value !== '');
  if (stages.some((stage) => stage !== 'All')) {
    throw invalidOptions(kind, notSupported('dryRun', stages, ['All']));
  }
  return stages.length > 0;
}

function fieldValidation(value: string | null, kind: string): WriteOptions['fieldValidation'] {
  if (value === null || value === '') return 'Warn';
  if (value === 'Strict' || value === 'Warn' || value === 'Ignore') return value;
  throw invalidOptions(kind, notSupported('fieldValidation', value, ['Ignore', 'Strict', 'Warn']));
}

/** Without a name it is the user agent up to its first slash, as upstream records it. */
function fieldManager(value: string | null, headers: RequestHeaders, kind: string): string {
  if (value === null || value === '') {
    const agent = (headers['user-agent'] ?? '').split('/', 1)[0] ?? '';
    return agent.replace(/[^\x20-\x7e]/g, '').slice(0, FIELD_MANAGER_LIMIT) || 'unknown';
  }
  if (value.length > FIELD_MANAGER_LIMIT) {
    throw invalidOptions(kind, tooLong('fieldManager', FIELD_MANAGER_LIMIT));
  }
  if (/[\p{C}]/u.test(value)) {
    throw invalidOptions(
      kind,
      invalidValue('fieldManager', value, 'should only contain printable characters'),
    );
  }
  return value;
}

/** Query and body together; a member of the body wins. `body` is undefined when the request had none. */
export function deleteOptions(
  query: URLSearchParams,
  body: JsonObject | undefined,
): { readonly options: DeleteOptions; readonly isDryRun: boolean } {
  const kind = 'DeleteOptions';
  if (body !== undefined && body.kind !== undefined && body.kind !== kind) {
    throw badRequest(`the body of a delete must be ${kind}, not ${JSON.stringify(body.kind)}`);
  }
  const grace = body?.gracePeriodSeconds ?? integerParameter(query, 'gracePeriodSeconds');
  const asked = body?.propagationPolicy ?? query.get('propagationPolicy') ?? undefined;
  const orphan = orphanPolicy(query, body);
  if (asked !== undefined && orphan !== undefined) {
    const why = 'orphanDependents and deletionPropagation cannot be both set';
    throw invalidOptions(kind, invalidValue('propagationPolicy', asked, why));
  }
  const policy = asked ?? orphan;
  const preconditions = preconditionsOf(body?.preconditions);
  const stages = Array.isArray(body?.dryRun) ? body.dryRun.map(String) : query.getAll('dryRun');
  return {
    isDryRun: dryRun(stages, kind),
    options: {
      ...(grace === undefined || grace === null ? {} : { gracePeriodSeconds: gracePeriod(grace) }),
      ...(policy === undefined ? {} : { propagationPolicy: propagationPolicy(policy) }),
      ...(preconditions === undefined ? {} : { preconditions }),
    },
  };
}

/** Less than nothing is one second, as upstream has it. */
function gracePeriod(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw badRequest('gracePeriodSeconds must be an integer');
  return Number(value) < 0 ? 1 : Number(value);
}

/** The older boolean `orphanDependents`. */
function orphanPolicy(query: URLSearchParams, body: JsonObject | undefined): string | undefined {
  const value = body?.orphanDependents ?? query.get('orphanDependents');
  if (value === undefined || value === null) return undefined;
  return value === true || value === 'true' ? 'Orphan' : 'Background';
}

function propagationPolicy(value: unknown): NonNullable<DeleteOptions['propagationPolicy']> {
  if (value === 'Orphan' || value === 'Background' || value === 'Foreground') return value;
  throw invalidOptions(
    'DeleteOptions',
    notSupported('propagationPolicy', value, ['Foreground', 'Background', 'Orphan', 'nil']),
  );
}

function preconditionsOf(value: unknown): DeleteOptions['preconditions'] {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw badRequest('preconditions must be an object');
  const { uid, resourceVersion } = value;
  return {
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
  };
}
