import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serverText } from '../../../kernel/ipvs/model.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import { createIpvsRig } from '../../../testing/ipvs-rig.ts';
import type { IpvsRig } from '../../../testing/ipvs-rig.ts';
import { at, begun, key, servers, stateOf, web, weights } from '../../../testing/ipvs-web.ts';
import { clusterIp, endpoints, nodePort, plan, servicePort } from '../../../testing/proxy-fixtures.ts';

const { cluster, pod } = plan.IPv4;

describe('a look at everything', () => {
  const watched = (): { rig: IpvsRig; nft: NftKernel; nReads: () => number } => {
    const rig = createIpvsRig('IPv4');
    let nReads = 0;
    const elements: NftKernel['elements'] = (...of) => {
      nReads++;
      return rig.nft.elements(...of);
    };
    return { rig, nft: { ...rig.nft, elements }, nReads: () => nReads };
  };
  const other = servicePort('other', [clusterIp([cluster(2), 80], endpoints('IPv4', 3))]);

  it('reads the table only when somebody else wrote there, and finds what is new, changed or gone in any case', async () => {
    const { rig, nft, nReads } = watched();
    const mode = rig.start({ nft });
    await mode.sync(stateOf(web([1, 2])));
    await mode.sync(stateOf(web([1, 2])));
    assert.equal(nReads(), 0);
    await mode.sync(stateOf(web([2]), other));
    assert.deepEqual(weights(rig), { [pod(2)]: 1 });
    assert.deepEqual(weights(rig, key(cluster(2), 80)), { [pod(3)]: 1 });
    await mode.sync(stateOf(other));
    assert.deepEqual([servers(rig), rig.virtualIps()], [[serverText(key(cluster(2), 80))], [cluster(2)]]);
    assert.equal(nReads(), 0);
    await rig.nft.apply({ table: { family: 'ip', name: 'theirs' }, commands: [{ op: 'add-table' }] });
    await mode.sync(stateOf(other));
    assert.ok(nReads() > 0);
  });

  const at80 = key(cluster(1), 80);
  const harms: Readonly<Record<string, (rig: IpvsRig) => Promise<unknown>>> = {
    'a server that is gone': (rig) => rig.ipvs.apply([{ op: 'delete-server', key: at80 }]),
    'a destination that is gone': (rig) =>
      rig.ipvs.apply([{ op: 'delete-destination', key: at80, destination: { ...at(1), weight: 0 } }]),
    'one too many': (rig) =>
      rig.ipvs.apply([{ op: 'add-destination', key: at80, destination: { ...at(7), weight: 1 } }]),
    'a server nobody wants at an address of ours': (rig) =>
      rig.ipvs.apply([
        { op: 'add-server', server: { key: key(cluster(1), 81), scheduler: 'rr', persistenceSeconds: 0 } },
      ]),
    'an address that is gone': async (rig) =>
      rig.stack.remove({ kind: 'address', link: 'kube-ipvs0', address: `${cluster(1)}/32` }),
    'an address nobody wants': async (rig) =>
      rig.stack.ensure({ kind: 'address', link: 'kube-ipvs0', address: `${cluster(9)}/32` }),
    'the device that is gone': async (rig) => rig.stack.remove({ kind: 'link', name: 'kube-ipvs0' }),
    'a table that is gone': (rig) =>
      rig.nft.apply({ table: { family: 'ip', name: 'portico-ipvs' }, commands: [{ op: 'delete-table' }] }),
  };
  for (const [what, harm] of Object.entries(harms))
    it(`mends ${what}`, async () => {
      const { rig, mode } = await begun(web([1, 2]));
      await harm(rig);
      await mode.sync(stateOf(web([1, 2])));
      assert.deepEqual(weights(rig), { [pod(1)]: 1, [pod(2)]: 1 });
      assert.deepEqual([servers(rig), rig.virtualIps()], [[serverText(at80)], [cluster(1)]]);
      assert.equal(rig.nft.ruleset.size, 1);
    });

  it('serves a node port at an address the node has got meanwhile', async () => {
    const port = servicePort('web', [nodePort(30007, endpoints('IPv4', 1))]);
    const { rig, mode } = await begun(port);
    rig.stack.ensure({ kind: 'address', link: 'eth0', address: '172.18.0.77/16' });
    await mode.sync(stateOf(port));
    assert.ok(servers(rig).includes(serverText(key('172.18.0.77', 30007))));
  });
});
