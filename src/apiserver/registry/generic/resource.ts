import { notFound } from '../../../api/errors/api-error.ts';
import type { KubeObject } from '../../../api/kind.ts';
import type { ReadHandler, Resource, WriteHandler } from '../../rest/rest.ts';
import { currentObject, freshResource, keyIn, type RegistryContext } from './context.ts';
import { createObject } from './create.ts';
import { allVerbs, type Definition } from './definition.ts';
import { deleteObject, deleteObjects } from './delete.ts';
import { listObjects, parseRevision } from './list.ts';
import { applyToObject, patchObject } from './patch.ts';
import { updateObject } from './update.ts';
import { watchObjects } from './watch.ts';

/** A kind served from the store by the generic handlers. */
export function createResource<T extends KubeObject>(
  context: RegistryContext,
  definition: Definition<T>,
): Resource<T> {
  const { kind, columns, withoutVerbs = [] } = definition;
  const read: ReadHandler<T> = {
    async get(scope, name, resourceVersion) {
      const key = keyIn(kind.isNamespaced ? scope.namespace : '', name);
      const atLeast = parseRevision(resourceVersion);
      if (atLeast !== undefined) await context.cache.atLeast(atLeast);
      const object =
        atLeast === 0
          ? ((await freshResource(context, definition)).objects.get(key) as T | undefined)
          : await currentObject(context, definition, key);
      if (object === undefined) throw notFound(kind, name);
      return object;
    },
    list: (scope, query) => listObjects(context, definition, [scope, query]),
    watch: (scope, query) => watchObjects(context, definition, [scope, query]),
  };
  const write: WriteHandler<T> = {
    create: (scope, body) => createObject(context, definition, [scope, body]),
    update: (scope, request) => updateObject(context, definition, [scope, request]),
    patch: (scope, request) => patchObject(context, definition, [scope, request]),
    apply: (scope, request) => applyToObject(context, definition, [scope, request]),
    delete: (scope, request) => deleteObject(context, definition, [scope, request]),
    deleteCollection: (scope, request) => deleteObjects(context, definition, [scope, request]),
  };
  return {
    kind,
    read,
    write,
    columns,
    toJson: context.texts.of,
    verbs: allVerbs.filter((verb) => !withoutVerbs.includes(verb)),
  };
}
