import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';

/** As upstream's PodLogOptions. */
export interface LogOptions {
  readonly isFollowing?: boolean;
  /** The last lines only. */
  readonly tailLines?: number;
  /** Entries not older than this; ms since the epoch. */
  readonly sinceMs?: number;
  readonly hasTimestamps?: boolean;
  readonly limitBytes?: number;
}

export interface ReadLogOptions extends LogOptions {
  readonly clock: Clock;
  /** When it says so and all is read, following ends. */
  readonly isOver: () => boolean;
  readonly signal: AbortSignal;
}

const chunkBytes = 64 * 1024;
/** How often a followed log is looked at. */
const followPollMs = 50;

interface Entry {
  readonly time: string;
  readonly isPartial: boolean;
  readonly text: string;
}

/** Reads an entry `TIME STREAM TAG TEXT`; latin1 keeps every byte as one character. */
function parseEntry(line: string): Entry {
  const [time = '', , tag = 'F'] = line.split(' ', 3);
  const start = line.indexOf(` ${tag} `) + tag.length + 2;
  return { time, isPartial: tag.startsWith('P'), text: line.slice(start) };
}

interface Tail {
  /** What comes next, up to 64 KiB; the empty string when there is nothing yet. */
  read(): string;
  close(): void;
}

/** Reads what was appended to a file; a file that was replaced (rotation) is read to its end before the new one. */
function openTail(path: string): Tail {
  let fd: number | undefined;
  let inode = 0;
  const buffer = Buffer.allocUnsafe(chunkBytes);
  const open = (): void => {
    if (!existsSync(path)) return;
    fd = openSync(path, 'r');
    inode = fstatSync(fd).ino;
  };
  const read = (): string => {
    if (fd === undefined) open();
    if (fd === undefined) return '';
    const n = readSync(fd, buffer, 0, chunkBytes, null);
    if (n > 0) return buffer.toString('latin1', 0, n);
    if (!existsSync(path) || statSync(path).ino === inode) return '';
    closeSync(fd);
    open();
    return read();
  };
  return { read, close: () => (fd === undefined ? undefined : closeSync(fd)) };
}

/** What stood in the rotated file and in the present one at the call. A program that goes on writing does not make it longer. */
function* readPresent(path: string, tail: Tail): Generator<string> {
  let left = existsSync(path) ? statSync(path).size : 0;
  const old = openTail(`${path}.1`);
  try {
    for (let text = old.read(); text !== ''; text = old.read()) yield text;
  } finally {
    old.close();
  }
  for (let text = tail.read(); text !== ''; text = left > 0 ? tail.read() : '') {
    left -= text.length;
    yield text;
  }
}

/** The last `n` of the lines. */
function lastLines(texts: Iterable<Iterable<string>>, n: number): string {
  let last: string[] = [];
  for (const lines of texts) {
    last.push(...lines);
    if (last.length > n) last = n === 0 ? [] : last.slice(-n);
  }
  return last.join('');
}

/**
 * The lines of a container's log as people want them, from the rotated file on, until its end or as long as it is followed. A log is handed
 * out in pieces of about 64 KiB, so that it needs no room as a whole.
 */
export async function* readLog(path: string, options: ReadLogOptions): AsyncGenerator<Uint8Array> {
  const { clock, signal, isOver, isFollowing = false, tailLines, limitBytes = Infinity } = options;
  let left = limitBytes;
  const cut = (text: string): Uint8Array => {
    const bytes = Buffer.from(text, 'latin1').subarray(0, Math.min(left, text.length));
    left -= bytes.length;
    return bytes;
  };
  const take = createSelector(options);
  const tail = openTail(path);
  try {
    const present = readPresent(path, tail).map((text) => take(text));
    const pieces = tailLines === undefined ? present : [[lastLines(present, tailLines)]];
    for (const lines of pieces) {
      const piece = [...lines].join('');
      if (piece !== '') yield cut(piece);
      if (left <= 0 || signal.aborted) return;
    }
    while (isFollowing && !signal.aborted && left > 0) {
      const wasOver = isOver();
      const text = tail.read();
      const lines = [...take(text)].join('');
      if (lines !== '') yield cut(lines);
      if (text !== '') continue;
      if (wasOver) return;
      await clock.sleep(followPollMs, signal);
    }
  } finally {
    tail.close();
  }
}

/** Cuts text into entries and renders the chosen ones; half entries wait for their rest. */
function createSelector({ sinceMs, hasTimestamps = false }: LogOptions): (text: string) => Iterable<string> {
  let rest = '';
  let isContinued = false;
  return function* (text) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const entry = parseEntry(line);
      if (sinceMs !== undefined && Date.parse(entry.time) < sinceMs) continue;
      const stamp = hasTimestamps && !isContinued ? `${entry.time} ` : '';
      isContinued = entry.isPartial;
      yield `${stamp}${entry.text}${entry.isPartial ? '' : '\n'}`;
    }
  };
}
