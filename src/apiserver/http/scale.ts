import { isJsonObject } from '../../base/json.ts';
import type { JsonObject } from '../../base/json.ts';
import { replicationControllers } from '../../api/core/v1/replication-controller.ts';
import { type Scale, scales } from '../../api/autoscaling/v1/scale.ts';
import { badRequest, conflict, invalid, isConflict } from '../../api/errors/api-error.ts';
import { invalidValue } from '../../api/errors/field-error.ts';
import { apiVersionOf, asJson } from '../../api/kind.ts';
import type { KubeObject } from '../../api/kind.ts';
import type { LabelSelector } from '../../api/meta/v1/label-selector.ts';
import { applyJsonPatch } from '../../api/patch/json-patch.ts';
import { applyMergePatch } from '../../api/patch/merge-patch.ts';
import { formatLabelSelector, fromLabelSelector } from '../../api/selectors/label-selector.ts';
import { ageColumn, column, nameColumn } from '../registry/columns.ts';
import type { Column, RequestScope, Resource } from '../rest/rest.ts';
import { objectBody, presentationOf, readScope, writeScope } from './call.ts';
import type { Call, Handle } from './call.ts';
import { applyScope, isApply, isForced, patchScope, readConfig, readPatch } from './patch.ts';
import type { HttpResponse } from './message.ts';
import { objectAnswer } from './respond.ts';
import type { Presentation } from './respond.ts';

/** Someone else's write between our read and ours is retried this often before the client is told. */
const ATTEMPTS = 50;

/** autoscaling/v1 Scale of an object that has `spec.replicas` and a selector. */
function scaleOf({ kind }: Resource<KubeObject>, object: KubeObject): JsonObject {
  const { spec, status } = asJson(object) as { spec?: JsonObject; status?: JsonObject };
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const written = spec?.selector ?? {};
  // The oldest kind selects by labels alone.
  const isPlain = kind.plural === replicationControllers.plural;
  const selector = formatLabelSelector(
    fromLabelSelector((isPlain ? { matchLabels: written } : written) as LabelSelector),
  );
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec?.replicas ?? 1 },
    status: { replicas: status?.replicas ?? 0, ...(selector === '' ? {} : { selector }) },
  };
}

/** As upstream prints a Scale. */
const scaleColumns: readonly Column<Scale>[] = [
  nameColumn<Scale>(),
  column('Desired', 'integer', ['Desired number of instances.', ({ spec }) => spec.replicas ?? 0]),
  column('Available', 'integer', ['Observed number of instances.', ({ status }) => status?.replicas ?? 0]),
  ageColumn<Scale>(),
];

/** The Scale of an object in any form an object can have. */
function scaleAnswer(
  { resource }: Call,
  object: KubeObject,
  presentation: Presentation,
): Promise<HttpResponse> {
  const { read, write, verbs } = resource as unknown as Resource<Scale>;
  const shown = { kind: scales, columns: scaleColumns, toJson: JSON.stringify, read, write, verbs };
  return objectAnswer<Scale>(shown, scaleOf(resource, object) as unknown as Scale, { presentation });
}

export const getScale: Handle = async (call, warnings) => {
  const presentation = presentationOf(call);
  const object = await call.resource.read.get(readScope(call, warnings), call.info.name);
  return scaleAnswer(call, object, presentation);
};

export const updateScale: Handle = async (call, warnings) => {
  const scope = writeScope(call, warnings, 'UpdateOptions');
  const body = await objectBody(call, scope, scales.schema);
  return writeScale(call, scope, { version: versionIn(body), isPinned: false, change: () => body });
};

export const patchScale: Handle = async (call, warnings) => {
  if (isApply(call)) return applyScale(call, warnings);
  const scope = patchScope(call, warnings);
  const { type, body } = await readPatch(call);
  if (type === 'application/json-patch+json') {
    const change = (scale: JsonObject): JsonObject => applyJsonPatch(scale, body);
    return writeScale(call, scope, { version: undefined, isPinned: true, change });
  }
  const patch = isJsonObject(body) ? body : {};
  const isPinned = !isJsonObject(patch.spec) || patch.spec.replicas === undefined;
  // A Scale has no lists, so a strategic patch of it is a merge patch.
  const change = (scale: JsonObject): JsonObject => applyMergePatch(scale, patch);
  return writeScale(call, scope, { version: versionIn(patch), isPinned, change });
};

/** Of a Scale its number of replicas can be owned; it is the object's own under another name. */
const applyScale: Handle = async (call, warnings) => {
  const presentation = presentationOf(call);
  const scope = applyScope(call, warnings);
  const { resource, info } = call;
  const { apiVersion = '', kind = '', metadata = {}, spec } = await readConfig(call, scope);
  if (apiVersion !== 'autoscaling/v1' || kind !== 'Scale') {
    throw badRequest(`invalid object type: ${JSON.stringify(apiVersion)}, Kind=${JSON.stringify(kind)}`);
  }
  const replicas = replicasOf(info.name, { spec });
  const config = {
    apiVersion: apiVersionOf(resource.kind),
    kind: resource.kind.kind,
    metadata,
    spec: { replicas },
  };
  const request = { name: info.name, config, isForced: isForced(call), subresource: 'scale' };
  const { object } = await resource.write.apply(scope, request);
  return scaleAnswer(call, object, presentation);
};

const versionIn = ({ metadata }: JsonObject): string | undefined => {
  const { resourceVersion } = isJsonObject(metadata) ? metadata : {};
  return typeof resourceVersion === 'string' && resourceVersion !== '' ? resourceVersion : undefined;
};

interface Change {
  /** The only version that the client wants to change. */
  readonly version: string | undefined;
  /** Whether the outcome depends on what stood before, so that it is only right for that. */
  readonly isPinned: boolean;
  readonly change: (scale: JsonObject) => JsonObject;
}

async function writeScale(call: Call, scope: RequestScope, { version, isPinned, change }: Change) {
  const presentation = presentationOf(call);
  const { name } = call.info;
  for (let attempt = 1; ; attempt++) {
    const current = await call.resource.read.get(scope, name);
    const { resourceVersion } = current.metadata;
    if (version !== undefined && version !== resourceVersion) throw conflict(call.resource.kind, name);
    const wanted = change(scaleOf(call.resource, current));
    checkName(name, wanted);
    const spec = { replicas: replicasOf(name, wanted) };
    const metadata = isPinned || version !== undefined ? { resourceVersion } : {};
    const body = { metadata, spec } as JsonObject;
    try {
      const request = { name, type: 'application/merge-patch+json', body, subresource: 'scale' } as const;
      const object = await call.resource.write.patch(scope, request);
      return await scaleAnswer(call, object, presentation);
    } catch (error) {
      if (!isConflict(error) || version !== undefined || attempt === ATTEMPTS) throw error;
    }
  }
}

function checkName(expected: string, { metadata }: JsonObject): void {
  const { name } = isJsonObject(metadata) ? metadata : {};
  if (name === undefined || name === expected) return;
  throw badRequest(
    `the name of the object (${JSON.stringify(name)}) does not match the name on the URL (${expected})`,
  );
}

function replicasOf(name: string, scale: JsonObject): number {
  const spec = isJsonObject(scale.spec) ? scale.spec : {};
  const replicas = spec.replicas ?? 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas > 0x7fffffff) {
    throw badRequest(`Scale: spec.replicas must be an integer, not ${JSON.stringify(replicas)}`);
  }
  if (replicas < 0) {
    throw invalid(scales, name, [
      invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  return replicas;
}
