import { isJsonObject } from '../../base/json.ts';
import type { JsonObject } from '../../base/json.ts';
import { scales } from '../../api/autoscaling/v1/scale.ts';
import { badRequest, conflict, invalid, isConflict } from '../../api/errors/api-error.ts';
import { invalidValue } from '../../api/errors/field-error.ts';
import { asJson } from '../../api/kind.ts';
import type { KubeObject } from '../../api/kind.ts';
import type { LabelSelector } from '../../api/meta/v1/label-selector.ts';
import { applyJsonPatch } from '../../api/patch/json-patch.ts';
import { applyMergePatch } from '../../api/patch/merge-patch.ts';
import { formatLabelSelector, fromLabelSelector } from '../../api/selectors/label-selector.ts';
import type { RequestScope } from '../rest/rest.ts';
import { objectBody, presentationOf, readScope, writeScope } from './call.ts';
import type { Call, Handle } from './call.ts';
import { jsonResponse } from './respond.ts';
import { readPatch } from './verbs.ts';

/** Someone else's write between our read and ours is retried this often before the client is told. */
const ATTEMPTS = 5;

/** autoscaling/v1 Scale of an object that has `spec.replicas` and a selector. */
function scaleOf(object: KubeObject): JsonObject {
  const { spec, status } = asJson(object) as { spec?: JsonObject; status?: JsonObject };
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = formatLabelSelector(fromLabelSelector((spec?.selector ?? {}) as LabelSelector));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec?.replicas ?? 1 },
    status: { replicas: status?.replicas ?? 0, ...(selector === '' ? {} : { selector }) },
  };
}

export const getScale: Handle = async (call, warnings) => {
  const presentation = presentationOf(call);
  const object = await call.resource.read.get(readScope(call, warnings), call.info.name);
  return jsonResponse(200, JSON.stringify(scaleOf(object)), presentation);
};

export const updateScale: Handle = async (call, warnings) => {
  const scope = writeScope(call, warnings, 'UpdateOptions');
  const body = await objectBody(call, scope, scales.schema);
  return writeScale(call, scope, () => body);
};

export const patchScale: Handle = async (call, warnings) => {
  const { type, body } = await readPatch(call);
  return writeScale(call, writeScope(call, warnings, 'PatchOptions'), (scale) => {
    if (type === 'application/json-patch+json') {
      return applyJsonPatch(scale, body);
    }
    // A Scale has no lists, so a strategic patch of it is a merge patch.
    return applyMergePatch(scale, body);
  });
};

async function writeScale(call: Call, scope: RequestScope, change: (scale: JsonObject) => JsonObject) {
  const presentation = presentationOf(call);
  const { name } = call.info;
  for (let attempt = 1; ; attempt++) {
    const current = await call.resource.read.get(scope, name);
    const wanted = change(scaleOf(current));
    const replicas = replicasOf(name, wanted);
    checkVersion(call, wanted, current);
    const spec = { ...(asJson(current).spec as JsonObject), replicas };
    try {
      const { object } = await call.resource.write.update(scope, {
        name,
        body: { ...asJson(current), spec },
      });
      return await jsonResponse(200, JSON.stringify(scaleOf(object)), presentation);
    } catch (error) {
      if (!isConflict(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** A client that names a version wants to change that one and no other. */
function checkVersion({ resource, info }: Call, wanted: JsonObject, current: KubeObject): void {
  const metadata = isJsonObject(wanted.metadata) ? wanted.metadata : {};
  const { resourceVersion, name } = metadata;
  if (name !== undefined && name !== info.name) {
    throw badRequest(
      `the name of the object (${JSON.stringify(name)}) does not match the name on the URL (${info.name})`,
    );
  }
  const isSame = resourceVersion === undefined || resourceVersion === current.metadata.resourceVersion;
  if (!isSame && resourceVersion !== '') throw conflict(resource.kind, info.name);
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
