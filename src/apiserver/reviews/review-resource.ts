import { methodNotSupported } from '../../api/errors/api-error.ts';
import { apiVersionOf, type Kind, type KubeObject } from '../../api/kind.ts';
import { applyDefaults } from '../../api/schema/defaults.ts';
import { decodeObject } from '../../api/schema/decode.ts';
import type { JsonObject } from '../../base/json.ts';
import type { RequestScope, Resource } from '../rest/rest.ts';

/** The body of a request as an object of `kind`, with its defaults. Throws 400. */
export function decodeRequest<T extends KubeObject>(kind: Kind<T>, scope: RequestScope, body: JsonObject): T {
  const { object, warnings } = decodeObject(kind, body, { mode: scope.fieldValidation });
  scope.warnings.push(...warnings);
  return applyDefaults(kind, object);
}

export const jsonText = (kind: Kind, object: KubeObject): string =>
  JSON.stringify({ ...object, kind: kind.kind, apiVersion: apiVersionOf(kind) });

/** A resource of which nothing is stored: a create is answered with what `answer` makes of the object. */
export function reviewResource<T extends KubeObject>(
  kind: Kind<T>,
  answer: (object: T, scope: RequestScope) => Promise<T>,
): Resource<KubeObject> {
  const refuse = (verb: string) => (): never => {
    throw methodNotSupported(kind, verb);
  };
  const refused = {
    apply: refuse('apply'),
    update: refuse('update'),
    patch: refuse('patch'),
    delete: refuse('delete'),
    deleteCollection: refuse('deletecollection'),
  };
  const toJson = (object: T): string => jsonText(kind, object);
  const resource: Resource<T> = {
    kind,
    read: { get: refuse('get'), list: refuse('list'), watch: refuse('watch') },
    write: { ...refused, create: (scope, body) => answer(decodeRequest(kind, scope, body), scope) },
    columns: [],
    verbs: ['create'],
    toJson,
  };
  return resource as unknown as Resource<KubeObject>;
}
