import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Clock } from '../../base/clock.ts';

export interface RotationLimits {
  /** Megabytes a file may have before another is begun. */
  readonly maxSizeMb: number;
  /** Old files kept; 0 = all. */
  readonly maxBackups: number;
  /** Days an old file is kept, by the time in its name; 0 = for ever. */
  readonly maxAgeDays: number;
}

/** A file that grows at its end, and is put aside when it is large. One writer at a time. */
export interface RotatingFile {
  /** Rejects when the text could not be written whole. */
  append(text: string): Promise<void>;
  close(): Promise<void>;
}

const MEGABYTE = 1024 * 1024;
const DAY_MS = 86_400_000;

/** Old files are named NAME-2026-11-21T03-04-05.678.EXT, as upstream's. The file is readable by its owner only. */
export function rotatingFile(path: string, limits: RotationLimits, clock: Clock): RotatingFile {
  let handle: FileHandle | undefined;
  let size = 0;
  const start = async (): Promise<FileHandle> => {
    const opened = await open(path, 'a', 0o600);
    size = (await opened.stat()).size;
    handle = opened;
    return opened;
  };
  const close = async (): Promise<void> => {
    await handle?.close();
    handle = undefined;
  };
  const rotate = async (): Promise<FileHandle> => {
    await close();
    await rename(path, await freeName(path, clock.now()));
    await removeOld(path, limits, clock.now());
    return start();
  };
  return {
    async append(text) {
      const bytes = Buffer.from(text);
      const current = handle ?? (await start());
      const isFull = size > 0 && size + bytes.length > limits.maxSizeMb * MEGABYTE;
      const target = isFull ? await rotate() : current;
      await target.appendFile(bytes);
      size += bytes.length;
    },
    close,
  };
}

const partsOf = (path: string) => {
  const extension = extname(path);
  return { stem: `${basename(path, extension)}-`, extension };
};

async function freeName(path: string, nowMs: number): Promise<string> {
  const { stem, extension } = partsOf(path);
  for (let ms = nowMs; ; ms++) {
    const time = new Date(ms).toISOString().slice(0, -1).replaceAll(':', '-');
    const name = join(dirname(path), `${stem}${time}${extension}`);
    const exists = await stat(name).then(
      () => true,
      () => false,
    );
    if (!exists) return name;
  }
}

async function removeOld(
  path: string,
  { maxBackups, maxAgeDays }: RotationLimits,
  nowMs: number,
): Promise<void> {
  const { stem, extension } = partsOf(path);
  const dir = dirname(path);
  const backups = (await readdir(dir))
    .map((name) => ({ name, ms: timeIn(name, stem, extension) }))
    .filter(({ ms }) => !Number.isNaN(ms))
    .sort((a, b) => b.ms - a.ms);
  const isOld = ({ ms }: { readonly ms: number }, i: number): boolean =>
    (maxBackups > 0 && i >= maxBackups) || (maxAgeDays > 0 && nowMs - ms > maxAgeDays * DAY_MS);
  await Promise.all(backups.filter(isOld).map(({ name }) => rm(join(dir, name), { force: true })));
}

/** NaN for a name that is not one of ours. */
function timeIn(name: string, stem: string, extension: string): number {
  if (!name.startsWith(stem) || !name.endsWith(extension)) return NaN;
  const time = name.slice(stem.length, name.length - extension.length);
  const found = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(time);
  return found === null ? NaN : Date.parse(`${found[1]}T${found[2]}:${found[3]}:${found[4]}Z`);
}
