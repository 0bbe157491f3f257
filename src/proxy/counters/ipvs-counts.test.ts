import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ServerCounts, VirtualServerKey } from '../../kernel/ipvs/model.ts';
import { createIpvsRig } from '../../testing/ipvs-rig.ts';
import {
  clusterIp,
  endpoints,
  nodePort,
  plan,
  proxyState,
  servicePort,
} from '../../testing/proxy-fixtures.ts';
import type { ServicePort } from '../state/model.ts';
import { createCounterTable } from './counter-table.ts';
import { withIpvsCounts } from './ipvs-counts.ts';

const { cluster, node } = plan.IPv4;
const to = endpoints('IPv4', 1, 2);
const at = (ip: string, port: number, protocol: 'TCP' | 'UDP' = 'TCP'): VirtualServerKey => ({
  kind: 'address',
  family: 'IPv4',
  protocol,
  ip,
  port,
});
const counts = (connections: number): ServerCounts => ({
  connections,
  packetsIn: 5 * connections,
  packetsOut: 4 * connections,
  bytesIn: 300 * connections,
  bytesOut: 400 * connections,
});

/** The ipvs mode on a machine in memory, and what is read of its counts: of each Service port as it shall be at /metrics. */
async function rig(...ports: readonly ServicePort[]) {
  const machine = createIpvsRig('IPv4');
  const mode = machine.start();
  const { ipvs, nft } = machine;
  const counted = withIpvsCounts(createCounterTable(nft, 'IPv4'), { family: 'IPv4', ipvs, nft });
  const set = async (...wanted: readonly ServicePort[]): Promise<void> => {
    const state = proxyState('IPv4', wanted, { ip: node });
    await mode.sync(state);
    await counted.sync(state.services);
  };
  await set(...ports);
  type What = 'connections' | 'to-endpoint' | 'to-client';
  const read = async (what: What = 'connections'): Promise<Readonly<Record<string, number | string>>> =>
    Object.fromEntries(
      [...(await counted.read())].flatMap(
        ([name, { packets, bytes }]): (readonly [string, number | string])[] => {
          const [, service = '', , , of] = name.split('/');
          if (of !== what || packets === 0) return [];
          return [[service, what === 'connections' ? packets : `${packets} ${bytes}`]];
        },
      ),
    );
  return { ...machine, set, read };
}

describe('what IPVS counts of Services', () => {
  const web = servicePort('web', [clusterIp([cluster(1), 80], to), nodePort(30007, to)]);
  const other = servicePort('other', [clusterIp([cluster(2), 53], to)], { protocol: 'UDP' });

  it('is the sum of all virtual servers of a Service port, also those at addresses of the node', async () => {
    const { ipvs, read } = await rig(web, other);
    assert.deepEqual(await read(), {});
    ipvs.setCounts(at(cluster(1), 80), counts(3));
    ipvs.setCounts(at(node, 30007), counts(2));
    ipvs.setCounts(at(cluster(2), 53, 'UDP'), counts(1));
    assert.deepEqual(await read(), { web: 5, other: 1 });
    assert.deepEqual(await read('to-endpoint'), { web: '25 1500', other: '5 300' });
    assert.deepEqual(await read('to-client'), { web: '20 2000', other: '4 400' });
    assert.deepEqual(await read(), { web: 5, other: 1 }, 'reading counts nothing');
  });

  it('finds the Service port behind a mark: the short way, and ranges of ports', async () => {
    const short = { endpoints: to, whenEmpty: 'reject', masquerade: 'off-cluster' } as const;
    const local = servicePort('local', [
      nodePort(30008, to.slice(0, 1), { masquerade: 'never', fromCluster: short }),
    ]);
    const wide = servicePort('wide', [
      {
        ...clusterIp([cluster(3), 80], to),
        frontend: { kind: 'clusterIP', ip: cluster(3), port: 80, endPort: 85 },
      },
    ]);
    const { ipvs, read } = await rig(local, wide);
    const marked = [...ipvs.held.values()]
      .map(({ server }) => server.key)
      .filter(({ kind }) => kind === 'mark');
    assert.equal(marked.length, 2);
    for (const key of marked) ipvs.setCounts(key, counts(4));
    ipvs.setCounts(at(node, 30008), counts(1));
    assert.deepEqual(await read(), { local: 5, wide: 4 });
  });

  it('never becomes less: when a server goes, is made anew, or nothing of IPVS is left; but goes with its Service port', async () => {
    const { ipvs, set, read } = await rig(web, other);
    ipvs.setCounts(at(cluster(1), 80), counts(3));
    ipvs.setCounts(at(node, 30007), counts(2));
    assert.deepEqual(await read(), { web: 5 });
    await set({ ...web, frontends: web.frontends.slice(0, 1) });
    assert.deepEqual(await read(), { web: 5 });
    ipvs.setCounts(at(cluster(1), 80), counts(1));
    assert.deepEqual(await read(), { web: 6 }, 'less than before: somebody made the server anew');
    await ipvs.apply([{ op: 'flush' }]);
    assert.deepEqual(await read(), { web: 6 });
    await set();
    assert.deepEqual(await read(), {});
  });

  it('does not have others’ servers, and adds up with what nf_tables counted', async () => {
    const { ipvs, nft, read } = await rig(web);
    const theirs = at('192.0.2.99', 80);
    await ipvs.apply([{ op: 'add-server', server: { key: theirs, scheduler: 'rr', persistenceSeconds: 0 } }]);
    ipvs.setCounts(theirs, counts(9));
    ipvs.setCounts(at(cluster(1), 80), counts(3));
    nft.ruleset
      .get('ip portico-counters')
      ?.counters.set('default/web//TCP/connections', { packets: 10, bytes: 600 });
    assert.deepEqual(await read(), { web: 13 });
  });
});
