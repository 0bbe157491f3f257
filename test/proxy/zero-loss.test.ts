import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inSandbox } from '../../src/testing/sandbox.ts';
import { comeAndGo } from './crowd.ts';
import { change, killAndStart, rollingUpdate, startAs, switchRound } from './harms.ts';
import { assertNoLoss, cleanUp, openZeroLoss, underCalls } from './zero-loss-run.ts';
import type { Place } from './zero-loss-run.ts';

inSandbox(import.meta.filename);

/** Of each caller: other tests want the machine, too. */
const PER_SECOND = 100;
/** That come and go. */
const SERVICES = 50;
const CHANGES = 40;

/** Each harm once in the nftables mode, and what hurts the iptables mode most, with as few starts of a proxy as that takes. The long form is `zero-loss.ts`. */
describe('no connection is lost to an endpoint that stays ready', { timeout: 590_000 }, () => {
  let place: Place | undefined;
  before(async () => {
    place = await openZeroLoss();
  });
  after(() => place?.close());

  it('whatever happens to endpoints, proxy, mode and other Services; a cleanup leaves nothing', async () => {
    assert.ok(place);
    const { lab, canary } = place;
    const options = { mode: 'nftables', perSecond: PER_SECOND } as const;
    const figures = await underCalls(place, options, async (scene) => {
      await change(scene, CHANGES);
      await rollingUpdate(scene);
      await killAndStart(scene, [2, 4]);
      await canary.setMembers({ ready: [2, 3] });
      await switchRound(scene);
      await comeAndGo(lab, canary, SERVICES);
      await startAs(scene, 'iptables');
      await killAndStart(scene, [2, 4]);
      await comeAndGo(lab, canary, SERVICES);
    });
    assertNoLoss(figures);
    await cleanUp(lab);
  });
});
