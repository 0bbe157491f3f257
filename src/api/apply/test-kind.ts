import { parse } from 'yaml';
import type { JsonObject } from '../../base/json.ts';
import { ApiError } from '../errors/api-error.ts';
import { asJson, type Kind, type KubeObject } from '../kind.ts';
import { type ManagedFieldsEntry, objectMeta } from '../meta/v1/object-meta.ts';
import { decodeObject } from '../schema/decode.ts';
import { applyDefaults } from '../schema/defaults.ts';
import {
  atomic,
  atomicMap,
  filled,
  int32,
  list,
  listMap,
  map,
  message,
  optional,
  pointer,
  set,
  string,
  typeMeta,
} from '../schema/schema.ts';
import { applyConfiguration } from './apply-configuration.ts';
import type { FieldSet } from './field-set.ts';
import { pathsOf, pathText } from './field-set.ts';
import { isReset, trackUpdate } from './managed-fields.ts';

const item = message('test.Item', 'Known by its name.', {
  name: optional([1, string], 'Key.'),
  value: pointer([2, int32], 'Value.'),
  note: pointer([3, string], 'Note.'),
});
const port = message('test.Port', 'Known by port and protocol.', {
  port: optional([1, int32], 'Key.'),
  protocol: optional([2, string], 'Key with a default.', { default: 'TCP' }),
  title: pointer([3, string], 'Title.'),
});
const inner = message('test.Inner', 'A part.', {
  a: pointer([1, int32], 'A.'),
  b: pointer([2, int32], 'B.'),
});
const spec = message('test.Spec', 'One field of every sort.', {
  number: pointer([1, int32], 'A number.'),
  text: pointer([2, string], 'A text.'),
  flags: optional([3, set(string)], 'A set.'),
  items: optional([4, listMap(item, ['name'])], 'A list by name.'),
  ports: optional([5, listMap(port, ['port', 'protocol'])], 'A list by two keys.'),
  lines: optional([6, list(string)], 'One value.'),
  tags: optional([7, map(string)], 'A map.'),
  selector: optional([8, atomicMap(string)], 'One value.'),
  inner: pointer([9, inner], 'A part.'),
  whole: pointer([10, atomic(inner)], 'One value.'),
});

/** A kind with a field of every sort. */
export const things: Kind = {
  group: '',
  version: 'v1',
  kind: 'Thing',
  plural: 'things',
  singular: 'thing',
  shortNames: [],
  categories: [],
  isNamespaced: true,
  subresources: ['status'],
  schema: message('test.Thing', 'For tests.', {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Metadata.'),
    spec: filled([2, spec], 'Spec.'),
    status: optional([3, inner], 'Status.'),
  }),
};

/** An object under the hands of several writers, each write one second after the one before. */
export interface Story {
  /** Undefined before the first write. */
  readonly object: KubeObject | undefined;
  apply(manager: string, config: string, options?: { readonly isForced?: boolean }): void;
  update(manager: string, next: string | JsonObject, subresource?: string): void;
  /** The spec, as YAML would say it. */
  readonly spec: unknown;
  /** `manager: path path ...` per entry, without what leads to the fields. */
  readonly owners: Readonly<Record<string, readonly string[]>>;
}

const start = Date.UTC(2026, 0, 1);

export function startStory(kind: Kind = things): Story {
  let object: KubeObject | undefined;
  let nWrites = 0;
  const writing = (manager: string, subresource?: string) => ({
    kind,
    manager,
    subresource,
    now: new Date(start + 1000 * nWrites++).toISOString().replace('.000', ''),
  });
  const keep = (json: JsonObject, managedFields: readonly ManagedFieldsEntry[]): void => {
    const decoded = applyDefaults(kind, decodeObject(kind, json, { mode: 'Strict' }).object);
    const { managedFields: _, ...metadata } = decoded.metadata;
    object = { ...decoded, metadata: managedFields.length === 0 ? metadata : { ...metadata, managedFields } };
  };
  const whole = (text: string): JsonObject => {
    const { metadata, ...rest } = parse(text, { uniqueKeys: false }) as JsonObject;
    const named = { name: 'x', ...((metadata as JsonObject | undefined) ?? {}) };
    return {
      apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`,
      kind: kind.kind,
      ...rest,
      metadata: named,
    };
  };
  return {
    get object() {
      return object;
    },
    apply(manager, config, { isForced = false } = {}) {
      const applied = applyConfiguration(writing(manager), { live: object, config: whole(config), isForced });
      keep(applied.object, applied.managedFields);
    },
    update(manager, next, subresource) {
      const json = typeof next === 'string' ? whole(next) : next;
      const decoded = applyDefaults(kind, decodeObject(kind, json, { mode: 'Strict' }).object);
      const written = { live: object, next: decoded, isReset: isReset(json) };
      keep(asJson(decoded), trackUpdate(writing(manager, subresource), written));
    },
    get spec() {
      return object && asJson(object).spec;
    },
    get owners() {
      const entries = object?.metadata.managedFields ?? [];
      return Object.fromEntries(
        entries.map(({ manager = '', operation, subresource, fieldsV1 = {} }) => [
          `${manager} ${operation}${subresource === undefined ? '' : ` ${subresource}`}`,
          pathsOf(fieldsV1 as unknown as FieldSet)
            .map(pathText)
            .sort(),
        ]),
      );
    },
  };
}

/** The message of the refusal, or 'accepted'. */
export function refusal(write: () => void): string {
  try {
    write();
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.reason}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}
