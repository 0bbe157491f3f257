import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../../../base/clock.ts';
import { createFakeConntrack } from '../../../kernel/conntrack/fake-conntrack.ts';
import type { Flow } from '../../../kernel/conntrack/model.ts';
import { createFakeNft } from '../../../kernel/nft/fake-nft.ts';
import { trace } from '../../../kernel/nft/trace.ts';
import type { Packet } from '../../../kernel/nft/trace.ts';
import type { Frontend } from '../../state/model.ts';
import type { LocalAddress, OpenPortal } from './capture.ts';
import { createNetfilterCapture } from './netfilter-capture.ts';
import { setsOf } from './netfilter-table.ts';

const NODE = '172.18.0.2';
const clusterIP: Frontend = { kind: 'clusterIP', ip: '10.96.0.10', port: 80 };
const nodePort: Frontend = { kind: 'nodePort', port: 30007 };

function portal(id: string, more: Partial<OpenPortal> = {}): OpenPortal {
  const addresses: readonly LocalAddress[] = more.addresses ?? [{ host: NODE, port: 40001 }];
  const hasEndpoints = addresses.length > 0;
  return {
    id,
    protocol: 'TCP',
    frontends: [clusterIP],
    whenEmpty: 'reject',
    hasEndpoints,
    addresses,
    ...more,
  };
}

function setup(flows: readonly Flow[] = []) {
  const nft = createFakeNft();
  const conntrack = createFakeConntrack(flows);
  const reports: unknown[] = [];
  const watched = { clock: fakeClock(), onReconciled: (report: unknown) => void reports.push(report) };
  const capture = createNetfilterCapture({ family: 'IPv4', nft, conntrack, address: NODE, watched });
  const apply = (
    portals: readonly OpenPortal[],
    options: { changed?: string[]; nodePortAddresses?: string[] } = {},
  ) =>
    capture.apply({
      node: {
        name: 'node-1',
        podCIDRs: ['10.244.0.0/16'],
        nodePortAddresses: options.nodePortAddresses ?? [],
        hasLocalhostNodePorts: true,
      },
      portals: new Map(portals.map((p) => [p.id, p])),
      changed: options.changed && new Set(options.changed),
    });
  const send = (to: string, more: Partial<Packet> & { origin?: 'local' | 'remote' } = {}): string => {
    const [daddr = '', dport] = to.split(':');
    const { origin = 'remote', ...rest } = more;
    const packet: Packet = {
      saddr: '10.244.0.5',
      sport: 5000,
      l4proto: 'tcp',
      daddr,
      dport: Number(dport),
      ...rest,
    };
    const { verdict, dnat, rejectWith } = trace(nft.ruleset, packet, {
      family: 'ip',
      origin,
      isLocalAddress: (ip) => ip === NODE || ip === '127.0.0.1' || ip === '198.51.100.1',
      random: () => 0,
      nowMs: 0,
    });
    return dnat === undefined ? (rejectWith ?? verdict) : `${dnat.ip}:${dnat.port}`;
  };
  return { nft, conntrack, capture, apply, send, reports };
}

describe('a packet', () => {
  const node = [portal('a', { frontends: [nodePort] })];
  const closed = { addresses: [] };
  const cases: Record<
    string,
    {
      portals: OpenPortal[];
      nodePortAddresses?: string[];
      to: string;
      packet?: Parameters<ReturnType<typeof setup>['send']>[1];
      end: string;
    }
  > = {
    'from a Pod to a cluster IP: to the listener': {
      portals: [portal('a')],
      to: '10.96.0.10:80',
      end: `${NODE}:40001`,
    },
    'from the node itself as well': {
      portals: [portal('a')],
      to: '10.96.0.10:80',
      packet: { saddr: NODE, origin: 'local' },
      end: `${NODE}:40001`,
    },
    'to another port: not touched': { portals: [portal('a')], to: '10.96.0.10:81', end: 'accept' },
    'of another protocol: not touched': {
      portals: [portal('a')],
      to: '10.96.0.10:80',
      packet: { l4proto: 'udp' },
      end: 'accept',
    },
    'to a Pod: not touched': { portals: [portal('a')], to: '10.244.0.9:80', end: 'accept' },
    'to a node port on an address of the node': { portals: node, to: `${NODE}:30007`, end: `${NODE}:40001` },
    'to a node port on localhost, from the node': {
      portals: node,
      to: '127.0.0.1:30007',
      packet: { saddr: '127.0.0.1', origin: 'local' },
      end: `${NODE}:40001`,
    },
    'to that port of somebody else: not touched': { portals: node, to: '192.0.2.1:30007', end: 'accept' },
    'to a node port outside of nodePortAddresses: not touched': {
      portals: node,
      nodePortAddresses: ['172.18.0.0/16', 'fd00::/64'],
      to: '198.51.100.1:30007',
      end: 'accept',
    },
    'to a node port inside of nodePortAddresses': {
      portals: node,
      nodePortAddresses: ['172.18.0.0/16'],
      to: `${NODE}:30007`,
      end: `${NODE}:40001`,
    },
    'without endpoints: refused': { portals: [portal('a', closed)], to: '10.96.0.10:80', end: 'tcp-reset' },
    'without endpoints, from the node: refused': {
      portals: [portal('a', closed)],
      to: '10.96.0.10:80',
      packet: { saddr: NODE, origin: 'local' },
      end: 'tcp-reset',
    },
    'of UDP without endpoints: refused': {
      portals: [portal('a', { ...closed, protocol: 'UDP' })],
      to: '10.96.0.10:80',
      packet: { l4proto: 'udp' },
      end: 'port-unreachable',
    },
    'to a node port without endpoints: refused': {
      portals: [portal('a', { ...closed, frontends: [nodePort] })],
      to: `${NODE}:30007`,
      end: 'tcp-reset',
    },
    'where no local endpoint is but others are: dropped': {
      portals: [portal('a', { ...closed, whenEmpty: 'drop' })],
      to: '10.96.0.10:80',
      end: 'drop',
    },
  };
  for (const [name, { portals, nodePortAddresses, to, packet, end }] of Object.entries(cases)) {
    it(name, async () => {
      const { apply, send } = setup();
      await apply(portals, { nodePortAddresses: nodePortAddresses ?? [] });
      assert.equal(send(to, packet), end);
    });
  }
});

describe('changes', () => {
  it('write only what differs, and nothing when nothing does', async () => {
    const { nft, apply, send } = setup();
    const others = Array.from({ length: 100 }, (_, i) =>
      portal(`o${i}`, { frontends: [{ ...clusterIP, ip: `10.97.0.${i}` }] }),
    );
    await apply([portal('a'), ...others]);
    await apply([portal('a'), ...others], { changed: ['a'] });
    await apply([portal('a'), ...others]);
    assert.equal(nft.applied.length, 1);
    await apply([portal('a', { addresses: [{ host: NODE, port: 40009 }] }), ...others], { changed: ['a'] });
    assert.equal(send('10.96.0.10:80'), `${NODE}:40009`);
    assert.deepEqual(
      nft.applied[1]?.commands.map((c) => [c.op, 'elements' in c ? c.elements.length : 0]),
      [
        ['delete-elements', 1],
        ['add-elements', 1],
      ],
    );
    await apply([portal('a', { addresses: [] }), ...others], { changed: ['a'] });
    assert.equal(send('10.96.0.10:80'), 'tcp-reset');
    await apply(others, { changed: ['a'] });
    assert.equal(send('10.96.0.10:80'), 'accept');
    assert.equal(send('10.97.0.99:80'), `${NODE}:40001`);
  });

  it('after a refused transaction are written again in full', async () => {
    const { nft, apply, capture, send } = setup();
    await apply([portal('a')]);
    // Somebody deleted the table.
    await nft.apply({
      table: { family: 'ip', name: 'portico-userspace' },
      commands: [{ op: 'delete-table' }],
    });
    const moved = [portal('a', { addresses: [{ host: NODE, port: 40009 }] })];
    await assert.rejects(apply(moved, { changed: ['a'] }), /ENOENT/);
    await apply(moved, { changed: ['a'] });
    assert.equal(send('10.96.0.10:80'), `${NODE}:40009`);
    await capture.cleanup();
    assert.equal(nft.ruleset.size, 0);
    await capture.cleanup();
  });

  const opsSince = (nft: ReturnType<typeof createFakeNft>, n: number): string[] =>
    nft.applied.slice(n).flatMap(({ commands }) => commands.map(({ op }) => op));
  const table = { family: 'ip', name: 'portico-userspace' } as const;

  it('of a stranger are put right where they are: a packet may be between a table that goes and one that comes', async () => {
    const { nft, apply, send } = setup();
    const guarded = portal('b', {
      frontends: [{ ...clusterIP, ip: '10.96.0.11' }],
      allowedSources: ['10.244.0.0/16', '10.244.1.0/24'],
    });
    const all = [portal('a'), guarded];
    await apply(all);
    const set = setsOf('ip').services;
    await nft.apply({
      table,
      commands: [
        { op: 'delete-elements', set, elements: [{ key: ['10.96.0.10', 'tcp', 80] }] },
        { op: 'add-elements', set, elements: [{ key: ['10.96.9.9', 'tcp', 80], data: [NODE, 1] }] },
      ],
    });
    assert.equal(send('10.96.0.10:80'), 'accept');
    const n = nft.applied.length;
    await apply(all);
    assert.deepEqual(opsSince(nft, n), ['delete-elements', 'add-elements']);
    assert.deepEqual(
      [
        send('10.96.0.10:80'),
        send('10.96.9.9:80'),
        send('10.96.0.11:80'),
        send('10.96.0.11:80', { saddr: NODE }),
      ],
      [`${NODE}:40001`, 'accept', `${NODE}:40001`, 'drop'],
    );
    await apply(all);
    assert.equal(nft.applied.length, n + 1);
  });

  it('of a stranger that tore the table make a new one', async () => {
    const { nft, apply, send } = setup();
    await apply([portal('a')]);
    await nft.apply({ table, commands: [{ op: 'flush-chain', name: 'capture' }] });
    assert.equal(send('10.96.0.10:80'), 'accept');
    await apply([portal('a')]);
    assert.equal(send('10.96.0.10:80'), `${NODE}:40001`);
  });

  it('of the node change the rules and not the table', async () => {
    const { nft, apply, send } = setup();
    const all = [portal('a', { frontends: [clusterIP, nodePort] })];
    await apply(all, { nodePortAddresses: ['192.0.2.0/24', '192.0.2.0/25'] });
    const n = nft.applied.length;
    assert.equal(send(`${NODE}:30007`), 'accept');
    await apply(all, { nodePortAddresses: ['172.18.0.0/16'] });
    assert.equal(send(`${NODE}:30007`), `${NODE}:40001`);
    assert.equal(send('198.51.100.1:30007'), 'accept');
    await apply(all);
    assert.equal(send('198.51.100.1:30007'), `${NODE}:40001`);
    await apply(all, { nodePortAddresses: ['172.18.0.0/16'] });
    assert.equal(send('198.51.100.1:30007'), 'accept');
    assert.deepEqual(
      opsSince(nft, n).filter((op) => ['delete-table', 'delete-chain', 'add-chain'].includes(op)),
      [],
    );
  });

  it('that were refused leave the guards that are in the kernel', async () => {
    const { nft, apply, send } = setup();
    await apply([portal('a')]);
    const remove = { op: 'delete-elements', set: setsOf('ip').services } as const;
    await nft.apply({ table, commands: [{ ...remove, elements: [{ key: ['10.96.0.10', 'tcp', 80] }] }] });
    const moved = portal('a', {
      addresses: [{ host: NODE, port: 40009 }],
      allowedSources: ['10.244.0.0/24'],
    });
    await assert.rejects(apply([moved], { changed: ['a'] }), /ENOENT/);
    const n = nft.applied.length;
    await apply([moved], { changed: ['a'] });
    assert.equal(opsSince(nft, n).includes('delete-table'), false);
    assert.equal(send('10.96.0.10:80'), `${NODE}:40009`);
    assert.equal(send('10.96.0.10:80', { saddr: '10.244.1.1' }), 'drop');
    await apply([portal('a')]);
    assert.equal(send('10.96.0.10:80', { saddr: '10.244.1.1' }), `${NODE}:40001`);
  });

  it('replace the table an earlier process left', async () => {
    const { nft, apply, send } = setup();
    await apply([portal('old')]);
    const next = createNetfilterCapture({
      family: 'IPv4',
      nft,
      conntrack: createFakeConntrack(),
      address: NODE,
    });
    await next.apply({
      node: { name: 'node-1', podCIDRs: [], nodePortAddresses: [] },
      portals: new Map([['new', portal('new', { frontends: [nodePort] })]]),
      changed: undefined,
    });
    assert.deepEqual([send('10.96.0.10:80'), send(`${NODE}:30007`)], ['accept', `${NODE}:40001`]);
  });

  it('of many are sliced', async () => {
    const { nft, apply, send } = setup();
    const many = Array.from({ length: 4500 }, (_, i) =>
      portal(`p${i}`, { frontends: [{ ...clusterIP, ip: `10.98.${i >> 8}.${i & 255}` }] }),
    );
    await apply(many);
    assert.equal(nft.applied.length, 3);
    assert.equal(send('10.98.17.1:80'), `${NODE}:40001`);
  });

  it('end the UDP flows that are translated to where nobody listens', async () => {
    const flow = (id: number, from: string, to: string): Flow => {
      const [destination = '', destinationPort] = from.split(' ');
      const [source = '', sourcePort] = to.split(' ');
      const client = { address: '10.244.0.5', port: 5000 + id };
      return {
        family: 'IPv4',
        protocol: 'UDP',
        id,
        original: {
          source: client.address,
          sourcePort: client.port,
          destination,
          destinationPort: Number(destinationPort),
        },
        reply: {
          source,
          sourcePort: Number(sourcePort),
          destination: client.address,
          destinationPort: client.port,
        },
      };
    };
    const { conntrack, apply, reports } = setup([
      flow(1, '10.96.0.10 80', `${NODE} 40001`),
      flow(2, '10.96.0.10 80', `${NODE} 39999`),
      flow(3, '10.96.0.10 80', '10.96.0.10 80'),
      flow(4, '10.96.0.99 80', `${NODE} 39999`),
      flow(5, `${NODE} 30007`, `${NODE} 39999`),
      flow(6, '192.0.2.1 30007', '192.0.2.1 30007'),
    ]);
    const left = (): number[] => conntrack.flows.map(({ id }) => id);
    const udp = portal('a', { protocol: 'UDP', frontends: [clusterIP, nodePort] });
    await apply([udp]);
    assert.deepEqual(left(), [1, 4, 6]);
    await apply([{ ...udp, addresses: [] }], { changed: ['a'] });
    assert.deepEqual(left(), [4, 6]);
    conntrack.flows.push(flow(7, '10.96.0.10 80', '10.96.0.10 80'));
    await apply([udp], { changed: ['a'] });
    assert.deepEqual(left(), [4, 6]);
    assert.deepEqual(
      reports,
      [3, 1, 1].map((nEnded) => ({ nEnded, durationMs: 0 })),
    );
    // Another Service's own address, on the number of the node port.
    const elsewhere = { host: NODE, port: 40002 };
    const frontends: readonly Frontend[] = [{ kind: 'clusterIP', ip: '10.96.0.20', port: 30007 }];
    const other = portal('b', { protocol: 'UDP', frontends, addresses: [elsewhere] });
    await apply([udp, other], { changed: ['b'] });
    conntrack.flows.push(flow(8, '10.96.0.20 30007', `${NODE} 40002`));
    await apply([{ ...udp, addresses: [] }, other], { changed: ['a'] });
    assert.deepEqual(left(), [4, 6, 8]);
  });
});
