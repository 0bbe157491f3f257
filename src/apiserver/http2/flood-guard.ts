import type { Clock } from '../../base/clock.ts';
import { CODE, ConnectionError } from './frames.ts';

/**
 * Frames that cost the client nothing and the server something: streams opened and reset at once (CVE-2023-44487), pings,
 * settings and empty frames (CVE-2019-9512, 9515, 9518). Each of the two kinds has a bucket that fills again with time.
 */
export interface FloodGuard {
  /** A stream was reset. Throws a ConnectionError when it is one too many. */
  reset(): void;
  /** A frame that must be answered, or that carries nothing. Throws in the same way. */
  control(): void;
}

/** What may come at once, and each second (node's numbers for resets). */
const RESETS = { burst: 1000, perSecond: 33 };
const CONTROLS = { burst: 2000, perSecond: 200 };

export function createFloodGuard(clock: Clock): FloodGuard {
  const bucket = ({ burst, perSecond }: typeof RESETS, what: string) => {
    let left = burst;
    let at = clock.now();
    return (): void => {
      if (--left >= 0) return;
      const now = clock.now();
      left = Math.min(burst, Math.floor(((now - at) / 1000) * perSecond)) - 1;
      at = now;
      if (left < 0) throw new ConnectionError(CODE.enhanceYourCalm, `too many ${what}`);
    };
  };
  return { reset: bucket(RESETS, 'streams are reset'), control: bucket(CONTROLS, 'frames say nothing') };
}
