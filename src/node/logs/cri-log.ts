import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export type LogStream = 'stdout' | 'stderr';

/** Longest line written whole; longer ones are split into partial entries (as containerd, 16 KiB). */
export const maxLineBytes = 16 * 1024;
/** As the kubelet's containerLogMaxSize. */
export const maxLogBytes = 10 * 1024 * 1024;

/**
 * Turns the bytes of one stream into entries of the CRI's log format: `TIME STREAM F|P LINE`. Bytes are kept as they are.
 * `push` returns what is complete; `end` what was left without a line end. It works on strings of one byte per character, which costs a
 * tenth of small buffers: a container that writes a lot must not keep the agent from its probes.
 */
export function createLineFormatter(stream: LogStream): {
  push(chunk: Buffer, timeMs: number): Buffer;
  end(timeMs: number): Buffer;
} {
  let rest = '';
  const prefix = (timeMs: number): string => `${new Date(timeMs).toISOString()} ${stream}`;
  /** Cuts what is too long for one entry off the line's beginning. */
  const cut = (line: string, start: string): readonly [entries: string, rest: string] => {
    let entries = '';
    let left = line;
    for (; left.length >= maxLineBytes; left = left.slice(maxLineBytes))
      entries += `${start} P ${left.slice(0, maxLineBytes)}\n`;
    return [entries, left];
  };
  return {
    push: (chunk, timeMs) => {
      const start = prefix(timeMs);
      const lines = (rest + chunk.toString('latin1')).split('\n');
      const [partial, last] = cut(lines.pop() ?? '', start);
      rest = last;
      let entries = '';
      for (const line of lines) {
        if (line.length < maxLineBytes) entries += `${start} F ${line}\n`;
        else {
          const [parts, end] = cut(line, start);
          entries += `${parts}${start} F ${end}\n`;
        }
      }
      return Buffer.from(entries + partial, 'latin1');
    },
    end: (timeMs) => {
      const last = rest;
      rest = '';
      return Buffer.from(last === '' ? '' : `${prefix(timeMs)} F ${last}\n`, 'latin1');
    },
  };
}

export interface LogFile {
  write(entries: Buffer): void;
  close(): void;
}

/** Appends to a log; above `maxBytes` the file becomes `PATH.1` (the former one is dropped) and a new one begins. */
export function openLogFile(path: string, maxBytes = maxLogBytes): LogFile {
  mkdirSync(dirname(path), { recursive: true });
  let fd = openSync(path, 'a', 0o640);
  let size = fstatSync(fd).size;
  return {
    write: (entries) => {
      if (entries.length === 0) return;
      if (size > 0 && size + entries.length > maxBytes) {
        closeSync(fd);
        renameSync(path, `${path}.1`);
        fd = openSync(path, 'a', 0o640);
        size = 0;
      }
      writeSync(fd, entries);
      size += entries.length;
    },
    close: () => closeSync(fd),
  };
}
