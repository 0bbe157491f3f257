import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inSandbox } from '../../src/testing/sandbox.ts';
import { assertNoLoss, cleanUp, openZeroLoss, runZeroLoss } from './zero-loss-run.ts';
import type { Place } from './zero-loss-run.ts';

inSandbox(import.meta.filename);

/** Of each mode at least. The long form is `zero-loss.ts`. */
const CONNECTIONS = 500;
/** Of each caller: other tests want the machine, too. */
const PER_SECOND = 100;
/** That come and go. */
const SERVICES = 50;

describe('no connection is lost to an endpoint that stays ready', { timeout: 590_000 }, () => {
  let place: Place | undefined;
  before(async () => {
    place = await openZeroLoss();
  });
  after(() => place?.close());

  /** All harms in the first one, whose switches meet the other modes. */
  for (const [mode, only] of [
    ['nftables', ''],
    ['iptables', 'kill'],
  ] as const) {
    it(`in the ${mode} mode, whatever happens to endpoints, proxy and other Services; a cleanup leaves nothing`, async () => {
      assert.ok(place);
      const figures = await runZeroLoss(place, {
        mode,
        connections: CONNECTIONS,
        services: SERVICES,
        perSecond: PER_SECOND,
        only,
      });
      assertNoLoss(figures);
      assert.ok(figures.n >= CONNECTIONS);
      await cleanUp(place.lab);
    });
  }
});
