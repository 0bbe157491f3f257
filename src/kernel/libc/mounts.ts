import { bindFunction, checked } from './function.ts';

export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_REMOUNT = 32;
export const MS_BIND = 4096;
export const MS_REC = 16384;
export const MS_PRIVATE = 1 << 18;
export const MNT_DETACH = 2;

const cMount = bindFunction('int mount(str source, str target, str type, uint64_t flags, str data)');
const cUmount2 = bindFunction('int umount2(str target, int flags)');

/** A mount as mount(2) wants it; empty `source`, `type` or `data` where the kind of mount ignores them. */
export interface Mount {
  readonly source?: string;
  readonly target: string;
  readonly type?: string;
  readonly flags?: number;
  readonly data?: string;
}

export function mount({ source = 'none', target, type, flags = 0, data }: Mount): void {
  checked('mount', cMount(source, target, type ?? null, flags, data ?? null), `${source} on ${target}`);
}

/** Unmounts `target` lazily; false when nothing was mounted there. */
export function unmount(target: string): boolean {
  const result = cUmount2(target, MNT_DETACH);
  if (result === -22 || result === -2) return false;
  checked('umount', result, target);
  return true;
}
