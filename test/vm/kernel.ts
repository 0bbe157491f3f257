import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import { cpioArchive } from './cpio.ts';
import { modulePaths, modulesFor } from './modules.ts';

/** A kernel that can be booted, with the first files it sees. */
export interface BootFiles {
  readonly vmlinux: string;
  readonly initrd: string;
}

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'portico', 'vm');
/** Changes when the same kernel needs another initrd. */
const layout = 3;

const run = (command: string, args: readonly string[], cwd?: string): string =>
  execFileSync(command, args, { encoding: 'utf8', cwd, stdio: ['ignore', 'pipe', 'pipe'] });

/** The Debian package of today's stock kernel, e.g. `linux-image-6.1.0-56-amd64`. */
function kernelPackage(): string {
  const text = run('apt-cache', ['depends', 'linux-image-amd64']);
  const name = /Depends: (linux-image-\S+)/.exec(text)?.[1];
  if (name === undefined) throw new Error('apt-cache knows no linux-image-amd64: run apt-get update');
  return name;
}

const formats: readonly (readonly [magic: readonly number[], decompress: (data: Buffer) => Buffer])[] = [
  [
    [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0],
    (input) => spawnSync('xz', ['-dc'], { input, maxBuffer: 1 << 29 }).stdout,
  ],
  [[0x28, 0xb5, 0x2f, 0xfd], (data) => zstdDecompressSync(data)],
  [[0x1f, 0x8b, 8], (data) => gunzipSync(data)],
];

/** The uncompressed kernel inside a bzImage: qemu's microvm boots it without firmware. What follows the compressed part is ignored. */
function uncompressed(image: Buffer): Buffer {
  for (const [magic, decompress] of formats) {
    const bytes = Buffer.from(magic);
    for (let at = image.indexOf(bytes); at >= 0; at = image.indexOf(bytes, at + 1)) {
      try {
        const data = decompress(image.subarray(at));
        if (data.subarray(1, 4).toString('latin1') === 'ELF') return data;
      } catch {
        continue;
      }
    }
  }
  throw new Error('no kernel found in the image (is xz installed?)');
}

/** Makes the boot files of a kernel from its package, which is unpacked, never installed. */
function build(name: string, into: string): void {
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'build-'));
  try {
    run('apt-get', ['-q', 'download', name], work);
    const [deb = ''] = globSync('*.deb', { cwd: work });
    run('dpkg-deb', ['-x', join(work, deb), join(work, 'root')]);
    const [image = ''] = globSync('root/boot/vmlinuz-*', { cwd: work });
    writeFileSync(join(work, 'vmlinux'), uncompressed(readFileSync(join(work, image))));
    const modules = modulesFor(modulePaths(join(work, 'root')));
    const files = [
      { name: 'init', mode: 0o100755, data: readFileSync(join(import.meta.dirname, 'init.sh')) },
      { name: 'busybox', mode: 0o100755, data: readFileSync(run('which', ['busybox']).trim()) },
      { name: 'list', mode: 0o100644, data: Buffer.from(modules.map((m) => `${m.name}\n`).join('')) },
      ...modules.map((m) => ({ name: `m/${m.name}`, mode: 0o100644, data: readFileSync(m.path) })),
    ];
    const folders = ['m', 'proc', 'sys', 'dev', 'host', 'scratch', 'root'];
    writeFileSync(join(work, 'initrd'), gzipSync(cpioArchive(folders, files), { level: 1 }));
    rmSync(join(work, 'root'), { recursive: true });
    rmSync(join(work, deb));
    rmSync(into, { recursive: true, force: true });
    renameSync(work, into);
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    throw error;
  }
}

/**
 * The boot files of Debian's stock kernel, from the cache below $XDG_CACHE_HOME or else downloaded (70 MB). Throws when there is
 * neither, with the reason.
 */
export function bootFiles(): BootFiles {
  let folder = newestInCache();
  try {
    const name = kernelPackage();
    const wanted = join(cache, `${name}-${layout}`);
    if (!existsSync(wanted)) build(name, wanted);
    folder = wanted;
  } catch (error) {
    if (folder === undefined) throw error;
  }
  if (folder === undefined) throw new Error('no kernel');
  return { vmlinux: join(folder, 'vmlinux'), initrd: join(folder, 'initrd') };
}

const newestInCache = (): string | undefined =>
  globSync(`linux-image-*-${layout}`, { cwd: cache })
    .sort()
    .map((name) => join(cache, name))
    .at(-1);
