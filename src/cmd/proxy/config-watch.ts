import { statSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';

const LOOK_EVERY_MS = 2000;

/** Changes with the file's content; a ConfigMap's file is a link that is led to another one. '' = there is none. */
function signature(path: string): string {
  try {
    const { ino, mtimeMs, size } = statSync(path);
    return `${ino} ${mtimeMs} ${size}`;
  } catch {
    return '';
  }
}

/** Calls `onChange` when the file is another one, or SIGHUP came, until `signal` aborts. */
export async function watchConfig(
  path: string | undefined,
  { clock, onChange }: { readonly clock: Clock; readonly onChange: () => Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  let known = path === undefined ? '' : signature(path);
  let isAsked = false;
  let wake = new AbortController();
  const onHangup = (): void => {
    isAsked = true;
    wake.abort();
  };
  process.on('SIGHUP', onHangup);
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, AbortSignal.any([signal, wake.signal]));
    const now = path === undefined ? '' : signature(path);
    const isNew = isAsked || (now !== '' && now !== known);
    known = now;
    isAsked = false;
    if (wake.signal.aborted) wake = new AbortController();
    if (isNew && !signal.aborted) await onChange();
  }
  process.off('SIGHUP', onHangup);
}
