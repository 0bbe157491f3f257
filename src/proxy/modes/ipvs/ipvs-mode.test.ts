import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SystemError } from '../../../kernel/libc/system-error.ts';
import { serverText } from '../../../kernel/ipvs/model.ts';
import type { Ipvs } from '../../../kernel/ipvs/model.ts';
import { IpvsError } from '../../../kernel/ipvs/model.ts';
import type { NetworkStack } from '../../../kernel/route/model.ts';
import { createIpvsRig } from '../../../testing/ipvs-rig.ts';
import type { IpvsRig } from '../../../testing/ipvs-rig.ts';
import { at, begun, key, servers, stateOf, web, weights } from '../../../testing/ipvs-web.ts';
import { clusterIp, endpoints, nodePort, plan, servicePort } from '../../../testing/proxy-fixtures.ts';
import { defaultConfiguration } from '../../configuration/configuration.ts';
import type { ProxyMode, ServicePort } from '../../state/model.ts';
import { probeIpvs } from './probe.ts';
import { sysctlsFor } from './sysctls.ts';

const { cluster, pod, node } = plan.IPv4;
const changed = new Set(['default/web:/TCP']);

describe('an endpoint that is removed', () => {
  it('goes at once while nobody is connected', async () => {
    const { rig, mode } = await begun(web([1, 2]));
    await mode.sync(stateOf(web([2])), changed);
    assert.deepEqual(weights(rig), { [pod(2)]: 1 });
  });

  it('stays without weight until its connections have ended, seen at any later change', async () => {
    const { rig, mode } = await begun(web([1, 2]));
    rig.ipvs.setConnections(key(cluster(1), 80), at(1), { nActive: 1 });
    await mode.sync(stateOf(web([2])), changed);
    assert.deepEqual(weights(rig), { [pod(1)]: 0, [pod(2)]: 1 });
    rig.ipvs.setConnections(key(cluster(1), 80), at(1), { nActive: 0, nInactive: 1 });
    await mode.sync(stateOf(web([2])), new Set());
    assert.deepEqual(weights(rig), { [pod(1)]: 0, [pod(2)]: 1 });
    rig.ipvs.setConnections(key(cluster(1), 80), at(1), { nInactive: 0 });
    await mode.sync(stateOf(web([2])), new Set());
    assert.deepEqual(weights(rig), { [pod(2)]: 1 });
  });

  it('and comes back gets its weight again', async () => {
    const { rig, mode } = await begun(web([1, 2]));
    rig.ipvs.setConnections(key(cluster(1), 80), at(1), { nActive: 1 });
    await mode.sync(stateOf(web([2])), changed);
    await mode.sync(stateOf(web([1, 2])), changed);
    assert.deepEqual(weights(rig), { [pod(1)]: 1, [pod(2)]: 1 });
  });

  it('goes at once for UDP, and with the scheduler dh, where it would refuse clients', async () => {
    const rig = createIpvsRig('IPv4');
    const mode = rig.start({ settings: { scheduler: 'dh' } });
    const dns = (hosts: readonly number[]): ServicePort =>
      servicePort('dns', [clusterIp([cluster(2), 53], endpoints('IPv4', ...hosts))], { protocol: 'UDP' });
    await mode.sync(stateOf(web([1, 2]), dns([1, 2])));
    rig.ipvs.setConnections(key(cluster(1), 80), at(1), { nActive: 1 });
    rig.ipvs.setConnections(key(cluster(2), 53, 'UDP'), at(1), { nInactive: 1 });
    await mode.sync(stateOf(web([2]), dns([2])), new Set([...changed, 'default/dns:/UDP']));
    assert.deepEqual(weights(rig), { [pod(2)]: 1 });
    assert.deepEqual(weights(rig, key(cluster(2), 53, 'UDP')), { [pod(2)]: 1 });
  });
});

describe('a Service that is gone', () => {
  const busy = async (): Promise<{ rig: IpvsRig; mode: ProxyMode }> => {
    const begin = await begun(web([1, 2]));
    begin.rig.ipvs.setConnections(key(cluster(1), 80), at(1), { nActive: 1 });
    return begin;
  };
  const attempt = {
    client: { kind: 'pod-here', source: pod(9) },
    protocol: 'TCP',
    ip: cluster(1),
    port: 80,
    isLocal: false,
  } as const;

  it('keeps its address and busy endpoints for connections, refuses new ones, and goes when they have ended', async () => {
    const { rig, mode } = await busy();
    await mode.sync(stateOf(), changed);
    assert.deepEqual(weights(rig), { [pod(1)]: 0 });
    assert.deepEqual(rig.virtualIps(), [cluster(1)]);
    assert.deepEqual(rig.outcomes(stateOf(), attempt), ['refused']);
    rig.ipvs.setConnections(key(cluster(1), 80), at(1), { nActive: 0 });
    await mode.sync(stateOf(), new Set());
    assert.deepEqual([servers(rig), rig.virtualIps()], [[], []]);
  });

  it('is waited for by the next process too', async () => {
    const { rig } = await busy();
    const next = rig.start();
    await next.sync(stateOf());
    assert.deepEqual(weights(rig), { [pod(1)]: 0 });
    assert.deepEqual(rig.virtualIps(), [cluster(1)]);
    rig.ipvs.setConnections(key(cluster(1), 80), at(1), { nActive: 0 });
    await next.sync(stateOf(), new Set());
    assert.deepEqual([servers(rig), rig.virtualIps()], [[], []]);
  });

  it('and comes back is served at once', async () => {
    const { rig, mode } = await busy();
    await mode.sync(stateOf(), changed);
    await mode.sync(stateOf(web([1, 2])), changed);
    assert.deepEqual(weights(rig), { [pod(1)]: 1, [pod(2)]: 1 });
    await mode.sync(stateOf(web([1, 2])), new Set());
    assert.deepEqual(weights(rig), { [pod(1)]: 1, [pod(2)]: 1 });
  });
});

describe('an address that connections of a gone Service still use', () => {
  const heir = servicePort('heir', [clusterIp([cluster(1), 80], endpoints('IPv4', 3))]);
  const heirId = 'default/heir:/TCP';
  const busy = async (): Promise<{ rig: IpvsRig; mode: ProxyMode }> => {
    const begin = await begun(web([1, 2]));
    begin.rig.ipvs.setConnections(key(cluster(1), 80), at(1), { nActive: 1 });
    return begin;
  };
  const assertInherited = async (rig: IpvsRig, mode: ProxyMode): Promise<void> => {
    const warnings = (): unknown[] => rig.logger.lines.filter(({ level }) => level === 'warn');
    assert.deepEqual(weights(rig), { [pod(1)]: 0, [pod(3)]: 1 });
    rig.ipvs.setConnections(key(cluster(1), 80), at(3), { nActive: 1 });
    await mode.sync(stateOf(heir), new Set());
    assert.deepEqual(weights(rig), { [pod(1)]: 0, [pod(3)]: 1 });
    rig.ipvs.setConnections(key(cluster(1), 80), at(1), { nActive: 0 });
    await mode.sync(stateOf(heir), new Set());
    await mode.sync(stateOf(heir), new Set());
    assert.deepEqual(weights(rig), { [pod(3)]: 1 });
    assert.deepEqual([rig.virtualIps(), warnings()], [[cluster(1)], []]);
    rig.ipvs.setConnections(key(cluster(1), 80), at(3), { nActive: 0 });
    await mode.sync(stateOf(), new Set([heirId]));
    assert.deepEqual([servers(rig), rig.virtualIps(), warnings()], [[], [], []]);
  };

  it('serves the Service that gets it afterwards', async () => {
    const { rig, mode } = await busy();
    await mode.sync(stateOf(), changed);
    await mode.sync(stateOf(heir), new Set([heirId]));
    await assertInherited(rig, mode);
  });

  it('serves the Service that gets it at once', async () => {
    const { rig, mode } = await busy();
    await mode.sync(stateOf(heir), new Set([...changed, heirId]));
    await assertInherited(rig, mode);
  });

  it('serves the Service that gets it from a process that found the connections', async () => {
    const { rig } = await busy();
    const next = rig.start();
    await next.sync(stateOf());
    await next.sync(stateOf(heir), new Set([heirId]));
    await assertInherited(rig, next);
  });
});

describe('how connections are dealt out', () => {
  const scheduler = async (
    more: Partial<ServicePort>,
    setting?: string,
    weight = 1,
  ): Promise<string | undefined> => {
    const rig = createIpvsRig('IPv4');
    const to = endpoints('IPv4', 1, 2).map((each, i) =>
      i === 0 && weight !== 1 ? { ...each, weight } : each,
    );
    const port = servicePort('web', [clusterIp([cluster(1), 80], to)], more);
    await rig.start(setting === undefined ? {} : { settings: { scheduler: setting } }).sync(stateOf(port));
    return rig.ipvs.held.get(serverText(key(cluster(1), 80)))?.server.scheduler;
  };
  const cases: Readonly<Record<string, readonly [Partial<ServicePort>, string | undefined, number, string]>> =
    {
      'one after the other': [{}, undefined, 1, 'rr'],
      'by weight, where there are weights': [{}, undefined, 3, 'wrr'],
      'the same where the configuration leaves it open': [{}, defaultConfiguration().ipvs.scheduler, 1, 'rr'],
      'as the configuration says': [{}, 'sed', 1, 'sed'],
      'to the one with the fewest connections, where the Service asks for it': [
        { balancing: 'least-connections' },
        undefined,
        1,
        'lc',
      ],
      'so, and by weight': [{ balancing: 'p2c' }, 'sh', 2, 'wlc'],
    };
  for (const [sentence, [more, setting, weight, expected]] of Object.entries(cases)) {
    it(sentence, async () => assert.equal(await scheduler(more, setting, weight), expected));
  }

  it('by hash with a way out when the hash meets an endpoint that is ending, which others do not need', async () => {
    const flags = async (scheduler: string) => {
      const rig = createIpvsRig('IPv4');
      await rig.start({ settings: { scheduler } }).sync(stateOf(web([1])));
      return rig.ipvs.held.get(serverText(key(cluster(1), 80)))?.server.flags;
    };
    assert.deepEqual(await flags('sh'), { hasFallback: true, hashesPort: false });
    assert.deepEqual(await flags('mh'), { hasFallback: true, hashesPort: true });
    assert.equal(await flags('rr'), undefined);
  });
});

describe('what is somebody else’s', () => {
  const theirs = { key: key('192.0.2.9', 80), scheduler: 'wlc', persistenceSeconds: 0 } as const;

  it('a virtual server neither on our device nor in our table is left alone, and survives the cleanup', async () => {
    const rig = createIpvsRig('IPv4');
    await rig.ipvs.apply([{ op: 'add-server', server: theirs }]);
    const mode = rig.start();
    await mode.sync(stateOf(web([1])));
    await mode.sync(stateOf());
    await mode.cleanup();
    assert.deepEqual(servers(rig), [serverText(theirs.key)]);
  });

  it('what kube-proxy left on the device of this name is taken over, but for excluded blocks', async () => {
    const rig = createIpvsRig('IPv4');
    rig.stack.ensure({ kind: 'link', name: 'kube-ipvs0', create: { type: 'dummy' } });
    for (const ip of [cluster(7), cluster(8)])
      rig.stack.ensure({ kind: 'address', link: 'kube-ipvs0', address: `${ip}/32` });
    for (const ip of [cluster(7), cluster(8)])
      await rig.ipvs.apply([{ op: 'add-server', server: { ...theirs, key: key(ip, 80) } }]);
    const mode = rig.start({ settings: { excludeCIDRs: [`${cluster(8)}/32`] } });
    await mode.sync(stateOf(web([1])));
    assert.deepEqual(servers(rig), [serverText(key(cluster(1), 80)), serverText(key(cluster(8), 80))]);
    assert.deepEqual(rig.virtualIps(), [cluster(1), cluster(8)]);
  });

  it('nothing is touched by a cleanup where this mode never was', async () => {
    const rig = createIpvsRig('IPv4');
    rig.stack.ensure({ kind: 'link', name: 'kube-ipvs0', create: { type: 'dummy' } });
    rig.stack.ensure({ kind: 'address', link: 'kube-ipvs0', address: `${cluster(7)}/32` });
    await rig.start().cleanup();
    assert.deepEqual(rig.virtualIps(), [cluster(7)]);
    assert.deepEqual(rig.nft.applied, []);
  });

  it('a cleanup of the next process takes everything away', async () => {
    const { rig } = await begun(
      servicePort('web', [
        clusterIp([cluster(1), 80], endpoints('IPv4', 1)),
        nodePort(30007, endpoints('IPv4', 1)),
      ]),
    );
    assert.ok(servers(rig).includes(serverText(key(node, 30007))));
    await rig.start().cleanup();
    assert.deepEqual([servers(rig), rig.virtualIps(), [...rig.nft.ruleset]], [[], [], []]);
    assert.ok(!rig.stack.links().some(({ name }) => name === 'kube-ipvs0'));
  });
});

describe('the machine', () => {
  it('gets a bridge without ports where the kernel has no dummy devices', async () => {
    const rig = createIpvsRig('IPv4');
    const stack: NetworkStack = {
      ensure: (object) => {
        if ('kind' in object && object.kind === 'link' && object.create?.type === 'dummy')
          throw new SystemError('netlink', 95);
        return rig.stack.ensure(object);
      },
      remove: (object) => rig.stack.remove(object),
      links: () => rig.stack.links(),
      list: (kind) => rig.stack.list(kind),
      sysctl: (name, value) => rig.stack.sysctl(name, value),
      close: () => undefined,
    };
    await rig.start({ stack }).sync(stateOf(web([1])));
    assert.equal(rig.stack.links().find(({ name }) => name === 'kube-ipvs0')?.type, 'bridge');
    assert.deepEqual(rig.virtualIps(), [cluster(1)]);
  });

  it('is read again when it is not as remembered', async () => {
    const { rig, mode } = await begun(web([1]));
    await rig.ipvs.apply([{ op: 'flush' }]);
    await mode.sync(stateOf(web([2])), changed);
    assert.deepEqual(weights(rig), { [pod(2)]: 1 });
    rig.nft.ruleset.clear();
    await mode.sync(stateOf(web([])), changed);
    await mode.sync(stateOf(web([3])), changed);
    assert.deepEqual(weights(rig), { [pod(3)]: 1 });
    assert.ok(rig.nft.ruleset.size > 0);
  });

  it('keeps its own time-outs but for those that are configured', async () => {
    const rig = createIpvsRig('IPv4');
    await rig.start({ settings: { udpTimeout: 20_000 } }).sync(stateOf());
    assert.deepEqual(await rig.ipvs.timeouts(), { tcpSeconds: 900, tcpFinSeconds: 120, udpSeconds: 20 });
  });

  it('has the settings kube-proxy makes; reuse of connections is left to kernels that do it right', () => {
    const options = { family: 'IPv4', hasStrictARP: true, kernelRelease: '6.1.0-13-amd64' } as const;
    const names = sysctlsFor(options).map(([name, value]) => `${name}=${value}`);
    assert.deepEqual(names, [
      'net.ipv4.vs.conntrack=1',
      'net.ipv4.vs.expire_nodest_conn=1',
      'net.ipv4.vs.expire_quiescent_template=1',
      'net.ipv4.ip_forward=1',
      'net.ipv4.conf.all.arp_ignore=1',
      'net.ipv4.conf.all.arp_announce=2',
    ]);
    const old = sysctlsFor({ ...options, kernelRelease: '5.4.0' }).map(([name]) => name);
    assert.ok(old.includes('net.ipv4.vs.conn_reuse_mode'));
  });
});

describe('whether the mode can be used', () => {
  const probe = async (ipvs: Partial<Ipvs>, scheduler?: string) => {
    const rig = createIpvsRig('IPv4');
    const result = await probeIpvs({ nft: rig.nft, ipvs: { ...rig.ipvs, ...ipvs } }, 'IPv4', scheduler);
    assert.deepEqual([[...rig.ipvs.held], [...rig.nft.ruleset]], [[], []]);
    return result.isUsable ? 'yes' : result.reason;
  };
  const failing = (code: string) => () => Promise.reject(new IpvsError('ask', code));

  it('is told with what is missing', async () => {
    assert.equal(await probe({}), 'yes');
    assert.match(
      await probe({ version: failing('ENOENT') }),
      /^The ipvs mode needs IPVS in the kernel: load .* ip_vs /,
    );
    assert.match(await probe({ version: failing('EPERM') }), /needs CAP_NET_ADMIN of the machine itself/);
    assert.match(
      await probe({ apply: failing('ENOENT') }, 'sh'),
      /the scheduler sh: load the kernel module ip_vs_sh/,
    );
    assert.equal(await probe({}, defaultConfiguration().ipvs.scheduler), 'yes');
    assert.match(await probe({}, 'dice'), /knows no scheduler dice; there are rr wrr lc /);
  });
});
