import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { destinationText, IpvsError, schedulers, serverText } from './model.ts';
import type { IpFamily } from '../../net/ip.ts';
import type {
  CountedServer,
  HeldDestination,
  Ipvs,
  IpvsCommand,
  VirtualServer,
  VirtualServerKey,
} from './model.ts';

const at = (port: number): VirtualServerKey => ({
  kind: 'address',
  family: 'IPv4',
  protocol: 'TCP',
  ip: '10.96.0.1',
  port,
});
const server = (key: VirtualServerKey, more: Partial<VirtualServer> = {}): VirtualServer => ({
  key,
  scheduler: 'rr',
  persistenceSeconds: 0,
  ...more,
});
const to = (ip: string, port: number, weight = 1) => ({ ip, port, weight });

/** Every kind of server there is. */
const servers: readonly VirtualServer[] = [
  server(at(80)),
  server({ kind: 'address', family: 'IPv4', protocol: 'UDP', ip: '10.96.0.1', port: 80 }),
  server(
    { kind: 'address', family: 'IPv4', protocol: 'SCTP', ip: '10.96.0.1', port: 80 },
    { scheduler: 'wrr' },
  ),
  server(
    { kind: 'address', family: 'IPv6', protocol: 'TCP', ip: 'fd00::1', port: 443 },
    { persistenceSeconds: 10_800 },
  ),
  server({ kind: 'mark', family: 'IPv4', mark: 0x50001234 }, { persistenceSeconds: 60 }),
  server(
    { kind: 'mark', family: 'IPv6', mark: 7 },
    { scheduler: 'sh', flags: { hasFallback: true, hashesPort: false } },
  ),
];

async function refused(ipvs: Ipvs, code: string, ...commands: readonly IpvsCommand[]): Promise<void> {
  await assert.rejects(ipvs.apply(commands), (error: unknown) => {
    assert.ok(error instanceof IpvsError);
    assert.equal(error.code, code, error.message);
    return true;
  });
}

const held = async (ipvs: Ipvs): Promise<string[]> =>
  (await ipvs.servers()).map(({ server: { key } }) => serverText(key)).sort();

const cases: Readonly<Record<string, (ipvs: Ipvs) => Promise<void>>> = {
  'says its version': async (ipvs) => assert.match(await ipvs.version(), /^\d+\.\d+\.\d+$/),

  'keeps servers of both families, all protocols and by mark as they were made, until it is flushed': async (
    ipvs,
  ) => {
    await ipvs.apply(servers.map((each) => ({ op: 'add-server', server: each })));
    const text = (list: readonly VirtualServer[]): string[] =>
      list.map((each) => JSON.stringify(each)).sort();
    assert.deepEqual(text((await ipvs.servers()).map((each) => each.server)), text(servers));
    await ipvs.apply([{ op: 'flush' }]);
    assert.deepEqual(await ipvs.servers(), []);
  },

  'knows all schedulers, and no others': async (ipvs) => {
    await ipvs.apply([{ op: 'add-server', server: server(at(80)) }]);
    for (const scheduler of schedulers) {
      await ipvs.apply([{ op: 'set-server', server: server(at(80), { scheduler }) }]);
      assert.equal((await ipvs.servers())[0]?.server.scheduler, scheduler);
    }
    await refused(ipvs, 'ENOENT', { op: 'add-server', server: server(at(81), { scheduler: 'dice' }) });
  },

  'adds, weighs and deletes destinations, in both families and below a mark without a port': async (ipvs) => {
    for (const { key } of servers) {
      const [one, two] = key.family === 'IPv4' ? ['10.244.0.1', '10.244.0.2'] : ['fd00:1::1', 'fd00:1::2'];
      const keeps = key.kind === 'mark' ? 0 : 8080;
      await ipvs.apply([
        { op: 'add-server', server: server(key) },
        { op: 'add-destination', key, destination: to(one, keeps) },
        { op: 'add-destination', key, destination: to(two, 8081, 3) },
        { op: 'set-destination', key, destination: to(one, keeps, 0) },
      ]);
      const read = async (): Promise<string[]> =>
        (await ipvs.destinations(key))
          .map((each) => `${destinationText(each)} ${each.weight} ${each.nActive + each.nInactive}`)
          .sort();
      const expected = [`${destinationText(to(one, keeps))} 0 0`, `${destinationText(to(two, 8081))} 3 0`];
      assert.deepEqual(await read(), expected, serverText(key));
      await ipvs.apply([{ op: 'delete-destination', key, destination: to(one, keeps) }]);
      assert.deepEqual(await read(), expected.slice(1), serverText(key));
      await ipvs.apply([{ op: 'delete-server', key }]);
    }
    assert.deepEqual(await held(ipvs), []);
  },

  'refuses what is there already and what is not there, by name, and does the rest': async (ipvs) => {
    const key = at(80);
    const destination = to('10.244.0.1', 8080);
    await refused(ipvs, 'ESRCH', { op: 'delete-server', key });
    await refused(ipvs, 'ESRCH', { op: 'set-server', server: server(key) });
    await refused(ipvs, 'ESRCH', { op: 'add-destination', key, destination });
    await assert.rejects(ipvs.destinations(key), { code: 'ESRCH' });
    await ipvs.apply([{ op: 'add-server', server: server(key) }]);
    assert.deepEqual(await ipvs.destinations(key), []);
    await refused(ipvs, 'EEXIST', { op: 'add-server', server: server(key) });
    await refused(ipvs, 'ENOENT', { op: 'set-destination', key, destination });
    await refused(ipvs, 'ENOENT', { op: 'delete-destination', key, destination });
    await ipvs.apply([{ op: 'add-destination', key, destination }]);
    await assert.rejects(
      ipvs.apply([
        { op: 'add-destination', key, destination },
        { op: 'add-server', server: server(at(81)) },
      ]),
      /add-destination TCP 10\.96\.0\.1:80 -> 10\.244\.0\.1:8080: EEXIST/,
    );
    assert.deepEqual(await held(ipvs), ['TCP 10.96.0.1:80', 'TCP 10.96.0.1:81']);
  },

  'tells all servers with all their destinations at once': async (ipvs) => {
    const keys = servers.map(({ key }) => key);
    const endpoints = (family: IpFamily) =>
      (family === 'IPv4' ? ['10.244.0.1', '192.168.255.9'] : ['fd00:1::1', 'fd00:ffff::a:1']).map((ip, i) =>
        to(ip, 8080, i),
      );
    await ipvs.apply(
      servers.flatMap((each): IpvsCommand[] => [
        { op: 'add-server', server: each },
        ...endpoints(each.key.family).map((destination): IpvsCommand => ({
          op: 'add-destination',
          key: each.key,
          destination,
        })),
      ]),
    );
    await ipvs.apply([{ op: 'add-server', server: server(at(81)) }]);
    const all = new Map((await ipvs.servers()).map((each) => [serverText(each.server.key), each]));
    assert.deepEqual(all.get(serverText(at(81)))?.destinations, []);
    for (const key of keys) {
      const words = (list: readonly HeldDestination[] = []): string[] =>
        list.map((each) => JSON.stringify(each, ['ip', 'port', 'weight', 'nActive', 'nInactive'])).sort();
      const found = all.get(serverText(key))?.destinations;
      assert.deepEqual(words(found), words(await ipvs.destinations(key)), serverText(key));
      assert.equal(found?.length, 2);
    }
  },

  'has counts of every server, which are nothing before somebody has come': async (ipvs) => {
    assert.deepEqual(await ipvs.counts(), []);
    await ipvs.apply(servers.map((each) => ({ op: 'add-server', server: each })));
    const counts = { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 };
    const text = (list: readonly CountedServer[]): string[] =>
      list.map((each) => JSON.stringify(each)).sort();
    assert.deepEqual(text(await ipvs.counts()), text(servers.map(({ key }) => ({ key, counts }))));
  },

  'sets timeouts, and leaves those that are 0': async (ipvs) => {
    await ipvs.apply([
      { op: 'set-timeouts', timeouts: { tcpSeconds: 800, tcpFinSeconds: 30, udpSeconds: 20 } },
    ]);
    await ipvs.apply([
      { op: 'set-timeouts', timeouts: { tcpSeconds: 900, tcpFinSeconds: 0, udpSeconds: 0 } },
    ]);
    assert.deepEqual(await ipvs.timeouts(), { tcpSeconds: 900, tcpFinSeconds: 30, udpSeconds: 20 });
  },

  'takes thousands of commands': async (ipvs) => {
    const keys = Array.from({ length: 1000 }, (_, i) => at(1000 + i));
    const endpoints = [to('10.244.0.1', 80), to('10.244.0.2', 80)];
    await ipvs.apply(
      keys.flatMap((key): IpvsCommand[] => [
        { op: 'add-server', server: server(key) },
        ...endpoints.map((destination): IpvsCommand => ({ op: 'add-destination', key, destination })),
      ]),
    );
    assert.equal((await ipvs.servers()).length, 1000);
    assert.equal((await ipvs.destinations(at(1999))).length, 2);
  },
};

/** What every Ipvs must do. `open` gives one whose servers may all be deleted. */
export function describeIpvs(name: string, open: () => Ipvs): void {
  void describe(`${name}: IPVS`, () => {
    let ipvs: Ipvs;
    before(() => {
      ipvs = open();
    });
    after(() => ipvs.close());
    beforeEach(() => ipvs.apply([{ op: 'flush' }]));
    for (const [sentence, check] of Object.entries(cases)) void it(sentence, () => check(ipvs));
  });
}
