import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fakeClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { createFakeIptables } from '../../../kernel/iptables/fake-iptables.ts';
import {
  clusterIp,
  endpoints,
  everyFrontend,
  plan,
  proxyState,
  servicePort,
} from '../../../testing/proxy-fixtures.ts';
import type { ServicePort } from '../../state/model.ts';
import type { RulesReport } from '../mode.ts';
import { createIptablesMode } from './iptables-mode.ts';

it('tells how many rules the tables hold and how many a sync wrote, as the tables have them', async () => {
  const iptables = createFakeIptables('IPv4');
  let told: RulesReport | undefined;
  let nPartial = 0;
  const mode = createIptablesMode({
    iptables,
    clock: fakeClock(),
    logger: silentLogger,
    onRules: (report) => (told = report),
    onPartialFailure: () => nPartial++,
  });
  const held = (table: 'nat' | 'filter'): number =>
    [...(iptables.ruleset.get(table)?.values() ?? [])].reduce((sum, { rules }) => sum + rules.length, 0);
  const sync = async (ports: readonly ServicePort[], ...changed: readonly string[]): Promise<void> => {
    iptables.restored.splice(0);
    await mode.sync(proxyState('IPv4', ports), changed.length === 0 ? undefined : new Set(changed));
    const lines = iptables.restored.join('').split('\n');
    const nWritten = lines.filter((line) => /^-[AI] /.test(line)).length;
    assert.deepEqual(told?.total, { nat: held('nat'), filter: held('filter') });
    assert.equal(told.written.nat + told.written.filter, nWritten);
  };
  const more = servicePort('more', [clusterIp([plan.IPv4.cluster(9), 80], endpoints('IPv4', 1, 2, 3))]);
  const fewer = servicePort('more', [clusterIp([plan.IPv4.cluster(9), 80], endpoints('IPv4', 1))]);
  await sync(everyFrontend('IPv4'));
  await sync([...everyFrontend('IPv4'), more], more.id);
  await sync([...everyFrontend('IPv4'), fewer], more.id);
  assert.equal(nPartial, 0);
  // Somebody takes a line away that the next change wants to take away itself.
  const [line = ''] = (iptables.ruleset.get('nat')?.get('KUBE-SERVICES')?.rules ?? []).filter((rule) =>
    rule.includes('default/more'),
  );
  await iptables.restore(`*nat\n-D KUBE-SERVICES ${line}\nCOMMIT\n`);
  await sync(everyFrontend('IPv4'), more.id);
  assert.equal(nPartial, 1);
  await mode.cleanup();
  assert.deepEqual(told?.total, { nat: 0, filter: 0 });
});
