import { groupResourceOf } from '../../api/kind.ts';
import { allKinds } from '../../api/kinds.ts';
import { kindVersions } from '../../api/versions.ts';
import { createBackoff } from '../../base/backoff.ts';
import { realClock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { allServed, askServedKinds } from '../../client/served-kinds.ts';
import type { ServedKinds } from '../../client/served-kinds.ts';
import type { Transport } from '../../client/transport.ts';

/** What the server has of all kinds. Asks until it answers, since it may be started later than this program, or `signal` aborts. */
export async function untilKindsKnown(
  transport: Transport,
  logger: Logger,
  signal: AbortSignal,
): Promise<ServedKinds> {
  const backoff = createBackoff({ minMs: 50, maxMs: 5000 });
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    try {
      const known = { kinds: allKinds, versions: kindVersions };
      const served = await askServedKinds(transport, known, signal);
      const missing = allKinds.filter((kind) => served.isMissing(kind)).map(groupResourceOf);
      if (missing.length > 0) logger.info('the API server does not know some kinds', { missing });
      return served;
    } catch (err) {
      if (signal.aborted) break;
      logger[isFirst ? 'warn' : 'debug']('cannot ask the API server what it serves, trying again', { err });
      await realClock.sleep(backoff.next(), signal);
    }
  }
  return allServed;
}
