import { isJsonObject } from '../../base/json.ts';
import { badRequest, conflict, invalid } from '../../api/errors/api-error.ts';
import { notSupported, required } from '../../api/errors/field-error.ts';
import { asJson } from '../../api/kind.ts';
import { objectBody, presentationOf, writeScope } from './call.ts';
import type { Call, Handle } from './call.ts';
import { bindingSchema, evictionSchema } from './request-schemas.ts';
import { jsonResponse } from './respond.ts';
import { deleteOptions } from './write-options.ts';

const bindingName = { group: '', kind: 'Binding', plural: 'pods/binding' };
const success = JSON.stringify({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  code: 201,
});

/**
 * POST pods/NAME/binding: assigns the Pod to a node, once. 409 when it has one already or is being deleted, since two
 * schedulers may try.
 */
export const bindPod: Handle = async (call, warnings) => {
  const presentation = presentationOf(call);
  const { name } = call.info;
  const scope = writeScope(call, warnings, 'CreateOptions');
  const binding = await objectBody(call, scope, bindingSchema);
  const nodeName = targetNode(call, binding);
  const pod = await call.resource.read.get(scope, name);
  const { spec } = asJson(pod);
  const current = isJsonObject(spec) ? spec.nodeName : undefined;
  if (pod.metadata.deletionTimestamp !== undefined) {
    throw conflict(bindingName, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  }
  if (current !== undefined && current !== '') {
    throw conflict(bindingName, name, `pod ${name} is already assigned to node ${JSON.stringify(current)}`);
  }
  // A scheduler says which Pod it means: there may be another of that name by now.
  const { uid } = isJsonObject(binding.metadata) ? binding.metadata : {};
  const metadata = { ...asJson(pod.metadata), ...(typeof uid === 'string' && uid !== '' ? { uid } : {}) };
  const body = { ...asJson(pod), metadata, spec: { ...(isJsonObject(spec) ? spec : {}), nodeName } };
  await call.resource.write.update(scope, { name, body, subresource: 'binding' });
  return jsonResponse(201, success, presentation);
};

function targetNode({ info }: Call, body: Awaited<ReturnType<typeof objectBody>>): string {
  const metadata = isJsonObject(body.metadata) ? body.metadata : {};
  if (metadata.name !== undefined && metadata.name !== info.name) {
    throw badRequest('name in URL does not match name in Binding object');
  }
  const { kind, name } = isJsonObject(body.target) ? body.target : {};
  if (kind !== undefined && kind !== '' && kind !== 'Node') {
    throw invalid(bindingName, info.name, [notSupported('target.kind', kind, ['Node', '<empty>'])]);
  }
  if (typeof name !== 'string' || name === '') {
    throw invalid(bindingName, info.name, [required('target.name')]);
  }
  return name;
}

/** POST pods/NAME/eviction: deletes the Pod, if its disruption budget allows that. */
export const evictPod: Handle = async (call, warnings) => {
  const presentation = presentationOf(call);
  const { name } = call.info;
  const scope = writeScope(call, warnings, 'CreateOptions');
  const body = await objectBody(call, scope, evictionSchema);
  const metadata = isJsonObject(body.metadata) ? body.metadata : {};
  if (metadata.name !== name) throw badRequest('name in URL does not match name in Eviction object');
  const asked = isJsonObject(body.deleteOptions) ? body.deleteOptions : undefined;
  const { options, isDryRun } = deleteOptions(call.query, asked);
  const own = { ...scope, isDryRun: scope.isDryRun || isDryRun };
  await call.resource.evict?.(own, { name, options, body });
  return jsonResponse(201, success, presentation);
};
