import {
  alreadyExists,
  ApiError,
  badRequest,
  invalid,
  isAlreadyExists,
} from '../../../api/errors/api-error.ts';
import { trackUpdate } from '../../../api/apply/managed-fields.ts';
import type { KubeObject } from '../../../api/kind.ts';
import type { ManagedFieldsEntry } from '../../../api/meta/v1/object-meta.ts';
import { validateObjectMeta } from '../../../api/validation/object-meta.ts';
import type { JsonObject } from '../../../base/json.ts';
import { admit } from '../../admission/admission.ts';
import type { RequestScope } from '../../rest/rest.ts';
import { commitObject } from './commit.ts';
import { keyIn, type RegistryContext, storedObject } from './context.ts';
import { decodeBody, writingBy } from './decode.ts';
import type { Definition } from './definition.ts';
import { generateName, withDistinctOwners, withNewMeta } from './object-meta.ts';

/** How often another random suffix is tried when a generated name is taken. */
const MAX_GENERATED = 8;
const random = (n: number): number => Math.floor(Math.random() * n);

/** POST. */
export async function createObject<T extends KubeObject>(
  context: RegistryContext,
  definition: Definition<T>,
  [scope, body]: readonly [RequestScope, JsonObject],
): Promise<T> {
  const object = decodeBody(definition, scope, body);
  const written: string | undefined = object.metadata.name;
  const { generateName: prefix = '', resourceVersion } = object.metadata;
  if (resourceVersion !== undefined)
    throw badRequest('resourceVersion should not be set on objects to be created');
  if (written !== undefined || prefix === '')
    return createNamed(context, definition, { scope, object, name: written ?? '' });
  for (let attempt = 1; ; attempt++) {
    const name = generateName(prefix, random);
    try {
      return await createNamed(context, definition, { scope, object, name });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      if (attempt === MAX_GENERATED) throw noUniqueName(definition, name);
    }
  }
}

/** Upstream's words; a client that tries again may be luckier. */
function noUniqueName<T extends KubeObject>({ kind }: Definition<T>, name: string): ApiError {
  const { status } = alreadyExists(kind, name);
  const why = 'the server was not able to generate a unique name for the object';
  const details = { ...status.details, retryAfterSeconds: 1 };
  return new ApiError({ ...status, message: `${status.message ?? ''}, ${why}`, details });
}

export interface NewNamed<T extends KubeObject> {
  readonly scope: RequestScope;
  readonly object: T;
  readonly name: string;
  /** What an apply found out; absent where the client's fields simply become its own. */
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

/** Also the end of a PUT to a name that is free, for the kinds that allow it. Rejects with 409 when it is not. */
export async function createNamed<T extends KubeObject>(
  context: RegistryContext,
  definition: Definition<T>,
  { scope, object: given, name, managedFields }: NewNamed<T>,
): Promise<T> {
  const object = withDistinctOwners(given, scope.warnings);
  const { kind, strategy } = definition;
  const namespace = kind.isNamespaced ? scope.namespace : '';
  const born = withNewMeta(object, {
    name,
    namespace: kind.isNamespaced ? namespace : (object.metadata.namespace ?? ''),
    uid: crypto.randomUUID(),
    nowMs: context.clock.now(),
    hasGeneration: definition.generationOf !== undefined,
    managedFields:
      managedFields ??
      trackUpdate(writingBy(context, definition, { scope }), { live: undefined, next: object }),
  });
  const { admissions } = context;
  const { user } = scope;
  const asked = { operation: 'create', kind, namespace, name, subresource: '', object: born, user } as const;
  const named = await admit(admissions, asked);
  const next = strategy.prepare({ next: named, prev: undefined });
  const errors = [
    ...validateObjectMeta(next.metadata, { isNamespaced: kind.isNamespaced, name: definition.name }),
    ...strategy.validate({ next, prev: undefined }),
  ];
  if (errors.length > 0) throw invalid(kind, name, errors);
  scope.warnings.push(...(strategy.warnings?.({ next, prev: undefined }) ?? []));
  const key = keyIn(namespace, name);
  const isTaken = scope.isDryRun && (await storedObject(context, definition, key)) !== undefined;
  if (isTaken) throw alreadyExists(kind, name);
  const writing = { context, definition, key, isDryRun: scope.isDryRun };
  const result = await commitObject(writing, { next, prev: undefined }, strategy);
  if (!result.isDone) throw alreadyExists(kind, name);
  return result.object;
}
