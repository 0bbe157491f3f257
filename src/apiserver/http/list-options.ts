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
  const match = result.resourceVersionMatch;
  if (match === 'Exact' && result.resourceVersion === '0') {
    throw forbid('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
  if (match !== undefined && result.resourceVersion === undefined) {
    throw forbid(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  }
  if (match !== undefined && result.continue !== undefined) {
    throw forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided');
  }
  if (query.has('sendInitialEvents') && query.get('sendInitialEvents') !== '') {
    throw forbid('sendInitialEvents', 'sendInitialEvents is forbidden for list');
  }
  return result;
}

/** The query of a watch. `sendInitialEvents` needs bookmarks and `resourceVersionMatch=NotOlderThan`. */
export function watchQuery(query: URLSearchParams): WatchQuery {
  const result = selection(query);
  const timeoutSeconds = integerParameter(query, 'timeoutSeconds');
  const allowWatchBookmarks = query.has('allowWatchBookmarks') && isTrue(query.get('allowWatchBookmarks'));
  const initial = query.get('sendInitialEvents');
  const isInitialSet = initial !== null && initial !== '';
  if (isInitialSet && result.resourceVersionMatch !== 'NotOlderThan') {
    throw forbid(
      'resourceVersionMatch',
      'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
  }
  if (!isInitialSet && result.resourceVersionMatch !== undefined) {
    throw forbid(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    );
  }
  if (result.continue !== undefined) {
    throw forbid('continue', 'continue is forbidden for watch');
  }
  return {
    ...result,
    allowWatchBookmarks,
    ...(isInitialSet ? { sendInitialEvents: isTrue(initial) } : {}),
    ...(timeoutSeconds === undefined || timeoutSeconds <= 0 ? {} : { timeoutSeconds }),
  };
}

function selection(query: URLSearchParams): ListQuery {
  const text = (name: string): string | undefined => query.get(name) || undefined;
  const limit = integerParameter(query, 'limit');
  const token = text('continue');
  const resourceVersion = text('resourceVersion');
  const match = text('resourceVersionMatch');
  if (resourceVersion !== undefined && !/^\d{1,15}$/.test(resourceVersion)) {
    throw refuse(invalidValue('resourceVersion', resourceVersion, 'must be an unsigned integer'));
  }
  if (match !== undefined && match !== 'Exact' && match !== 'NotOlderThan') {
    throw refuse(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']));
  }
  return {
    labelSelector: parseLabelSelector(query.get('labelSelector') ?? ''),
    fieldSelector: parseFieldSelector(query.get('fieldSelector') ?? ''),
    ...(limit === undefined || limit <= 0 ? {} : { limit }),
    ...(token === undefined ? {} : { continue: token }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(match === undefined ? {} : { resourceVersionMatch: match }),
  };
}

const refuse = (error: FieldError): Error => invalidOptions('ListOptions', error);
const forbid = (field: string, why: string): Error => refuse(forbiddenField(field, why));
