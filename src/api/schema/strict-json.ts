import type { JsonValue } from '../../base/json.ts';
import { messageOf } from '../../base/thrown.ts';
import { badRequest } from '../errors/api-error.ts';
import { MAX_FAULTS } from './decode-context.ts';

export interface StrictJson {
  readonly value: JsonValue;
  /** Such as `duplicate field "spec.ports[0].name"`, in the order of the text. The last one's value stands. */
  readonly duplicates: readonly string[];
}

const quote = 34;
const backslash = 92;
const openBrace = 123;
const closeBrace = 125;
const openBracket = 91;
const closeBracket = 93;
const comma = 44;

/** The position of the quote that ends the string beginning at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text.charCodeAt(at) !== quote) at += text.charCodeAt(at) === backslash ? 2 : 1;
  return at;
}

interface Frame {
  /** The keys seen, or undefined in a list. */
  readonly keys: Set<string> | undefined;
  /** What stands between this frame and its parent. */
  current: string;
  index: number;
  expectsKey: boolean;
}

const pathOf = (frames: readonly Frame[]): string =>
  frames
    .map(({ keys, current, index }) => (keys === undefined ? `[${index}]` : `.${current}`))
    .join('')
    .slice(1);

/** Walks JSON text that JSON.parse accepted. */
function findDuplicates(text: string): string[] {
  const found: string[] = [];
  const frames: Frame[] = [];
  let top: Frame | undefined;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at);
        if (top?.keys !== undefined && top.expectsKey) {
          const raw = text.slice(at + 1, end);
          const key = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
          top.current = key;
          top.expectsKey = false;
          if (!top.keys.has(key)) top.keys.add(key);
          else if (found.length < MAX_FAULTS) found.push(`duplicate field ${JSON.stringify(pathOf(frames))}`);
        }
        at = end;
        break;
      }
      case openBrace:
        frames.push((top = { keys: new Set(), current: '', index: 0, expectsKey: true }));
        break;
      case openBracket:
        frames.push((top = { keys: undefined, current: '', index: 0, expectsKey: false }));
        break;
      case closeBrace:
      case closeBracket:
        frames.pop();
        top = frames.at(-1);
        break;
      case comma:
        if (top === undefined) break;
        top.index++;
        top.expectsKey = top.keys !== undefined;
        break;
    }
  }
  return found;
}

/** How many members the objects in a value have. */
function countMembers(value: JsonValue | undefined): number {
  if (typeof value !== 'object' || value === null) return 0;
  let n = 0;
  if (Array.isArray(value)) {
    for (const item of value) n += countMembers(item);
    return n;
  }
  for (const name in value) n += 1 + countMembers(value[name]);
  return n;
}

/**
 * Parses JSON text and reports fields that occur twice. `nMembers` says how many members are written in the text, where
 * somebody has counted them: what has as many when it is read has none twice. Throws ApiError BadRequest for text that is
 * no JSON.
 */
export function strictJsonParse(text: string, nMembers?: number): StrictJson {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (cause) {
    const why = messageOf(cause);
    throw badRequest(
      `the object provided is unrecognized: couldn't get version/kind; json parse error: ${why}`,
      cause,
    );
  }
  return { value, duplicates: countMembers(value) === nMembers ? [] : findDuplicates(text) };
}
