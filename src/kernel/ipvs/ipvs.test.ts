import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetlinkWriter } from '../netlink/writer.ts';
import * as codec from './codec.ts';
import { describeIpvs } from './contract.ts';
import { diffServer } from './diff.ts';
import { createFakeIpvs } from './fake-ipvs.ts';
import { parseListing } from './listing.ts';
import { describeIpvsCommand } from './model.ts';
import type { HeldDestination, IpvsCommand, VirtualServer, VirtualServerKey } from './model.ts';
import { openIpvs } from './open-ipvs.ts';
import { candidates } from './schedule.ts';

describeIpvs('fake', createFakeIpvs);

const web: VirtualServerKey = { kind: 'address', family: 'IPv4', protocol: 'TCP', ip: '10.96.0.1', port: 80 };
const server: VirtualServer = { key: web, scheduler: 'rr', persistenceSeconds: 0 };
const held = (host: number, more: Partial<HeldDestination> = {}): HeldDestination => ({
  ip: `10.244.0.${host}`,
  port: 8080,
  weight: 1,
  nActive: 0,
  nInactive: 0,
  ...more,
});

function bytes(command: IpvsCommand): string {
  const writer = new NetlinkWriter();
  codec.writeCommand(writer, 0x23, command);
  return writer.finish().toString('hex');
}

const six: VirtualServerKey = { kind: 'mark', family: 'IPv6', mark: 0x50000007 };

/** Header; command; then one attribute a line. The kernel of the virtual machine takes all of them (test/vm). */
const goldens: readonly { readonly command: IpvsCommand; readonly hex: readonly string[] }[] = [
  {
    command: { op: 'add-server', server: { key: web, scheduler: 'wrr', persistenceSeconds: 10_800 } },
    hex: [
      '68000000230001000000000000000000 01010000',
      '54000180 0600010002000000 0600020006000000 140003000a600001000000000000000000000000 0600040000500000',
      '0800060077727200 0c0007000100000019000000 08000800302a0000 08000900ffffffff',
    ],
  },
  {
    command: {
      op: 'set-server',
      server: {
        key: six,
        scheduler: 'sh',
        persistenceSeconds: 0,
        flags: { hasFallback: true, hashesPort: false },
      },
    },
    hex: [
      '4c000000230001000000000000000000 02010000',
      '38000180 060001000a000000 0800050007000050',
      '0700060073680000 0c0007000800000019000000 0800080000000000 0800090080000000',
    ],
  },
  {
    command: { op: 'add-destination', key: web, destination: { ip: '10.244.0.7', port: 8080, weight: 3 } },
    hex: [
      '8c000000230001000000000000000000 05010000',
      '30000180 0600010002000000 0600020006000000 140003000a600001000000000000000000000000 0600040000500000',
      '48000280 140001000af40007000000000000000000000000 060002001f900000 06000b0002000000',
      '0800030000000000 0800040003000000 0800050000000000 0800060000000000',
    ],
  },
  {
    command: { op: 'delete-destination', key: six, destination: { ip: 'fd00::7', port: 0, weight: 0 } },
    hex: [
      '50000000230001000000000000000000 07010000',
      '14000180 060001000a000000 0800050007000050',
      '28000280 14000100fd000000000000000000000000000007 0600020000000000 06000b000a000000',
    ],
  },
  { command: { op: 'flush' }, hex: ['14000000230001000000000000000000 11010000'] },
];

describe('messages to IPVS', () => {
  for (const { command, hex } of goldens) {
    it(describeIpvsCommand(command), () => assert.equal(bytes(command), hex.join('').replaceAll(' ', '')));
  }
});

describe('the listing of the kernel', () => {
  it('tells the destinations of servers that have an address, and nothing of others', () => {
    const text = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A600001:0050 rr persistent 10800 FFFFFFFF
  -> 0AF40007:1F90      Masq    3      2          11
  -> 0AF40008:1F90      Masq    0      0          0
UDP  [fd00:0010:0096:0000:0000:0000:0000:0001]:0035 wrr
  -> [fd00:0010:0244:0000:0000:0000:0000:0002]:24A0      Masq    1      0          0
IP   0A600009:0000 rr
  -> 0AF40009:0000      Route   1      0          0
FWM  50000001 rr
  -> 0AF40009:0000      Masq    1      0          0
SCTP 0A600002:0050 sh
`;
    assert.deepEqual(Object.fromEntries(parseListing(text)), {
      'TCP 10.96.0.1:80': [
        { ip: '10.244.0.7', port: 8080, weight: 3, nActive: 2, nInactive: 11 },
        { ip: '10.244.0.8', port: 8080, weight: 0, nActive: 0, nInactive: 0 },
      ],
      'UDP [fd00:10:96::1]:53': [{ ip: 'fd00:10:244::2', port: 9376, weight: 1, nActive: 0, nInactive: 0 }],
      'SCTP 10.96.0.2:80': [],
    });
  });
});

describe('destinations that change', () => {
  const words = (commands: readonly IpvsCommand[]): string[] => commands.map(describeIpvsCommand);
  const cases: Readonly<
    Record<
      string,
      {
        readonly wanted: readonly number[];
        readonly held: readonly HeldDestination[];
        readonly isGraceful?: boolean;
        readonly commands: readonly string[];
        readonly draining?: readonly string[];
      }
    >
  > = {
    'nothing differs: nothing is written': { wanted: [1, 2], held: [held(1), held(2)], commands: [] },
    'one that nobody wants loses its weight first: somebody may have come meanwhile': {
      wanted: [1],
      held: [held(1), held(2)],
      commands: ['set-destination TCP 10.96.0.1:80 -> 10.244.0.2:8080'],
      draining: ['10.244.0.2'],
    },
    'without weight and connections it goes': {
      wanted: [1],
      held: [held(1), held(2, { weight: 0 })],
      commands: ['delete-destination TCP 10.96.0.1:80 -> 10.244.0.2:8080'],
    },
    'one with connections loses its weight and stays, behind the new one': {
      wanted: [3],
      held: [held(1, { nActive: 1 }), held(2, { nInactive: 1 })],
      commands: [
        'add-destination TCP 10.96.0.1:80 -> 10.244.0.3:8080',
        'set-destination TCP 10.96.0.1:80 -> 10.244.0.1:8080',
        'set-destination TCP 10.96.0.1:80 -> 10.244.0.2:8080',
      ],
      draining: ['10.244.0.1', '10.244.0.2'],
    },
    'one that drains is left alone': {
      wanted: [],
      held: [held(1, { nActive: 1, weight: 0 })],
      commands: [],
      draining: ['10.244.0.1'],
    },
    'one that drains and is wanted again gets its weight back': {
      wanted: [1],
      held: [held(1, { nActive: 1, weight: 0 })],
      commands: ['set-destination TCP 10.96.0.1:80 -> 10.244.0.1:8080'],
    },
    'without grace connections do not matter': {
      wanted: [],
      held: [held(1, { nActive: 1 })],
      isGraceful: false,
      commands: ['delete-destination TCP 10.96.0.1:80 -> 10.244.0.1:8080'],
    },
  };
  for (const [sentence, { wanted, commands, draining = [], isGraceful = true, ...rest }] of Object.entries(
    cases,
  )) {
    it(sentence, () => {
      const destinations = wanted.map((host) => ({ ip: `10.244.0.${host}`, port: 8080, weight: 1 }));
      const step = diffServer({ server, destinations }, { server, destinations: rest.held }, { isGraceful });
      assert.deepEqual(words(step.commands), commands);
      assert.deepEqual(
        step.draining.map(({ ip }) => ip),
        draining,
      );
    });
  }

  it('a server that is not there is made with its destinations, one that differs is set', () => {
    const destinations = [{ ip: '10.244.0.1', port: 8080, weight: 2 }];
    const made = diffServer({ server, destinations }, undefined, { isGraceful: true });
    assert.deepEqual(words(made.commands), [
      'add-server TCP 10.96.0.1:80 rr',
      'add-destination TCP 10.96.0.1:80 -> 10.244.0.1:8080',
    ]);
    const sticky = { ...server, persistenceSeconds: 60 };
    const set = diffServer(
      { server: sticky, destinations },
      { server, destinations: [held(1, { weight: 2 })] },
      { isGraceful: true },
    );
    assert.deepEqual(set.commands, [{ op: 'set-server', server: sticky }]);
  });
});

describe('where a connection may go', () => {
  const packet = {
    family: 'IPv4',
    protocol: 'TCP',
    source: '10.244.0.9',
    ip: '10.96.0.1',
    port: 80,
    mark: 0,
  } as const;
  const texts = (ways: ReturnType<ReturnType<typeof createFakeIpvs>['ways']>): string[] | undefined =>
    ways?.map(({ destination, share }) => `${destination.ip}:${destination.port} ${share}`);

  it('not to a destination without weight; weights count for the schedulers that know them', () => {
    const all = [held(1), held(2, { weight: 3 }), held(3, { weight: 0 })];
    const shares = (scheduler: string): number[] => candidates({ scheduler }, all).map(({ share }) => share);
    assert.deepEqual(shares('rr'), [1, 1]);
    assert.deepEqual(shares('wrr'), [1, 3]);
    assert.deepEqual(shares('mh'), [1, 3]);
  });

  it('a mark comes before the address, keeps the port without one of its own, and nothing is met elsewhere', async () => {
    const fake = createFakeIpvs();
    const marked: VirtualServerKey = { kind: 'mark', family: 'IPv4', mark: 5 };
    await fake.apply([
      { op: 'add-server', server },
      { op: 'add-destination', key: web, destination: held(1) },
      { op: 'add-server', server: { ...server, key: marked } },
      { op: 'add-destination', key: marked, destination: held(2, { port: 0 }) },
    ]);
    assert.deepEqual(texts(fake.ways(packet)), ['10.244.0.1:8080 1']);
    assert.deepEqual(texts(fake.ways({ ...packet, mark: 5 })), ['10.244.0.2:80 1']);
    assert.deepEqual(texts(fake.ways({ ...packet, mark: 6 })), ['10.244.0.1:8080 1']);
    assert.equal(fake.ways({ ...packet, port: 81 }), undefined);
    assert.equal(fake.ways({ ...packet, family: 'IPv6', mark: 5, ip: 'fd00::1' }), undefined);
  });

  it('back to where the client was, until that place has no weight', async () => {
    const fake = createFakeIpvs();
    await fake.apply([
      { op: 'add-server', server: { ...server, persistenceSeconds: 60 } },
      { op: 'add-destination', key: web, destination: held(1) },
      { op: 'add-destination', key: web, destination: held(2) },
    ]);
    fake.remember(packet, held(2));
    assert.deepEqual(texts(fake.ways(packet)), ['10.244.0.2:8080 1']);
    await fake.apply([{ op: 'set-destination', key: web, destination: held(2, { weight: 0 }) }]);
    assert.deepEqual(texts(fake.ways(packet)), ['10.244.0.1:8080 1']);
  });
});

describe('a kernel without IPVS', () => {
  it('is told apart by ENOENT, or by EPERM where the process may not ask', async (t) => {
    const ipvs = openIpvs();
    try {
      await ipvs.version();
      t.diagnostic('this kernel has IPVS');
    } catch (error) {
      assert.ok(error instanceof Error && 'code' in error);
      assert.ok(['ENOENT', 'EPERM'].includes(String(error.code)), String(error));
    } finally {
      ipvs.close();
    }
  });
});
