import { MAX_PORT, parseDecimal } from './port.ts';

/** `size` ports from `first` on. */
export interface PortRange {
  readonly first: number;
  readonly size: number;
}

/**
 * The forms of upstream's flags (apimachinery util/net PortRange): `30000-32767` (both ends included),
 * `30000+2767` (so many more after the first) and `30000` (one port). Undefined when malformed, reversed,
 * beyond 65535, or starting at port 0, which nobody can listen on.
 */
export function parsePortRange(text: string): PortRange | undefined {
  const [, firstText = '', sign, secondText = ''] = /^([0-9]+)(?:([-+])([0-9]+))?$/.exec(text) ?? [];
  const first = parseDecimal(firstText, MAX_PORT);
  if (first === undefined || first === 0) return undefined;
  if (sign === undefined) return { first, size: 1 };
  const second = parseDecimal(secondText, MAX_PORT);
  if (second === undefined) return undefined;
  const last = sign === '-' ? second : first + second;
  return last < first || last > MAX_PORT ? undefined : { first, size: last - first + 1 };
}

/** `30000-32767`. */
export function formatPortRange(range: PortRange): string {
  return `${range.first}-${range.first + range.size - 1}`;
}

export function portRangeContains(range: PortRange, port: number): boolean {
  return Number.isInteger(port) && port >= range.first && port < range.first + range.size;
}
