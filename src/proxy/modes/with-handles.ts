import type { ProxyMode } from '../state/model.ts';

/** Adds to a mode that was just made a `release` that closes what it was made with. */
export function withHandles<Mode extends ProxyMode>(mode: Mode, ...handles: { close(): void }[]): Mode {
  const release = (): void => {
    for (const handle of handles.splice(0)) handle.close();
  };
  return Object.assign(mode, { release });
}
