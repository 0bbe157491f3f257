import { styleText } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import type { Progress } from './cluster.ts';

/** One line per step, with the time since the start; coloured on a terminal only. */
export function createProgress(out: NodeJS.WriteStream, clock: Clock): Progress {
  const startedAt = clock.now();
  const paint = (style: 'green' | 'yellow', text: string): string =>
    out.isTTY ? styleText(style, text) : text;
  return {
    step: (what) => void out.write(`${paint('green', '✓')} ${what}  (${clock.now() - startedAt} ms)\n`),
    warn: (what) => void out.write(`${paint('yellow', '!')} ${what}\n`),
  };
}
