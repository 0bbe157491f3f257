import { badRequest } from '../../api/errors/api-error.ts';
import { forbiddenField, invalidValue, notSupported } from '../../api/errors/field-error.ts';
import type { FieldError } from '../../api/errors/field-error.ts';
import { parseFieldSelector } from '../../api/selectors/field-selector.ts';
import { parseLabelSelector } from '../../api/selectors/label-selector.ts';
import { isTrue } from '../request-info.ts';
import type { ListQuery, WatchQuery } from '../rest/rest.ts';
import { invalidOptions } from './refusals.ts';

/** A whole number in a query; undefined when it is absent. Throws 400. */
export function integerParameter(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw badRequest(`${name} must be an integer, not ${JSON.stringify(text)}`);
  }
  return value;
}

/** The query of a list. Throws 400 for what cannot be read and 422 for what does not go together, as upstream. */
export function listQuery(query: URLSearchParams): ListQuery {
  const result = selection(query);
  const { resourceVersion } = result;
  const match = query.get('resourceVersionMatch') ?? '';
  const errors: FieldError[] = [];
  if (match !== '') {
    if (resourceVersion === undefined) {
      errors.push(onMatch('resourceVersionMatch is forbidden unless resourceVersion is provided'));
    }
    if (result.continue !== undefined) {
      errors.push(onMatch('resourceVersionMatch is forbidden when continue is provided'));
    }
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      errors.push(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']));
    }
    if (match === 'Exact' && resourceVersion === '0') {
      errors.push(onMatch('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (hasText(query, 'sendInitialEvents')) {
    errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  refuse(errors);
  if (result.continue !== undefined && resourceVersion !== undefined && resourceVersion !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  return { ...result, ...(match === '' ? {} : { resourceVersionMatch: match as 'Exact' | 'NotOlderThan' }) };
}

/** The query of a watch. `sendInitialEvents` needs `resourceVersionMatch=NotOlderThan`. */
export function watchQuery(query: URLSearchParams): WatchQuery {
  const result = selection(query);
  const timeoutSeconds = integerParameter(query, 'timeoutSeconds');
  const allowWatchBookmarks = query.has('allowWatchBookmarks') && isTrue(query.get('allowWatchBookmarks'));
  const isInitialSet = hasText(query, 'sendInitialEvents');
  const match = query.get('resourceVersionMatch') ?? '';
  const errors: FieldError[] = [];
  if (isInitialSet && match !== 'NotOlderThan') {
    errors.push(onMatch('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  }
  if (match !== '') {
    if (!isInitialSet) {
      errors.push(
        onMatch('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
      );
    }
    if (match !== 'NotOlderThan') {
      errors.push(notSupported('resourceVersionMatch', match, ['NotOlderThan']));
    }
    if (result.continue !== undefined) {
      errors.push(onMatch('resourceVersionMatch is forbidden when continue is provided'));
    }
  }
  refuse(errors);
  return {
    ...result,
    allowWatchBookmarks,
    ...(match === '' ? {} : { resourceVersionMatch: 'NotOlderThan' }),
    ...(isInitialSet ? { sendInitialEvents: isTrue(query.get('sendInitialEvents')) } : {}),
    ...(timeoutSeconds === undefined || timeoutSeconds <= 0 ? {} : { timeoutSeconds }),
  };
}

const hasText = (query: URLSearchParams, name: string): boolean => (query.get(name) ?? '') !== '';

function selection(query: URLSearchParams): ListQuery {
  const text = (name: string): string | undefined => query.get(name) || undefined;
  const limit = integerParameter(query, 'limit');
  const token = text('continue');
  const resourceVersion = text('resourceVersion');
  if (resourceVersion !== undefined && !/^\d{1,15}$/.test(resourceVersion)) {
    refuse([invalidValue('resourceVersion', resourceVersion, 'must be an unsigned integer')]);
  }
  return {
    labelSelector: parseLabelSelector(query.get('labelSelector') ?? ''),
    fieldSelector: parseFieldSelector(query.get('fieldSelector') ?? ''),
    ...(limit === undefined || limit <= 0 ? {} : { limit }),
    ...(token === undefined ? {} : { continue: token }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

const onMatch = (why: string): FieldError => forbiddenField('resourceVersionMatch', why);

/** Throws 422 for all of them, or nothing. */
function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidOptions('ListOptions', ...errors);
}
