import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export type LogStream = 'stdout' | 'stderr';

/** Longest line written whole; longer ones are split into partial entries (as containerd, 16 KiB). */
export const maxLineBytes = 16 * 1024;
/** As the kubelet's containerLogMaxSize. */
export const maxLogBytes = 10 * 1024 * 1024;

/**
 * Turns the bytes of one stream into entries of the CRI's log format: `TIME STREAM F|P LINE`. Bytes are kept as they are.
 * `push` returns what is complete; `end` what was left without a line end.
 */
export function createLineFormatter(stream: LogStream): {
  push(chunk: Buffer, timeMs: number): Buffer;
  end(timeMs: number): Buffer;
} {
  let rest: Buffer = Buffer.alloc(0);
  const entry = (timeMs: number, tag: 'F' | 'P', line: Buffer): Buffer[] => [
    Buffer.from(`${new Date(timeMs).toISOString()} ${stream} ${tag} `),
    line,
    newLine,
  ];
  return {
    push: (chunk, timeMs) => {
      let data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const parts: Buffer[] = [];
      for (let end = data.indexOf(10); end >= 0 || data.length >= maxLineBytes; end = data.indexOf(10)) {
        const isWhole = end >= 0 && end < maxLineBytes;
        const length = isWhole ? end : maxLineBytes;
        parts.push(...entry(timeMs, isWhole ? 'F' : 'P', data.subarray(0, length)));
        data = data.subarray(isWhole ? length + 1 : length);
      }
      rest = Buffer.from(data);
      return Buffer.concat(parts);
    },
    end: (timeMs) => {
      const last = rest;
      rest = Buffer.alloc(0);
      return last.length === 0 ? last : Buffer.concat(entry(timeMs, 'F', last));
    },
  };
}

const newLine = Buffer.from('\n');

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
