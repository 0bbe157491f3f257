import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { bootFiles } from './kernel.ts';
import type { BootFiles } from './kernel.ts';

/** A machine that can be started, or why this host cannot. */
export type Availability =
  | { readonly isAvailable: true; readonly files: BootFiles }
  | { readonly isAvailable: false; readonly reason: string };

/** Programs and the Debian packages they are in. */
const programs = {
  'qemu-system-x86_64': 'qemu-system-x86',
  busybox: 'busybox-static',
  xz: 'xz-utils',
  'dpkg-deb': 'dpkg',
  'apt-get': 'apt',
} as const;

function isStatic(program: string): boolean {
  const { stdout } = spawnSync('which', [program], { encoding: 'utf8' });
  /** A dynamic program names its loader near its beginning. */
  return !readFileSync(stdout.trim()).subarray(0, 4096).includes('/lib64/ld-linux');
}

const isInstalled = (program: string): boolean => spawnSync('which', [program]).status === 0;

/** Finds, or makes, what a machine needs. */
export function prepareMachine(): Availability {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return {
      isAvailable: false,
      reason: `needs Linux on x64, this is ${process.platform} on ${process.arch}`,
    };
  }
  const missing = Object.entries(programs).filter(
    ([program]) => !isInstalled(program) || (program === 'busybox' && !isStatic(program)),
  );
  if (missing.length > 0) {
    const reason = `not installed: ${missing.map(([, name]) => name).join(' ')} (Debian packages)`;
    return { isAvailable: false, reason };
  }
  try {
    return { isAvailable: true, files: bootFiles() };
  } catch (error) {
    return {
      isAvailable: false,
      reason: `no kernel to boot: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

/**
 * The machine's clock counts its processor's instructions, one a nanosecond: what it measures, and what it waits for, does not depend on
 * what else this host has to do. While it idles the clock goes as the host's. The guest is told, as it would hang while it measures.
 */
const clock = { qemu: ['-icount', 'shift=0,align=off'], guest: ['tsc_early_khz=1000000', 'tsc=reliable'] };

function qemuArguments({ vmlinux, initrd }: BootFiles, command: string): string[] {
  const kernel = [
    ...['console=ttyS0', 'loglevel=3', 'panic=-1', 'reboot=t', 'nokaslr', 'mitigations=off', 'audit=0'],
    ...['no_timer_check', ...clock.guest],
    `portico.run=${Buffer.from(command).toString('base64')}`,
  ];
  return [
    ...[
      '-M',
      'microvm',
      '-accel',
      'tcg,thread=single,tb-size=512',
      '-cpu',
      'max',
      '-m',
      '2048',
      '-smp',
      '1',
      ...clock.qemu,
    ],
    ...['-nodefaults', '-no-user-config', '-nographic', '-serial', 'stdio', '-no-reboot'],
    ...['-kernel', vmlinux, '-initrd', initrd],
    ...['-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-device,fsdev=host,mount_tag=host'],
    ...['-append', kernel.join(' ')],
  ];
}

/**
 * Runs a shell command as root in a fresh machine that sees this host's files, and whose writes are forgotten. `onLine` gets what it
 * prints. Resolves with its exit code; 125 when the machine ended without one, 124 when it took longer than `limitMs`.
 */
export async function runInMachine(
  files: BootFiles,
  command: string,
  { onLine, limitMs }: { readonly onLine: (line: string) => void; readonly limitMs: number },
): Promise<number> {
  const child = spawn('qemu-system-x86_64', qemuArguments(files, command), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let code = 125;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, limitMs);
  createInterface({ input: child.stdout }).on('line', (raw) => {
    const line = raw.replaceAll('\r', '');
    const exit = /^VM-EXIT:(\d+)(.*)/.exec(line);
    if (exit === null) {
      if (!line.includes('reboot: Power down')) onLine(line);
      return;
    }
    code = Number(exit[1]);
    if (exit[2] !== '') onLine(`the machine did not start:${exit[2]}`);
  });
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  return isLate ? 124 : code;
}
