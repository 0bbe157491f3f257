import { UserError } from '../up/user-error.ts';

/**
 * One flag of a program that takes upstream's flags, in the spelling of Go's pflag: `--name=value` or `--name value`, a
 * switch also alone. `list` values are separated by commas, and a list may be given several times.
 */
export interface Flag {
  readonly kind: 'text' | 'list' | 'switch' | 'number' | 'fraction' | 'duration';
  readonly help: string;
}

export type FlagTable = Readonly<Record<string, Flag>>;

/** What the command line said; the names are those of the table, without the dashes. */
export interface Flags<Name extends string> {
  text(name: Name): string | undefined;
  list(name: Name): readonly string[];
  isOn(name: Name): boolean | undefined;
  /** Throws a UserError outside of the range. */
  number(name: Name, range: readonly [min: number, max: number]): number | undefined;
  /** A number that need not be whole. */
  fraction(name: Name): number | undefined;
  durationMs(name: Name): number | undefined;
}

/** Throws a UserError (exit code 2) that names the flag and the mend. */
export const wrongFlag = (message: string): UserError => new UserError(message, { exitCode: 2 });

/** `undefined` when help was asked for. Throws a UserError for a flag that is not in the table or lacks its value. */
export function parseFlags<Table extends FlagTable>(
  program: string,
  table: Table,
  args: readonly string[],
): Flags<keyof Table & string> | undefined {
  const given = new Map<string, string[]>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === '--help' || arg === '-h') return undefined;
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(arg);
    if (match === null) throw wrongFlag(`${arg}: ${program} takes flags only, such as --${first(table)}`);
    const [, name = '', inline] = match;
    const flag = Object.hasOwn(table, name) ? table[name] : undefined;
    if (flag === undefined) throw wrongFlag(unknownText(program, table, name));
    let value = inline;
    if (value === undefined && flag.kind === 'switch') value = 'true';
    if (value === undefined) value = args[++i];
    if (value === undefined) throw wrongFlag(`--${name} needs a value, as --${name}=VALUE`);
    given.set(name, [...(given.get(name) ?? []), value]);
  }
  return readerOf(given);
}

const first = (table: FlagTable): string => Object.keys(table)[0] ?? 'help';

function readerOf(given: ReadonlyMap<string, readonly string[]>): Flags<string> {
  const last = (name: string): string | undefined => given.get(name)?.at(-1);
  return {
    text: last,
    list: (name) =>
      (given.get(name) ?? []).flatMap((text) => text.split(',').map((part) => part.trim())).filter(Boolean),
    isOn(name) {
      const text = last(name);
      if (text === undefined) return undefined;
      if (/^(true|t|1)$/i.test(text)) return true;
      if (/^(false|f|0)$/i.test(text)) return false;
      throw wrongFlag(`--${name}=${text}: must be true or false`);
    },
    number(name, [min, max]) {
      const text = last(name);
      if (text === undefined) return undefined;
      const value = Number(text);
      if (!/^-?\d+$/.test(text) || value < min || value > max) {
        throw wrongFlag(`--${name}=${text}: must be a whole number from ${min} to ${max}`);
      }
      return value;
    },
    fraction(name) {
      const text = last(name);
      if (text === undefined) return undefined;
      if (!/^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(text))
        throw wrongFlag(`--${name}=${text}: must be a number`);
      return Number(text);
    },
    durationMs(name) {
      const text = last(name);
      return text === undefined ? undefined : durationOf(name, text);
    },
  };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Go's notation: 1m30s, 1.5h, 200ms; 0 needs no unit. */
function durationOf(name: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join('') === text;
  if (!isWhole && text !== '0') throw wrongFlag(`--${name}=${text}: must be a duration like 15s or 1m30s`);
  return parts.reduce((ms, [, number = '0', unit = 's']) => ms + Number(number) * (UNITS[unit] ?? 0), 0);
}

function unknownText(program: string, table: FlagTable, name: string): string {
  const near = Object.keys(table)
    .map((known) => ({ known, d: distance(known, name) }))
    .filter(({ known, d }) => d <= Math.max(2, known.length / 4))
    .sort((a, b) => a.d - b.d)[0];
  const hint = near === undefined ? '' : `; did you mean --${near.known}?`;
  return `unknown flag --${name}${hint} (portico ${program} --help shows what there is)`;
}

/** How many letters must be changed, added or left out. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

const VALUES: Readonly<Record<Flag['kind'], string>> = {
  text: '=TEXT',
  list: '=A,B,...',
  switch: '[=false]',
  number: '=N',
  fraction: '=N',
  duration: '=15s',
};

/** What `--help` prints. */
export function helpText(usage: string, description: string, table: FlagTable): string {
  const lines = Object.entries(table).map(
    ([name, { kind, help }]) => `  --${name}${VALUES[kind]}\n      ${help}\n`,
  );
  return `Usage: ${usage}\n\n${description}\n\nFlags:\n${lines.join('')}`;
}
