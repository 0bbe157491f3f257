import { invalid } from '../../api/errors/api-error.ts';
import { forbiddenField, invalidValue } from '../../api/errors/field-error.ts';
import type { FieldError } from '../../api/errors/field-error.ts';
import { isTrue } from '../request-info.ts';
import { integerParameter } from '../http/list-options.ts';

/** What of a log is wanted, as the node's agent is asked for it. */
export interface LogOptions {
  /** '' = the only container. */
  readonly container: string;
  readonly isPrevious: boolean;
  readonly isUnverified: boolean;
  /** Ready for the agent's URL: follow, previous, sinceSeconds, sinceTime, timestamps, tailLines, limitBytes, stream. */
  readonly agentQuery: URLSearchParams;
}

const podLogOptions = { group: '', kind: 'PodLogOptions', plural: 'pods/log' };

/** Reads and checks core/v1 PodLogOptions. Throws 400 for what is no number and 422 for one out of range. */
export function logOptions(query: URLSearchParams, podName: string): LogOptions {
  const errors: FieldError[] = [];
  const agentQuery = new URLSearchParams();
  for (const name of ['follow', 'previous', 'timestamps']) {
    if (query.has(name) && isTrue(query.get(name))) agentQuery.set(name, 'true');
  }
  for (const [name, least] of [
    ['tailLines', 0],
    ['limitBytes', 1],
    ['sinceSeconds', 1],
  ] as const) {
    const value = integerParameter(query, name);
    if (value === undefined) continue;
    if (value < least) errors.push(invalidValue(name, value, boundText(least)));
    agentQuery.set(name, String(value));
  }
  errors.push(...sinceErrors(query));
  const sinceTime = query.get('sinceTime');
  if (sinceTime !== null && sinceTime !== '') agentQuery.set('sinceTime', sinceTime);
  if (errors.length > 0) throw invalid(podLogOptions, podName, errors);
  return {
    container: query.get('container') ?? '',
    isPrevious: agentQuery.has('previous'),
    isUnverified:
      query.has('insecureSkipTLSVerifyBackend') && isTrue(query.get('insecureSkipTLSVerifyBackend')),
    agentQuery,
  };
}

const boundText = (least: number): string =>
  least === 0 ? 'must be greater than or equal to 0' : 'must be greater than 0';

function sinceErrors(query: URLSearchParams): readonly FieldError[] {
  const sinceTime = query.get('sinceTime');
  if (sinceTime === null || sinceTime === '') return [];
  if (Number.isNaN(Date.parse(sinceTime)))
    return [invalidValue('sinceTime', sinceTime, 'must be an RFC 3339 time')];
  return query.has('sinceSeconds')
    ? [forbiddenField('sinceSeconds', 'at most one of `sinceTime` or `sinceSeconds` may be specified')]
    : [];
}
