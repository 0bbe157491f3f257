import { type JsonObject, type JsonValue, isJsonObject } from '../../base/json.ts';
import { type Kind, type KubeObject, asJson } from '../kind.ts';
import type { AnyType, Field, MessageType } from './schema.ts';

/** Returns the value itself when nothing is missing, otherwise a changed copy. */
type Fill = (value: JsonValue) => JsonValue;

const compiled = new WeakMap<AnyType, { readonly fill: Fill | undefined }>();

/** The filler of a type, made once; undefined when nothing below the type has a default. */
function fillerOf(type: AnyType): Fill | undefined {
  const known = compiled.get(type);
  if (known !== undefined) return known.fill;
  const fill = compile(type);
  compiled.set(type, { fill });
  return fill;
}

function compile(type: AnyType): Fill | undefined {
  switch (type.is) {
    case 'message':
      return messageFiller(type);
    case 'list':
      return listFiller(fillerOf(type.of));
    case 'map':
      return mapFiller(fillerOf(type.of));
    default:
      return undefined;
  }
}

function listFiller(fillItem: Fill | undefined): Fill | undefined {
  if (fillItem === undefined) return undefined;
  return (value) => {
    if (!Array.isArray(value)) return value;
    let out = value;
    for (let i = 0; i < value.length; i++) {
      const item = value[i] ?? null;
      const next = fillItem(item);
      if (next === item) continue;
      if (out === value) out = [...value];
      out[i] = next;
    }
    return out;
  };
}

function mapFiller(fillItem: Fill | undefined): Fill | undefined {
  if (fillItem === undefined) return undefined;
  return (value) =>
    isJsonObject(value)
      ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillItem(item ?? null)]))
      : value;
}

interface Step {
  readonly name: string;
  readonly default: Field['default'];
  readonly fill: Fill | undefined;
}

function stepsOf(type: MessageType): Step[] {
  return Object.entries(type.fields)
    .map(([name, field]) => ({ name, default: field.default, fill: fillerOf(field.type) }))
    .filter((step) => step.default !== undefined || step.fill !== undefined);
}

function missing(step: Step, owner: JsonObject): JsonValue | undefined {
  const value = typeof step.default === 'function' ? step.default(owner) : step.default;
  if (value === undefined) return undefined;
  // Defaults are shared values: a caller that owns the object must not be able to change them.
  const own = typeof value === 'object' ? structuredClone(value) : value;
  return step.fill === undefined ? own : step.fill(own);
}

function messageFiller(type: MessageType): Fill | undefined {
  const steps = stepsOf(type);
  if (steps.length === 0) return undefined;
  return (value) => {
    if (!isJsonObject(value)) return value;
    let out = value;
    for (const step of steps) {
      const present = out[step.name];
      let next = present;
      if (present === undefined || present === null) next = missing(step, out);
      else if (step.fill !== undefined) next = step.fill(present);
      if (next === present || next === undefined) continue;
      if (out === value) out = { ...value };
      out[step.name] = next;
    }
    return out;
  };
}

/**
 * The object with the defaults of its kind, in the order the schema lists the fields, then the kind's own rules.
 * Expects an object that decoding returned. Never changes `object`; returns it when nothing was missing.
 */
export function applyDefaults<T extends KubeObject>(kind: Kind<T>, object: T): T {
  const json = asJson(object);
  let out = (fillerOf(kind.schema)?.(json) ?? json) as JsonObject;
  for (const rule of kind.defaultRules ?? []) out = rule(out);
  return out as unknown as T;
}
