import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { realClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { startEtcd } from '../../testing/etcd-process.ts';
import type { EtcdCluster } from '../../testing/etcd-process.ts';
import { describeStore } from '../contract.ts';
import { commit, put, text } from '../contract/fixture.ts';
import { rebased } from '../contract/rebased.ts';
import { openEtcdStore } from './etcd-store.ts';
import { ask, openStore } from './fixture.ts';

let etcd: EtcdCluster;
let nStores = 0;

before(async () => {
  etcd = await startEtcd({ args: ['--max-request-bytes', '8388608'] });
});
after(() => etcd.stop());

describeStore(
  'etcd store',
  async () =>
    rebased(
      await openEtcdStore({
        servers: etcd.servers,
        prefix: `/contract-${++nStores}`,
        clock: realClock,
        logger: silentLogger,
      }),
    ),
  { isShared: true },
);

it('sweeps the tickets of servers that are gone; one that was only idle goes on', async () => {
  const [server = ''] = etcd.servers;
  const tickets = async (): Promise<number> => {
    const [key, end] = ['/swept/tickets/', '/swept/tickets0'].map((k) => Buffer.from(k).toString('base64'));
    const answer = await ask<{ count?: string }>(server, 'kv/range', {
      key,
      range_end: end,
      count_only: true,
    });
    return Number(answer.count ?? 0);
  };
  const [idle, gone, busy] = [1, 2, 3].map(() => openStore(etcd.servers, { prefix: '/swept' }));
  const [a, b, c] = await Promise.all([idle, gone, busy]);
  assert.ok(a && b && c);
  await commit(a, put('a', '1'));
  await commit(b, put('b', '1'));
  await b.close();
  assert.equal(await tickets(), 2);
  await c.compact(await commit(c, put('c', '1')));
  assert.equal(await tickets(), 1);
  await commit(a, put('a', '2'));
  assert.equal(text(await c.get('a')), '2');
  await Promise.all([a.close(), c.close()]);
});
