import { badRequest, conflict, invalid, isConflict } from '../../../api/errors/api-error.ts';
import type { FieldError } from '../../../api/errors/field-error.ts';
import type { KindVersion } from '../../../api/kind-version.ts';
import { apiVersionOf, asJson, asObject, type KubeObject } from '../../../api/kind.ts';
import type { Status } from '../../../api/meta/v1/status.ts';
import { applyJsonPatch } from '../../../api/patch/json-patch.ts';
import { applyMergePatch } from '../../../api/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '../../../api/patch/strategic-merge-patch.ts';
import { flowOf, iterableOf, mapFlow } from '../../../base/flow.ts';
import type { JsonObject } from '../../../base/json.ts';
import { isShared, markShared, onceForAll } from '../../rest/shared-batches.ts';
import type {
  ListOutcome,
  ListQuery,
  PatchRequest,
  ReadHandler,
  RequestScope,
  Resource,
  WatchEvent,
  WriteHandler,
  WrittenIn,
} from '../../rest/rest.ts';
import type { Change } from '../strategy.ts';
import { decodeVersion, restored } from './decode.ts';

/** What a further version of a kind is served with. */
export interface VersionedOptions {
  readonly version: KindVersion;
  /** The resource of the stored version. */
  readonly stored: Resource<KubeObject>;
  /** Rules that only hold for writes through this version. They see the objects in their stored form. */
  readonly validate?: (change: Change<KubeObject>) => readonly FieldError[];
}

/** Between an object of this version and the same object as it is stored. */
interface Conversion extends VersionedOptions {
  /** The object in this version; the same one each time, so that what is kept of its text is found again. */
  readonly shown: (object: KubeObject) => KubeObject;
  /** What a client does by way of this version. */
  readonly within: (scope: RequestScope) => RequestScope;
}

/** The resource of a further version: everything happens to the stored objects, which are converted in and out. */
export function versionedResource(options: VersionedOptions): Resource<KubeObject> {
  const { version, stored } = options;
  const conversion = createConversion(options);
  return {
    ...stored,
    kind: version.kind,
    read: readHandler(conversion),
    write: writeHandler(conversion),
    columns: stored.columns.map((column) => ({
      ...column,
      cell: (object, now) => column.cell(restored(version, object), now),
    })),
  };
}

function createConversion(options: VersionedOptions): Conversion {
  const { version } = options;
  const { kind, fromStored } = version;
  const names = { apiVersion: apiVersionOf(kind), kind: kind.kind };
  const known = new WeakMap<KubeObject, KubeObject>();
  const { validate } = options;
  const writtenIn: WrittenIn = { version, ...(validate === undefined ? {} : { validate }) };
  return {
    ...options,
    shown(object) {
      const found = known.get(object);
      if (found !== undefined) return found;
      const made = asObject({ ...fromStored(asJson(object)), ...names });
      known.set(object, made);
      return made;
    },
    within: (scope) => ({ ...scope, writtenIn }),
  };
}

type EventBatch = readonly WatchEvent<KubeObject>[];

function readHandler({ version, stored, shown }: Conversion): ReadHandler<KubeObject> {
  const shownBatch = shownBatches(shown);
  return {
    get: async (scope, name, resourceVersion) => shown(await stored.read.get(scope, name, resourceVersion)),
    list: async (scope, query) =>
      shownList(await stored.read.list(scope, withStoredLabels(version, query)), shown),
    watch: (scope, query) =>
      shownEvents(stored.read.watch(scope, withStoredLabels(version, query)), shownBatch),
  };
}

/** Throws BadRequest for a field this version does not have. */
function withStoredLabels<Q extends ListQuery>({ fieldLabels }: KindVersion, query: Q): Q {
  if (fieldLabels === undefined || query.fieldSelector.length === 0) return query;
  const fieldSelector = query.fieldSelector.map((requirement) => {
    const field = Object.hasOwn(fieldLabels, requirement.field) ? fieldLabels[requirement.field] : undefined;
    if (field === undefined) throw badRequest(`field label not supported: ${requirement.field}`);
    return { ...requirement, field };
  });
  return { ...query, fieldSelector };
}

const shownList = (
  outcome: ListOutcome<KubeObject>,
  shown: Conversion['shown'],
): ListOutcome<KubeObject> => ({ ...outcome, items: outcome.items.map((item) => shown(item)) });

function shownEvents(
  batches: AsyncIterable<EventBatch>,
  shown: (batch: EventBatch) => EventBatch,
): AsyncIterable<EventBatch> {
  return iterableOf(mapFlow(flowOf(batches), shown));
}

/** Batches of this version; one for all watchers that are handed the same one. */
const shownBatches = (shown: Conversion['shown']): ((batch: EventBatch) => EventBatch) =>
  onceForAll((batch: EventBatch) => {
    const made = batch.map((event) =>
      'object' in event ? { ...event, object: shown(event.object) } : event,
    );
    return isShared(batch) ? markShared(made) : made;
  });

function writeHandler(conversion: Conversion): WriteHandler<KubeObject> {
  const { version, stored, shown, within } = conversion;
  const { write } = stored;
  return {
    async create(scope, body) {
      const object = decodeVersion(version, scope, body);
      check(conversion, scope, { next: object, prev: undefined });
      return shown(await write.create(within(scope), object));
    },
    async update(scope, request) {
      const body = decodeVersion(version, scope, request.body);
      await checkUpdate(conversion, scope, { ...request, body });
      const { object, isCreated } = await write.update(within(scope), { ...request, body });
      return { object: shown(object), isCreated };
    },
    async apply(scope, request) {
      const { object, isCreated } = await write.apply(within(scope), request);
      return { object: shown(object), isCreated };
    },
    patch: async (scope, request) => shown(await patchStored(conversion, scope, request)),
    async delete(scope, request) {
      const result: Status | KubeObject = await write.delete(scope, request);
      return result.kind === 'Status' ? result : shown(result as KubeObject);
    },
    deleteCollection: async (scope, request) => {
      const query = withStoredLabels(version, request.query);
      return shownList(await write.deleteCollection(scope, { ...request, query }), shown);
    },
  };
}

/** The rules of this version; those of the kind follow when the stored resource writes it. */
function check(
  { version, validate }: Conversion,
  scope: RequestScope,
  { next, prev }: { readonly next: JsonObject; readonly prev: KubeObject | undefined },
): void {
  if (validate === undefined) return;
  const object = asObject(next);
  const metadata = { namespace: scope.namespace, ...object.metadata };
  const errors = validate({ next: { ...object, metadata }, prev });
  if (errors.length > 0) throw invalid(version.stored, metadata.name, errors);
}

async function checkUpdate(
  conversion: Conversion,
  scope: RequestScope,
  { name, body }: { readonly name: string; readonly body: JsonObject },
): Promise<void> {
  if (conversion.validate === undefined) return;
  const prev = await conversion.stored.read.get(scope, name).catch(() => undefined);
  check(conversion, scope, { next: body, prev });
}

/** Someone else's write between our read and ours is met by patching again. */
const ATTEMPTS = 10;

/**
 * A patch is about the object as this version shows it, so it is applied to that, and the outcome is written as an
 * update of the version it was made from.
 */
async function patchStored(
  conversion: Conversion,
  scope: RequestScope,
  request: PatchRequest,
): Promise<KubeObject> {
  const { stored, shown, version, within } = conversion;
  const { name, subresource } = request;
  for (let attempt = 1; ; attempt++) {
    const current = await stored.read.get(scope, name);
    const warnings: string[] = [];
    const patch = patched(version, request, asJson(shown(current)));
    const body = decodeVersion(version, { ...scope, warnings }, patch);
    const { resourceVersion: seen } = current.metadata;
    const { metadata } = asObject(body);
    if ((metadata.resourceVersion ?? seen) !== seen) throw conflict(version.stored, name);
    check(conversion, scope, { next: body, prev: current });
    const pinned = { ...body, metadata: { ...asJson(metadata), resourceVersion: seen } };
    const write = { name, body: pinned, ...(subresource === undefined ? {} : { subresource }) };
    try {
      const { object } = await stored.write.update(within(scope), write);
      scope.warnings.push(...warnings);
      return object;
    } catch (error) {
      if (!isConflict(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

function patched({ kind }: KindVersion, { type, body }: PatchRequest, json: JsonObject): JsonObject {
  switch (type) {
    case 'application/json-patch+json':
      return applyJsonPatch(json, body);
    case 'application/merge-patch+json':
      return applyMergePatch(json, body);
    default:
      return applyStrategicMergePatch(kind.schema, json, body);
  }
}
