import { formatTime } from '../../api/schema/time.ts';
import { isJsonObject } from '../../base/json.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { RequestInfo } from '../request-info.ts';
import type { RequestUser } from '../rest/rest.ts';
import type { HttpRequest } from '../http/message.ts';
import type { AuditLevel, AuditStage } from './policy.ts';

/** What is known of a request from its arrival on. */
export interface Incoming {
  readonly id: string;
  readonly level: AuditLevel;
  readonly verb: string;
  readonly request: HttpRequest;
  readonly info: RequestInfo | undefined;
  readonly user: RequestUser | undefined;
  /** Whom the user asked to be taken for, once that was allowed. */
  readonly impersonated?: RequestUser;
  readonly receivedMs: number;
}

export interface AuditMoment {
  readonly stage: AuditStage;
  readonly atMs: number;
  readonly status?: number;
  readonly requestObject?: JsonValue | undefined;
  readonly responseObject?: JsonValue | undefined;
}

/** An Event of audit.k8s.io/v1 as one line of JSON. Pure. */
export function auditLine(incoming: Incoming, moment: AuditMoment): string {
  const { id, level, verb, request, info, user, impersonated, receivedMs } = incoming;
  const { stage, atMs, status, requestObject, responseObject } = moment;
  const event = {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level,
    auditID: id,
    stage,
    requestURI: request.path,
    verb,
    user: userInfo(user),
    ...optional('impersonatedUser', impersonated && userInfo(impersonated)),
    ...withList('sourceIPs', sourceIPs(request)),
    ...optional('userAgent', request.headers['user-agent']),
    ...optional('objectRef', objectRef(info, responseObject)),
    ...optional('responseStatus', status === undefined ? undefined : responseStatus(status, responseObject)),
    ...optional('requestObject', requestObject),
    ...optional('responseObject', responseObject),
    requestReceivedTimestamp: formatTime(receivedMs, 6),
    stageTimestamp: formatTime(atMs, 6),
  };
  return `${JSON.stringify(event)}\n`;
}

const optional = (name: string, value: unknown): object => (value === undefined ? {} : { [name]: value });
const withList = (name: string, list: readonly unknown[]): object =>
  list.length === 0 ? {} : { [name]: list };

const userInfo = (user: RequestUser | undefined): object =>
  user === undefined
    ? {}
    : {
        username: user.name,
        ...optional('uid', user.uid),
        groups: user.groups,
        ...optional('extra', user.extra),
      };

/** Whom proxies say they speak for, then who is at the other end; all but the last can be made up. */
function sourceIPs({ headers, remoteAddress }: HttpRequest): readonly string[] {
  const forwarded = (headers['x-forwarded-for'] ?? '').split(',').map((text) => text.trim());
  const named = [...forwarded, headers['x-real-ip'] ?? ''].filter((text) => text !== '');
  const peer = remoteAddress?.replace(/^::ffff:/, '');
  return [...new Set([...named, ...(peer === undefined ? [] : [peer])])];
}

function objectRef(info: RequestInfo | undefined, response: JsonValue | undefined): object | undefined {
  if (info?.isResource !== true) return undefined;
  const { group, version, resource, namespace, name, subresource } = info;
  const isObject = isJsonObject(response ?? null);
  const metadata = isObject ? (response as JsonObject)['metadata'] : undefined;
  const created = isJsonObject(metadata ?? null) ? (metadata as JsonObject)['name'] : undefined;
  const known = name !== '' ? name : typeof created === 'string' ? created : '';
  const parts = { resource, namespace, name: known, apiGroup: group, apiVersion: version, subresource };
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== ''));
}

/** Of a success only the code; of a refusal what the client is told. */
function responseStatus(code: number, response: JsonValue | undefined): object {
  if (isJsonObject(response ?? null)) {
    const { kind, status, reason, message, details } = response as JsonObject;
    if (kind === 'Status') {
      const told = { status, reason, message, details };
      const known = Object.entries(told).filter(([, value]) => value !== undefined);
      return { metadata: {}, ...Object.fromEntries(known), code };
    }
  }
  return { metadata: {}, code };
}

/** The object, or the list, without what `metadata.managedFields` holds. */
export function withoutManagedFields(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  const { metadata, items } = value;
  const stripped = isJsonObject(metadata ?? null)
    ? Object.fromEntries(Object.entries(metadata as JsonObject).filter(([name]) => name !== 'managedFields'))
    : metadata;
  return {
    ...value,
    ...(stripped === undefined ? {} : { metadata: stripped }),
    ...(Array.isArray(items) ? { items: items.map((item) => withoutManagedFields(item)) } : {}),
  };
}
