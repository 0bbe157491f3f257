/** A file of an initial root file system; `mode` with the type's bits. */
export interface CpioFile {
  readonly name: string;
  readonly mode: number;
  readonly data: Buffer;
}

const padded = (data: Buffer): Buffer => Buffer.concat([data, Buffer.alloc(-data.length & 3)]);

/** One entry in the format `newc` (Linux Documentation/driver-api/early-userspace/buffer-format.rst). */
function entry({ name, mode, data }: CpioFile, inode: number): Buffer {
  const bytes = Buffer.from(`${name}\0`);
  const nLinks = 1;
  const fields = [inode, mode, 0, 0, nLinks, 0, data.length, 0, 0, 0, 0, bytes.length, 0];
  const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(head), bytes])), padded(data)]);
}

/** An archive as the kernel takes it for its first files. */
export function cpioArchive(folders: readonly string[], files: readonly CpioFile[]): Buffer {
  const empty = Buffer.alloc(0);
  const all = [
    ...folders.map((name) => ({ name, mode: 0o040755, data: empty })),
    ...files,
    { name: 'TRAILER!!!', mode: 0, data: empty },
  ];
  return Buffer.concat(all.map((file, i) => entry(file, i + 1)));
}
