import { isJsonObject } from '../../base/json.ts';
import { badRequest } from '../../api/errors/api-error.ts';
import type { KubeObject } from '../../api/kind.ts';
import { deleteOptions as deleteOptionsSchema } from '../../api/meta/v1/delete-options.ts';
import type { Status } from '../../api/meta/v1/status.ts';
import type { Verb } from '../request-info.ts';
import { decodeBody } from './body.ts';
import { objectBody, presentationOf, readScope, writeScope } from './call.ts';
import type { Call, Handle } from './call.ts';
import { listQuery } from './list-options.ts';
import type { HttpResponse } from './message.ts';
import { patch } from './patch.ts';
import { jsonResponse, listAnswer, objectAnswer } from './respond.ts';
import { deleteOptions } from './write-options.ts';

async function objectResponse(call: Call, status: number, object: KubeObject): Promise<HttpResponse> {
  return objectAnswer(call.resource, object, { presentation: presentationOf(call), status });
}

const get: Handle = async (call, warnings) => {
  const { resource, info, query } = call;
  const presentation = presentationOf(call);
  const version = query.get('resourceVersion') ?? undefined;
  const object = await resource.read.get(readScope(call, warnings), info.name, version);
  return objectAnswer(resource, object, { presentation });
};

const list: Handle = async (call, warnings) => {
  const presentation = presentationOf(call, 'list');
  const outcome = await call.resource.read.list(readScope(call, warnings), listQuery(call.query));
  return listAnswer(call.resource, outcome, { presentation });
};

const create: Handle = async (call, warnings) => {
  presentationOf(call);
  const scope = writeScope(call, warnings, 'CreateOptions');
  const object = await call.resource.write.create(scope, await objectBody(call, scope));
  return objectResponse(call, 201, object);
};

/** PUT on the object, or on a subresource the registry knows. */
export const update: Handle = async (call, warnings) => {
  presentationOf(call);
  const { name, subresource } = call.info;
  const scope = writeScope(call, warnings, 'UpdateOptions');
  const { object, isCreated } = await call.resource.write.update(scope, {
    name,
    body: await objectBody(call, scope),
    ...(subresource === '' ? {} : { subresource }),
  });
  return objectResponse(call, isCreated ? 201 : 200, object);
};

async function readDeleteOptions(call: Call): Promise<ReturnType<typeof deleteOptions>> {
  const body = await decodeBody(call.request, deleteOptionsSchema);
  if (body === undefined) return deleteOptions(call.query, undefined);
  const { value } = body;
  if (!isJsonObject(value)) throw badRequest('the body of the request is not DeleteOptions');
  return deleteOptions(call.query, value);
}

const isStatus = (value: Status | KubeObject): value is Status => value.kind === 'Status';

const remove: Handle = async (call, warnings) => {
  const presentation = presentationOf(call);
  const { options, isDryRun } = await readDeleteOptions(call);
  const scope = { ...readScope(call, warnings), isDryRun };
  const result = await call.resource.write.delete(scope, { name: call.info.name, options });
  if (!isStatus(result)) return objectResponse(call, 200, result);
  return jsonResponse(200, JSON.stringify(result), presentation);
};

const removeCollection: Handle = async (call, warnings) => {
  const presentation = presentationOf(call, 'list');
  const { options, isDryRun } = await readDeleteOptions(call);
  const scope = { ...readScope(call, warnings), isDryRun };
  const query = listQuery(call.query);
  const outcome = await call.resource.write.deleteCollection(scope, { query, options });
  return listAnswer(call.resource, outcome, { presentation });
};

export { patch };

/** The verbs of an object and of its collection, but for watch, which streams. */
export const verbs: Readonly<Record<Exclude<Verb, 'watch'>, Handle>> = {
  get,
  list,
  create,
  update,
  patch,
  delete: remove,
  deletecollection: removeCollection,
};

/** GET on `status` and the like shows the whole object. */
export const getObject: Handle = get;
