import { after, before } from 'node:test';
import { realClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { startEtcd } from '../../testing/etcd-process.ts';
import type { EtcdCluster } from '../../testing/etcd-process.ts';
import { describeStore } from '../contract.ts';
import { rebased } from '../contract/rebased.ts';
import { openEtcdStore } from './etcd-store.ts';

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
