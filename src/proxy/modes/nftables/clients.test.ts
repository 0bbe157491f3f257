import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Conntrack, Flow } from '../../../kernel/conntrack/model.ts';
import { elementKey } from '../../../kernel/nft/model.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { ServicePort } from '../../state/model.ts';
import { clusterIp, endpoints, nodePort, plan, servicePort } from '../../../testing/proxy-fixtures.ts';
import { createRig, stateOf, web } from '../../../testing/nftables-rig.ts';
import type { Rig } from '../../../testing/nftables-rig.ts';

const { pod, cluster, outside, node } = plan.IPv4;

describe('affinity', () => {
  const remembered = (rig: Rig): string[] => rig.elements('affinity-60');
  const remember = (rig: Rig, client: string, to: string): void => {
    const key = [client, cluster(1), 'tcp', 80];
    rig.nft.ruleset
      .get('ip portico')
      ?.sets.get('affinity-60')
      ?.elements.set(elementKey(key), { key, data: [to, 9376] });
  };
  const sticky = (hosts: readonly number[]): ServicePort => web(hosts, { affinitySeconds: 60 });
  const changed = new Set(['default/web:/TCP']);

  it('forgets the clients of an endpoint that is gone, and nobody else', async () => {
    const rig = createRig();
    const mode = rig.start();
    await mode.sync(stateOf(sticky([1, 2])));
    remember(rig, outside, pod(1));
    remember(rig, node, pod(2));
    await mode.sync(stateOf(sticky([1, 2, 3])), changed);
    assert.equal(remembered(rig).length, 2);
    await mode.sync(stateOf(sticky([2, 3])), changed);
    assert.deepEqual(remembered(rig), [elementKey([node, cluster(1), 'tcp', 80])]);
  });

  it('forgets all clients of a Service that is gone or no longer sticky, while another one is', async () => {
    for (const next of [[], [web([1])]]) {
      const rig = createRig();
      const mode = rig.start();
      const other = servicePort('other', [clusterIp([cluster(2), 80], endpoints('IPv4', 1))], {
        affinitySeconds: 60,
      });
      await mode.sync(stateOf(sticky([1]), other));
      remember(rig, outside, pod(1));
      await mode.sync(stateOf(other, ...next), changed);
      assert.deepEqual(remembered(rig), []);
    }
  });

  it('forgets at a restart what the earlier process did not live to forget', async () => {
    const rig = createRig();
    await rig.start().sync(stateOf(sticky([1, 2])));
    remember(rig, outside, pod(9));
    remember(rig, node, pod(2));
    await rig.start().sync(stateOf(sticky([1, 2])));
    assert.deepEqual(remembered(rig), [elementKey([node, cluster(1), 'tcp', 80])]);
  });

  it('tries again when an entry expires between the look and the deletion', async () => {
    const rig = createRig();
    let isFirst = true;
    const kernel: NftKernel = {
      ...rig.nft,
      elements: async (ref, set) => {
        const found = await rig.nft.elements(ref, set);
        if (set.name !== 'affinity-60' || !isFirst) return found;
        isFirst = false;
        rig.nft.ruleset.get('ip portico')?.sets.get(set.name)?.elements.clear();
        remember(rig, node, pod(1));
        return found;
      },
    };
    const mode = rig.start({ kernel });
    await mode.sync(stateOf(sticky([1, 2])));
    remember(rig, outside, pod(1));
    await mode.sync(stateOf(sticky([2])), changed);
    assert.deepEqual(remembered(rig), []);
  });
});

describe('UDP flows', () => {
  const dns = (hosts: readonly number[]): ServicePort =>
    servicePort(
      'dns',
      [
        clusterIp([cluster(1), 53], endpoints('IPv4', ...hosts)),
        nodePort(30053, endpoints('IPv4', ...hosts)),
      ],
      { protocol: 'UDP' },
    );
  const flow = (id: number, to: readonly [string, number], served: string): Flow => {
    const isTranslated = served !== to[0];
    return {
      family: 'IPv4',
      protocol: 'UDP',
      original: { source: outside, sourcePort: 1000 + id, destination: to[0], destinationPort: to[1] },
      reply: {
        source: served,
        sourcePort: isTranslated ? 9376 : to[1],
        destination: outside,
        destinationPort: 1000 + id,
      },
      id,
    };
  };
  const flows = (): Flow[] => [
    flow(1, [cluster(1), 53], pod(1)),
    flow(2, [cluster(1), 53], pod(2)),
    flow(3, [cluster(1), 53], cluster(1)),
    flow(4, [node, 30053], pod(1)),
    flow(5, [node, 30053], pod(2)),
    flow(6, [node, 30053], node),
    flow(7, [cluster(9), 53], pod(1)),
    {
      ...flow(8, [outside, 30053], outside),
      reply: { ...flow(8, [outside, 30053], outside).reply, destination: node },
    },
    { ...flow(9, [cluster(1), 53], pod(1)), protocol: 'TCP' },
  ];
  const table: Readonly<Record<string, { from: number[]; to: number[]; left: number[] }>> = {
    'an endpoint is gone: its flows and the untranslated ones end': {
      from: [1, 2],
      to: [2],
      left: [2, 5, 7, 8, 9],
    },
    'one endpoint more: all stay': { from: [1, 2], to: [1, 2, 3], left: [1, 2, 3, 4, 5, 6, 7, 8, 9] },
    'the last endpoint is gone: all of the Service end': { from: [1], to: [], left: [6, 7, 8, 9] },
    'the first endpoints: what was not translated ends': {
      from: [],
      to: [1, 2],
      left: [1, 2, 4, 5, 7, 8, 9],
    },
  };
  const changed = new Set(['default/dns:/UDP']);
  for (const [sentence, { from, to, left }] of Object.entries(table)) {
    it(sentence, async () => {
      const rig = createRig();
      const mode = rig.start();
      await mode.sync(stateOf(dns(from)));
      rig.conntrack.flows.push(...flows());
      await mode.sync(stateOf(dns(to)), changed);
      assert.deepEqual(
        rig.conntrack.flows.map(({ id }) => id),
        left,
      );
    });
  }

  it('of a range end by the port they were met at, and those on the short way stay with its endpoints', async () => {
    const range = (hosts: readonly number[], inside: readonly number[]): ServicePort =>
      servicePort(
        'dns',
        [
          {
            frontend: { kind: 'externalIP', ip: cluster(1), port: 50, endPort: 59 },
            endpoints: endpoints('IPv4', ...hosts),
            whenEmpty: 'drop',
            masquerade: 'never',
            fromCluster: {
              endpoints: endpoints('IPv4', ...inside),
              whenEmpty: 'reject',
              masquerade: 'off-cluster',
            },
          },
        ],
        { protocol: 'UDP' },
      );
    const kept = (id: number, served: string): Flow => {
      const made = flow(id, [cluster(1), 53], served);
      return { ...made, reply: { ...made.reply, sourcePort: 53 } };
    };
    const rig = createRig();
    const mode = rig.start();
    await mode.sync(stateOf(range([1, 3], [1, 2, 3])));
    rig.conntrack.flows.push(kept(1, pod(1)), kept(2, pod(2)), kept(3, pod(3)), kept(4, pod(4)));
    await mode.sync(stateOf(range([1], [1, 2])), changed);
    assert.deepEqual(
      rig.conntrack.flows.map(({ id }) => id),
      [1, 2],
    );
    await rig.start().sync(stateOf());
    assert.deepEqual(rig.conntrack.flows, []);
  });

  it('of a Service that is gone end, and a restart ends what the earlier process left', async () => {
    const rig = createRig();
    const mode = rig.start();
    await mode.sync(stateOf(dns([1, 2])));
    rig.conntrack.flows.push(...flows());
    await rig.start().sync(stateOf(dns([2])));
    assert.deepEqual(
      rig.conntrack.flows.map(({ id }) => id),
      [2, 5, 7, 8, 9],
    );
    await mode.sync(stateOf(), changed);
    assert.deepEqual(
      rig.conntrack.flows.map(({ id }) => id),
      [7, 8, 9],
    );
  });

  it('that cannot be ended are a warning: the table stands', async () => {
    const rig = createRig();
    const conntrack: Conntrack = { ...rig.conntrack, list: () => Promise.reject(new Error('no conntrack')) };
    await rig.start({ conntrack }).sync(stateOf(dns([1])));
    assert.deepEqual(
      rig.logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message),
      ['stale UDP flows could not be ended'],
    );
  });
});
