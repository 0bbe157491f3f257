import { isJsonObject } from '../../base/json.ts';
import { canonicalQuantity } from '../quantity.ts';
import { type DecodeContext, DecodeError } from './decode-context.ts';
import type { ScalarName } from './schema.ts';
import { canonicalTime } from './time.ts';

/** Turns a JSON value (never null) into the stored form, or throws DecodeError. */
export type Decoder = (value: unknown, context: DecodeContext) => unknown;

const ofType =
  (type: 'string' | 'boolean', goType: string): Decoder =>
  (value, context) => {
    if (typeof value === type) return value;
    throw context.mismatch(value, goType);
  };

const integer =
  (goType: 'int32' | 'int64', max: number): Decoder =>
  (value, context) => {
    if (Number.isInteger(value) && (value as number) <= max && (value as number) >= -max - 1) return value;
    throw context.mismatch(value, goType);
  };

/** Runs a parser that throws RangeError for bad text. */
const parsed =
  (parse: (text: string) => string): Decoder =>
  (value, context) => {
    if (typeof value !== 'string') throw context.mismatch(value, 'string');
    try {
      return parse(value);
    } catch (cause) {
      if (cause instanceof RangeError) throw new DecodeError(cause.message, { cause });
      throw cause;
    }
  };

function canonicalBase64(text: string): string {
  const compact = /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, '') : text;
  const bad = compact.search(/[^A-Za-z0-9+/=]/);
  if (bad >= 0) throw new RangeError(`illegal base64 data at input byte ${bad}`);
  if (compact.length % 4 !== 0) {
    throw new RangeError(`illegal base64 data at input byte ${compact.length - (compact.length % 4)}`);
  }
  const padding = compact.indexOf('=');
  const tail = padding < 0 ? '' : compact.slice(padding);
  if (tail.length > 2 || (tail.length === 2 && tail !== '==')) {
    throw new RangeError(`illegal base64 data at input byte ${padding}`);
  }
  return compact;
}

const maxInt32 = 2 ** 31 - 1;
const int32: Decoder = integer('int32', maxInt32);
const quantityText = parsed(canonicalQuantity);

export const scalarDecoders: Readonly<Record<ScalarName, Decoder>> = {
  string: ofType('string', 'string'),
  bool: ofType('boolean', 'bool'),
  int32,
  int64: integer('int64', Number.MAX_SAFE_INTEGER),
  intOrString: (value, context) => (typeof value === 'string' ? value : int32(value, context)),
  quantity: (value, context) => quantityText(typeof value === 'number' ? String(value) : value, context),
  time: parsed((text) => canonicalTime(text, 0)),
  microTime: parsed((text) => canonicalTime(text, 6)),
  bytes: parsed(canonicalBase64),
  json: (value, context) => {
    if (isJsonObject(value)) return value;
    throw context.mismatch(value, 'object');
  },
};

/** The value Go has where JSON has none; undefined where there is no such value in JSON. */
export function zeroScalar(name: ScalarName): unknown {
  switch (name) {
    case 'string':
      return '';
    case 'int32':
    case 'int64':
    case 'intOrString':
      return 0;
    case 'bool':
      return false;
    default:
      return undefined;
  }
}
