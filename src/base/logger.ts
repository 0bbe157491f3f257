import { createRequire } from 'node:module';
import type pino from 'pino';

export type LogFields = Readonly<Record<string, unknown>>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Structured log lines. Log at the top or return the error, never both. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each line. */
  child(fields: LogFields): Logger;
}

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

/** The library is loaded with the first line: a quiet process starts sooner without it. */
function openPino(level: LogLevel, fd: number): pino.Logger {
  const load = createRequire(import.meta.url)('pino') as typeof pino;
  return load({ level, base: null }, load.destination({ fd, sync: true }));
}

function wrap(level: LogLevel, inner: () => pino.Logger): Logger {
  const line =
    (own: Exclude<LogLevel, 'silent'>) =>
    (message: string, fields?: LogFields): void => {
      if (ORDER.indexOf(own) >= ORDER.indexOf(level)) inner()[own](fields ?? {}, message);
    };
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (fields) => {
      let child: pino.Logger | undefined;
      return wrap(level, () => (child ??= inner().child(fields)));
    },
  };
}

/** JSON lines, written synchronously to a file descriptor (default 2, standard error). `err` fields print as errors. */
export function createLogger(options: { readonly level: LogLevel; readonly fd?: number }): Logger {
  let opened: pino.Logger | undefined;
  return wrap(options.level, () => (opened ??= openPino(options.level, options.fd ?? 2)));
}

export interface LogLine {
  readonly level: Exclude<LogLevel, 'silent'>;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps its lines for a test to read. */
export function memoryLogger(
  lines: LogLine[] = [],
  base: LogFields = {},
): Logger & { readonly lines: LogLine[] } {
  const add = (level: LogLine['level']) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, fields: { ...base, ...fields } });
  return {
    lines,
    debug: add('debug'),
    info: add('info'),
    warn: add('warn'),
    error: add('error'),
    child: (fields) => memoryLogger(lines, { ...base, ...fields }),
  };
}

/** Drops every line. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
