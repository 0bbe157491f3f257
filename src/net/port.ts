/** Greatest port number. */
export const MAX_PORT = 65535;

/** Plain decimal digits without sign or leading zero, at most `max`; undefined for all else. */
export function parseDecimal(text: string, max: number): number | undefined {
  if (!/^(0|[1-9][0-9]{0,8})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

/** A port one can connect to: 1 to 65535. */
export function isPort(value: unknown): value is number {
  return Number.isInteger(value) && typeof value === 'number' && value >= 1 && value <= MAX_PORT;
}

/** `'80'` -> 80; undefined unless it is a port of 1 to 65535 in plain decimal. */
export function parsePort(text: string): number | undefined {
  const port = parseDecimal(text, MAX_PORT);
  return port === 0 ? undefined : port;
}
