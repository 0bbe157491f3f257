import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryLogger } from '../../../base/logger.ts';
import { createFakeConntrack } from '../../../kernel/conntrack/fake-conntrack.ts';
import { encodeTransaction } from '../../../kernel/nft/encode.ts';
import { createFakeNft } from '../../../kernel/nft/fake-nft.ts';
import { elementKey } from '../../../kernel/nft/model.ts';
import type { Command, Transaction } from '../../../kernel/nft/model.ts';
import { NftError } from '../../../kernel/nft/nft-kernel.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { ServicePort } from '../../state/model.ts';
import {
  clusterIp,
  endpoints,
  nodePort,
  plan,
  proxyState,
  servicePort,
} from '../../../testing/proxy-fixtures.ts';
import { createNftablesMode, probeNftables } from './index.ts';
import { createRig, stateOf, web } from '../../../testing/nftables-rig.ts';
import type { Rig } from '../../../testing/nftables-rig.ts';

const { pod, cluster } = plan.IPv4;
const table = { family: 'ip', name: 'portico' } as const;

const many = (n: number): ServicePort[] =>
  Array.from({ length: n }, (_, i) =>
    servicePort(`s${i}`, [
      clusterIp([`10.97.${i >> 8}.${i & 255}`, 80], endpoints('IPv4', (i % 90) + 1, 100)),
    ]),
  );

const nElements = ({ commands }: Transaction): number =>
  commands.reduce((n, command) => n + ('elements' in command ? command.elements.length : 0), 0);

describe('sync', () => {
  it('makes the table in one transaction, and writes nothing when nothing differs', async () => {
    const rig = createRig();
    const mode = rig.start();
    await mode.sync(stateOf(web([1, 2])));
    assert.equal(rig.nft.applied.length, 1);
    await mode.sync(stateOf(web([1, 2])), new Set(['default/web:/TCP', 'default/unknown:/TCP']));
    await mode.sync(stateOf(web([1, 2])));
    await rig.start().sync(stateOf(web([1, 2])));
    assert.equal(rig.nft.applied.length, 1);
  });

  it('looks at the named ids only', async () => {
    const rig = createRig();
    const mode = rig.start();
    await mode.sync(stateOf(web([1])));
    const other = servicePort('other', [clusterIp([cluster(2), 80], endpoints('IPv4', 1))]);
    await mode.sync(stateOf(web([1, 2]), other), new Set([other.id]));
    assert.deepEqual(rig.elements('endpoints-1'), ['10.96.1.1 . tcp . 80 . 0', '10.96.1.2 . tcp . 80 . 0']);
    assert.deepEqual(rig.elements('endpoints-2'), []);
  });

  it('looks at everything without reading it back while nobody else has written', async () => {
    const rig = createRig();
    let nReads = 0;
    const kernel: NftKernel = {
      ...rig.nft,
      elements: async (ref, set) => {
        nReads++;
        return rig.nft.elements(ref, set);
      },
    };
    const mode = rig.start({ kernel });
    await mode.sync(stateOf(web([1])));
    await mode.sync(stateOf(web([1, 2])), new Set(['default/web:/TCP']));
    nReads = 0;
    await mode.sync(stateOf(web([2])));
    assert.equal(nReads, 0);
    assert.deepEqual(rig.elements('hairpin'), [elementKey([pod(2), pod(2)])]);
    await mode.sync(stateOf());
    assert.deepEqual([nReads, rig.elements('hairpin')], [0, []]);
  });

  it('mends what somebody else changed when it is asked to look at everything', async () => {
    const rig = createRig();
    const mode = rig.start();
    await mode.sync(stateOf(web([1, 2])));
    const right = rig.elements('endpoints-2');
    const set = rig.nft.ruleset.get('ip portico')?.sets.get('endpoints-2')?.set;
    assert.ok(set !== undefined);
    const elements = [{ key: ['10.96.1.1', 'tcp', 80, 1] }];
    await rig.nft.apply({ table, commands: [{ op: 'delete-elements', set, elements }] });
    assert.notDeepEqual(rig.elements('endpoints-2'), right);
    await mode.sync(stateOf(web([1, 2])));
    assert.deepEqual(rig.elements('endpoints-2'), right);
    await rig.nft.apply({ table, commands: [{ op: 'delete-table' }] });
    await mode.sync(stateOf(web([1, 2])));
    assert.deepEqual(rig.elements('endpoints-2'), right);
  });

  it('looks at everything when the node changed, and replaces its blocks', async () => {
    const rig = createRig();
    const mode = rig.start({ serviceCIDRs: ['10.96.0.0/12'] });
    await mode.sync(proxyState('IPv4', [], { podCIDRs: [] }));
    assert.deepEqual(rig.elements('pod-cidrs'), ['0.0.0.0/0']);
    const podCIDRs = ['10.244.0.0/16', '10.244.3.0/24', 'fd00::/64', '10.245.0.0/16', '10.245.0.0/16'];
    await mode.sync(proxyState('IPv4', [], { podCIDRs, nodePortAddresses: ['172.18.0.0/16'] }), new Set());
    assert.deepEqual(rig.elements('pod-cidrs'), ['10.244.0.0/16', '10.245.0.0/16']);
    assert.deepEqual(rig.elements('node-port-cidrs'), ['172.18.0.0/16']);
    assert.deepEqual(rig.elements('service-cidrs'), ['10.96.0.0/12']);
  });

  it('sends a big load in slices, a big change too, and a restart in the middle of it goes on from there', async () => {
    const rig = createRig();
    const ports = many(3000);
    let nLeft = 2;
    const dying: NftKernel = {
      ...rig.nft,
      apply: async (transaction) => {
        if (nLeft-- === 0) throw new Error('killed');
        return rig.nft.apply(transaction);
      },
    };
    await assert.rejects(rig.start({ kernel: dying }).sync(stateOf(...ports)), /killed/);
    const before = rig.elements('endpoints-2').length;
    assert.ok(before > 0 && before < 6000);
    const mode = rig.start();
    await mode.sync(stateOf(...ports));
    assert.equal(rig.elements('endpoints-2').length, 6000);
    for (const transaction of rig.nft.applied) assert.ok(nElements(transaction) <= 2500);
    const written = rig.nft.applied.reduce((n, transaction) => n + nElements(transaction), 0);
    assert.equal(written, 6000 + 3000 + 91 + 3, 'nothing was written twice');
    await mode.sync(stateOf(), new Set(ports.map(({ id }) => id)));
    assert.deepEqual(rig.elements('cluster-ips'), []);
    assert.equal(rig.nft.ruleset.get('ip portico')?.sets.has('endpoints-2'), false);
  });

  it('never sends more at once than an ordinary user’s socket takes', async () => {
    for (const family of ['IPv4', 'IPv6'] as const) {
      const nft = createFakeNft();
      const to = endpoints(family, 1, 2, 3);
      const ports = Array.from({ length: 800 }, (_, i) =>
        servicePort(`s${i}`, [clusterIp([plan[family].cluster(i), 80], to), nodePort(30_000 + i, to)], {
          affinitySeconds: 10_800,
        }),
      );
      const mode = createNftablesMode({
        family,
        nft,
        conntrack: createFakeConntrack(),
        logger: memoryLogger(),
      });
      const state = proxyState(family, ports);
      await mode.sync(state);
      await mode.sync(proxyState(family, []), new Set(state.services.keys()));
      const sizes = nft.applied.map((transaction) => encodeTransaction(transaction).messages.length);
      assert.ok(sizes.length > 4);
      assert.ok(Math.max(...sizes) < 400_000, `${Math.max(...sizes)} bytes`);
    }
  });

  it('keeps nothing of a refused change, and the next sync tries again', async () => {
    const rig = createRig();
    let isBroken = false;
    const kernel: NftKernel = {
      ...rig.nft,
      apply: async (transaction) => {
        if (isBroken) throw new NftError('table ip portico', 'EPERM');
        return rig.nft.apply(transaction);
      },
    };
    const mode = rig.start({ kernel });
    await mode.sync(stateOf(web([1])));
    isBroken = true;
    await assert.rejects(mode.sync(stateOf(web([2])), new Set(['default/web:/TCP'])), /EPERM/);
    isBroken = false;
    await mode.sync(stateOf(web([2])), new Set());
    assert.deepEqual(rig.elements('hairpin'), [elementKey([pod(2), pod(2)])]);
  });

  const foreign: Readonly<Record<string, readonly Command[]>> = {
    'a table of another layout': [
      { op: 'delete-table' },
      { op: 'add-table', comment: 'portico service proxy, layout 0' },
    ],
    'a chain without its rules': [{ op: 'flush-chain', name: 'services' }],
    'a chain with one rule more': [
      { op: 'add-rule', chain: 'refused', rule: { statements: [{ kind: 'counter' }] } },
    ],
    'a chain of somebody': [
      { op: 'add-chain', chain: { name: 'theirs' } },
      ...[1, 2].map((): Command => ({
        op: 'add-rule',
        chain: 'theirs',
        rule: { statements: [{ kind: 'counter' }] },
      })),
    ],
    'a set of somebody': [{ op: 'add-set', set: { name: 'theirs', key: ['ipv4_addr'] } }],
    'a set that is missing': [
      { op: 'flush-chain', name: 'refuse-node-ports' },
      { op: 'delete-set', name: 'dropped-node-ports' },
    ],
    'a chain in the way, which shows only when it is needed': [
      { op: 'add-chain', chain: { name: 'recall-60-10.96.1.1-tcp-80' } },
    ],
  };
  for (const [sentence, commands] of Object.entries(foreign)) {
    it(`replaces the table when it finds ${sentence}`, async () => {
      const rig = createRig();
      await rig.start().sync(stateOf(web([1])));
      await rig.nft.apply({ table, commands });
      const nBefore = rig.nft.applied.length;
      const to = endpoints('IPv4', 2);
      const sticky = servicePort('web', [clusterIp([cluster(1), 80], to), nodePort(30007, to)], {
        affinitySeconds: 60,
      });
      await rig.start().sync(stateOf(sticky));
      const fresh = createRig();
      await fresh.start().sync(stateOf(sticky));
      const chains = ({ nft }: Rig): unknown => nft.ruleset.get('ip portico')?.chains;
      assert.deepEqual(chains(rig), chains(fresh));
      assert.deepEqual(rig.elements('hairpin'), fresh.elements('hairpin'));
      assert.equal(rig.nft.applied.length, nBefore + 1);
    });
  }

  it('falls back to slices when the kernel does not take a replacement at once', async () => {
    const rig = createRig();
    await rig.nft.apply({ table, commands: [{ op: 'add-table', comment: 'foreign' }] });
    const kernel: NftKernel = {
      ...rig.nft,
      apply: async (transaction) => {
        if (nElements(transaction) > 2500) throw new NftError('too big', 'EMSGSIZE');
        return rig.nft.apply(transaction);
      },
    };
    await rig.start({ kernel }).sync(stateOf(...many(1000)));
    assert.equal(rig.elements('endpoints-2').length, 2000);
  });

  it('heals what somebody deleted from the table when a change stumbles over it', async () => {
    const rig = createRig();
    const mode = rig.start();
    await mode.sync(stateOf(web([1, 2])));
    await rig.nft.apply({
      table,
      commands: [
        {
          op: 'delete-elements',
          set: { name: 'endpoints-2', key: ['ipv4_addr', 'inet_proto', 'inet_service', 'integer'] },
          elements: [{ key: [cluster(1), 'tcp', 80, 1] }],
        },
      ],
    });
    await mode.sync(stateOf(web([1, 3])), new Set(['default/web:/TCP']));
    assert.equal(rig.elements('endpoints-2').length, 2);
    assert.ok(rig.logger.lines.some(({ message }) => message.includes('not as expected')));
  });

  it('runs one sync after the other, each with the state it was called with', async () => {
    const rig = createRig();
    const mode = rig.start();
    const services = new Map([['default/web:/TCP', web([1])]]);
    const first = mode.sync({ ...stateOf(), services });
    services.set('default/web:/TCP', web([2]));
    await Promise.all([first, mode.sync({ ...stateOf(), services }, new Set(['default/web:/TCP']))]);
    assert.deepEqual(rig.elements('hairpin'), [elementKey([pod(2), pod(2)])]);
  });
});

describe('cleanup', () => {
  it('removes the table, of an earlier process too, and is harmless without one', async () => {
    const rig = createRig();
    await rig.start().sync(stateOf(web([1])));
    await rig.start().cleanup();
    assert.equal(rig.nft.ruleset.size, 0);
    const mode = rig.start();
    await mode.cleanup();
    await mode.sync(stateOf(web([1])), new Set());
    assert.equal(rig.elements('cluster-ips').length, 1);
  });
});

describe('probe', () => {
  it('says what is missing and how to mend it', async () => {
    const refusing = (error: Error): NftKernel => ({
      ...createFakeNft(),
      apply: () => Promise.reject(error),
    });
    const reasonOf = async (kernel: NftKernel): Promise<string> => {
      const result = await probeNftables(kernel, 'IPv4');
      return result.isUsable ? 'usable' : result.reason;
    };
    assert.equal(await reasonOf(createFakeNft()), 'usable');
    assert.match(await reasonOf(refusing(new NftError('add table', 'EPERM'))), /CAP_NET_ADMIN.*sandbox/);
    assert.match(await reasonOf(refusing(new NftError('add chain', 'EOPNOTSUPP'))), /kernel modules/);
    assert.match(await reasonOf(refusing(new Error('odd'))), /cannot be used here \(odd\)/);
    const credulous: NftKernel = { ...createFakeNft(), apply: async () => undefined };
    assert.match(await reasonOf(credulous), /false command/);
  });
});
