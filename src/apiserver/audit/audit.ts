import { randomUUID } from 'node:crypto';
import type { JsonValue } from '../../base/json.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { createCounter } from '../../base/instruments.ts';
import type { Instrument } from '../../base/instruments.ts';
import { internal } from '../../api/errors/api-error.ts';
import type { Kind } from '../../api/kind.ts';
import { decodeBody } from '../http/body.ts';
import { isStream, type HttpRequest, type HttpResponse } from '../http/message.ts';
import { whenSent, type Observation, type Observe } from '../http/observation.ts';
import type { RequestInfo } from '../request-info.ts';
import type { RequestUser } from '../rest/rest.ts';
import { auditLine, withoutManagedFields, type AuditMoment, type Incoming } from './audit-event.ts';
import { createEventQueue, type AuditMode } from './event-queue.ts';
import { auditPolicy, recordingFor, type AuditStage, type Recording } from './policy.ts';
import { rotatingFile, type RotationLimits } from './rotating-file.ts';
import { tapped } from './tapped-body.ts';

/** What upstream's flags `--audit-policy-file` and `--audit-log-*` say. */
export interface AuditConfig extends RotationLimits {
  /** The policy file's text, YAML or JSON. */
  readonly policy: string;
  /** Where events go, one line of JSON each; '-' is standard output. */
  readonly logPath: string;
  readonly mode: AuditMode;
}

export interface AuditDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The kind a body is decoded as. */
  readonly kindOf: (info: RequestInfo) => Kind | undefined;
}

export interface Audit {
  readonly observe: Observe;
  readonly instruments: readonly Instrument[];
  /** Resolves when everything recorded so far is written and the file closed. */
  close(): Promise<void>;
}

/** Records requests as the policy says. Rejects with a sentence when the policy is none. */
export async function createAudit(config: AuditConfig, deps: AuditDeps): Promise<Audit> {
  const { parse } = await import('yaml');
  const policy = auditPolicy(parse(config.policy));
  const file = rotatingFile(config.logPath, config, deps.clock);
  const isStandardOutput = config.logPath === '-';
  const queue = createEventQueue((text) => (isStandardOutput ? toStandardOutput(text) : file.append(text)));
  const events = createCounter({
    name: 'apiserver_audit_event_total',
    help: 'Counter of audit events generated and sent to the audit backend.',
  });
  const errors = createCounter({
    name: 'apiserver_audit_error_total',
    help: 'Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.',
    labels: ['plugin'],
  });
  const rejected = createCounter({
    name: 'apiserver_audit_requests_rejected_total',
    help: 'Counter of apiserver requests rejected due to an error in audit logging backend.',
  });
  let toldAtMs = -Infinity;
  const record = async (line: string): Promise<void> => {
    events.add([]);
    try {
      await queue.add(line);
    } catch (error) {
      errors.add(['log']);
      if (deps.clock.now() - toldAtMs > TELL_EVERY_MS)
        deps.logger.error('audit events are lost', { path: config.logPath, err: error });
      toldAtMs = deps.clock.now();
      throw error;
    }
  };
  const { mode } = config;
  const refuse = (error: unknown): never => {
    rejected.add([]);
    throw internal(error);
  };
  return {
    instruments: [events, errors, rejected],
    observe: (request) => auditedRequest(request, { policy, deps, mode, record, refuse }),
    close: async () => {
      await queue.idle();
      await file.close();
    },
  };
}

/** A full disk under a busy server must not fill the log as well. */
const TELL_EVERY_MS = 10_000;

const toStandardOutput = (text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });

interface Auditing {
  readonly policy: ReturnType<typeof auditPolicy>;
  readonly deps: AuditDeps;
  readonly mode: AuditMode;
  readonly record: (line: string) => Promise<void>;
  readonly refuse: (error: unknown) => never;
}

function auditedRequest(request: HttpRequest, auditing: Auditing): Observation {
  const { policy, deps, mode, record, refuse } = auditing;
  const receivedMs = deps.clock.now();
  const id = idOf(request);
  let info: RequestInfo | undefined;
  let recording: Recording | undefined;
  let incoming: Incoming | undefined;
  const body: Uint8Array[] = [];

  const begin = (user: RequestUser | undefined): void => {
    const verb = info?.isResource === true && info.verb !== '' ? info.verb : request.method.toLowerCase();
    recording = recordingFor(policy, { user, verb, info: info ?? { isResource: false, path: request.path } });
    incoming = { id, level: recording.level, verb, request, info, user, receivedMs };
  };
  const write = async (moment: AuditMoment): Promise<void> => {
    if (incoming === undefined || recording === undefined || recording.level === 'None') return;
    if (recording.omitStages.has(moment.stage)) return;
    const written = record(auditLine(incoming, moment));
    if (mode === 'batch') written.catch(() => undefined);
    else await written;
  };
  /** Bodies are told with the last event of a request, and only of resources. */
  const finish = async (stage: AuditStage, response: HttpResponse): Promise<void> => {
    const isFull =
      recording !== undefined && recording.level.startsWith('Request') && info?.isResource === true;
    const kind = isFull ? deps.kindOf(info ?? { isResource: false, path: '' }) : undefined;
    const strip = (value: JsonValue | undefined): JsonValue | undefined =>
      value !== undefined && recording?.omitManagedFields === true ? withoutManagedFields(value) : value;
    const isRefusal = response.status >= 400;
    const wantsResponse = recording?.level === 'RequestResponse' && isFull;
    await write({
      stage,
      atMs: deps.clock.now(),
      status: response.status,
      requestObject: isFull ? strip(await requestObject(request, body, kind)) : undefined,
      responseObject: wantsResponse || isRefusal ? strip(await responseObject(response, kind)) : undefined,
    });
  };
  return {
    asked: (given) => void (info = given),
    identified: async (user, given) => {
      begin(user);
      await write({ stage: 'RequestReceived', atMs: receivedMs }).catch((error: unknown) => {
        if (mode === 'blocking-strict') refuse(error);
      });
      return recording?.level.startsWith('Request') === true ? tapped(given, body) : given;
    },
    impersonated: (user) => void (incoming &&= { ...incoming, impersonated: user }),
    answered: async (response, isUnexpected) => {
      if (incoming === undefined) begin(undefined);
      const answer = { ...response, headers: { ...response.headers, 'audit-id': id } };
      const complete = (): Promise<void> => finish('ResponseComplete', response).catch(lost);
      if (isUnexpected) await finish('Panic', response).catch(lost);
      if (!isStream(response.body)) return complete().then(() => answer);
      await write({ stage: 'ResponseStarted', atMs: deps.clock.now(), status: response.status }).catch(lost);
      return whenSent(answer, () => void complete());
    },
  };
}

/** It has been counted and told of. */
const lost = (): undefined => undefined;

/** A client, or the server before us, may name the request; a longer name is cut, as upstream. */
function idOf({ headers }: HttpRequest): string {
  const given = headers['audit-id'] ?? '';
  return given === '' ? randomUUID() : given.slice(0, 64);
}

/** Undefined for a body that is no document: the refusal says what is wrong with it. */
async function requestObject(
  request: HttpRequest,
  body: readonly Uint8Array[],
  kind: Kind | undefined,
): Promise<JsonValue | undefined> {
  if (body.length === 0 || kind === undefined) return undefined;
  const type = request.headers['content-type'] ?? '';
  const isPatch = request.method === 'PATCH';
  const contentType = !isPatch ? type : type.includes('yaml') ? 'application/yaml' : 'application/json';
  return decoded(Buffer.concat(body), contentType, kind);
}

async function responseObject(
  { body, headers }: HttpResponse,
  kind: Kind | undefined,
): Promise<JsonValue | undefined> {
  if (isStream(body)) return undefined;
  const whole =
    typeof body === 'string' || body instanceof Uint8Array
      ? body
      : Buffer.concat(body.map((piece) => Buffer.from(piece)));
  return decoded(Buffer.from(whole), String(headers['content-type'] ?? ''), kind);
}

async function decoded(
  body: Uint8Array,
  contentType: string,
  kind: Kind | undefined,
): Promise<JsonValue | undefined> {
  try {
    if (contentType === '' || contentType.startsWith('application/json'))
      return JSON.parse(Buffer.from(body).toString()) as JsonValue;
    if (kind === undefined) return undefined;
    const { signal } = new AbortController();
    const headers = { 'content-type': contentType };
    return (await decodeBody({ method: 'POST', path: '/', headers, body, signal }, kind.schema))?.value;
  } catch {
    return undefined;
  }
}
