import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fakeClock } from '../../../base/clock.ts';
import { memoryLogger } from '../../../base/logger.ts';
import { detectBackend } from '../../../kernel/iptables/detect-backend.ts';
import type { Iptables, IptablesBackend } from '../../../kernel/iptables/iptables.ts';
import { findProgram, openIptables } from '../../../kernel/iptables/open-iptables.ts';
import type { IpFamily } from '../../../net/ip.ts';
import {
  clusterIp,
  endpoints,
  everyFrontend,
  plan,
  proxyState,
  servicePort,
} from '../../../testing/proxy-fixtures.ts';
import { inSandbox } from '../../../testing/sandbox.ts';
import type { ProxyMode, ServicePort } from '../../state/model.ts';
import { createIptablesMode, mode, probeIptables } from './index.ts';

inSandbox(import.meta.filename);

const isInstalled = findProgram('IPv4', 'nft', 'restore') !== undefined;
const skip = isInstalled || process.env.CI !== undefined ? false : 'iptables is not installed';

interface Counted extends Iptables {
  readonly written: string[];
}

/** The real tables, with what was written to them. */
function counted(family: IpFamily, backend: IptablesBackend): Counted {
  const iptables = openIptables({ family, backend });
  const written: string[] = [];
  const restore = async (text: string): Promise<void> => {
    await iptables.restore(text);
    written.push(text);
  };
  return { ...iptables, restore, written };
}

interface Process {
  readonly mode: ProxyMode;
  readonly log: ReturnType<typeof memoryLogger>;
  readonly clock: ReturnType<typeof fakeClock>;
  readonly rejected: string[];
}

function start(iptables: Iptables): Process {
  const [log, clock, rejected] = [memoryLogger(), fakeClock(), [] as string[]];
  const onRejected = ({ id }: { readonly id: string }): void => void rejected.push(id);
  return { mode: createIptablesMode({ iptables, clock, logger: log, onRejected }), log, clock, rejected };
}

async function rules(iptables: Iptables): Promise<string> {
  const text = await iptables.save('mangle', 'filter', 'nat');
  return text
    .split('\n')
    .filter((line) => /^(?::KUBE|-A)/.test(line))
    .map((line) => line.replace(/ \[\d+:\d+\]$/, ''))
    .sort()
    .join('\n');
}

/** A Service by its name and the number of its cluster IP, with endpoints of these numbers. */
const some = (
  family: IpFamily,
  [name, n]: readonly [string, number],
  ...hosts: readonly number[]
): ServicePort => servicePort(name, [clusterIp([plan[family].cluster(n), 80], endpoints(family, ...hosts))]);

for (const backend of ['nft', 'legacy'] as const) {
  for (const family of ['IPv4', 'IPv6'] as const) {
    describe(`${family}, backend ${backend}: the iptables mode on a kernel`, { skip }, () => {
      const iptables = counted(family, backend);
      const all = everyFrontend(family);

      it('can be used here', async () => {
        assert.deepEqual(await probeIptables(iptables), { isUsable: true });
      });

      it('loads every kind of frontend, and finds it again letter by letter', async () => {
        const first = start(iptables);
        await first.mode.sync(proxyState(family, all));
        const before = await rules(iptables);
        iptables.written.length = 0;
        await first.mode.sync(proxyState(family, all), new Set(all.map(({ id }) => id)));
        const second = start(iptables);
        await second.mode.sync(proxyState(family, all));
        assert.deepEqual(iptables.written, []);
        assert.equal(await rules(iptables), before);
      });

      it('writes only what a change changes, and ends where a fresh start would', async () => {
        const { mode, log } = start(iptables);
        await mode.sync(proxyState(family, all));
        iptables.written.length = 0;
        const [one, two] = [some(family, ['more', 77], 1), some(family, ['more', 77], 1, 2)];
        await mode.sync(proxyState(family, [...all, one]), new Set([one.id]));
        await mode.sync(proxyState(family, [...all, two]), new Set([one.id]));
        await mode.sync(proxyState(family, [...all, some(family, ['more', 77])]), new Set([one.id]));
        assert.equal(iptables.written.length, 3);
        for (const text of iptables.written) assert.ok(text.split('\n').length < 25, text);
        await mode.sync(proxyState(family, all), new Set([one.id]));
        const before = await rules(iptables);
        await mode.cleanup();
        await start(iptables).mode.sync(proxyState(family, all));
        assert.equal(await rules(iptables), before);
        assert.deepEqual(
          log.lines.filter(({ level }) => level !== 'info'),
          [],
        );
      });

      it('a Service that goes takes one restore, or none where the kernel can be told at once', async () => {
        const { mode } = start(iptables);
        const [one, two, three] = [
          some(family, ['one', 71], 1, 2),
          some(family, ['two', 72], 1),
          some(family, ['three', 73]),
        ];
        await mode.sync(proxyState(family, [...all, one]));
        const before = await rules(iptables);
        await mode.sync(proxyState(family, [...all, one, two, three]), new Set([two.id, three.id]));
        iptables.written.length = 0;
        await mode.sync(proxyState(family, [...all, one, three]), new Set([two.id]));
        assert.equal(iptables.written.length, backend === 'nft' ? 0 : 1);
        iptables.written.length = 0;
        const unserved = some(family, ['one', 71]);
        await mode.sync(proxyState(family, [...all, unserved, three]), new Set([one.id]));
        await mode.sync(proxyState(family, [...all, one]), new Set([one.id, three.id]));
        assert.equal(await rules(iptables), before);
        await mode.sync(proxyState(family, all), new Set([one.id]));
        assert.ok(!(await rules(iptables)).includes('/one'));
      });

      it('takes over from a process that wanted something else, and leaves the rules of others', async () => {
        const foreign = '*filter\n:MINE - [0:0]\n-A MINE -j RETURN\n-A INPUT -j MINE\nCOMMIT\n';
        const stale =
          '*nat\n:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]\n-I KUBE-SERVICES -j KUBE-SVC-AAAAAAAAAAAAAAAA\nCOMMIT\n';
        await iptables.restore(foreign);
        await iptables.restore(stale);
        await start(iptables).mode.sync(proxyState(family, all.slice(1)));
        const after = await rules(iptables);
        assert.doesNotMatch(after, /KUBE-SVC-AAAA|default\/web/);
        assert.match(after, /^-A INPUT -j MINE$/m);
        assert.match(after, /^-A MINE -j RETURN$/m);
      });

      it('mends what was flushed, and what was taken out at the next look', async () => {
        const { mode, clock, log } = start(iptables);
        await mode.sync(proxyState(family, all));
        const before = await rules(iptables);
        await iptables.restore('*nat\n-F\n-X\nCOMMIT\n');
        await mode.sync(proxyState(family, all));
        assert.equal(await rules(iptables), before);
        assert.ok(log.lines.some(({ message }) => message.includes('emptied')));
        await iptables.restore('*nat\n:KUBE-MARK-MASQ - [0:0]\nCOMMIT\n');
        await clock.advance(3_600_000);
        await mode.sync(proxyState(family, all));
        assert.equal(await rules(iptables), before);
      });

      it('leaves out the Service whose rules are refused, and no other', async () => {
        const { mode, rejected } = start(iptables);
        const wrong = family === 'IPv4' ? 'IPv6' : 'IPv4';
        const bad = some(wrong, ['bad', 88], 1);
        const good = [1, 2, 3, 4, 5].map((n) => some(family, [`good${n}`, 100 + n], n));
        await mode.sync(proxyState(family, all));
        const ports = [...all, ...good.slice(0, 3), bad, ...good.slice(3)];
        await mode.sync(proxyState(family, ports), new Set([...good, bad].map(({ id }) => id)));
        assert.deepEqual(rejected, [bad.id]);
        const text = await rules(iptables);
        for (const { name } of good) assert.match(text, new RegExp(`default/${name} cluster IP`));
        assert.doesNotMatch(text, /default\/bad/);
        await mode.sync(proxyState(family, all), new Set([...good, bad].map(({ id }) => id)));
        assert.deepEqual(rejected, [bad.id]);
      });

      it('takes thousands of rules', async () => {
        const { mode, log } = start(iptables);
        const many = Array.from({ length: 400 }, (_, n) => some(family, [`s${n}`, n + 1], 1, 2, 3));
        await mode.sync(proxyState(family, many));
        const text = await rules(iptables);
        assert.equal(text.match(/ cluster IP" .*-j KUBE-SVC-/g)?.length, 400);
        await mode.sync(proxyState(family, []), new Set(many.map(({ id }) => id)));
        assert.doesNotMatch(await rules(iptables), /KUBE-S(?:VC|EP)-/);
        assert.deepEqual(
          log.lines.filter(({ level }) => level !== 'info'),
          [],
        );
      });

      it('takes everything away, whoever made it, and nothing of others', async () => {
        await start(iptables).mode.sync(proxyState(family, all, { hasLocalhostNodePorts: true }));
        await start(iptables).mode.cleanup();
        assert.doesNotMatch(await rules(iptables), /KUBE/);
        assert.match(await rules(iptables), /MINE/);
        iptables.written.length = 0;
        await start(iptables).mode.cleanup();
        assert.deepEqual(iptables.written, []);
      });
    });
  }
}

describe('which backend a machine uses', { skip }, () => {
  const inNew = (): void => {
    for (const name of ['iptables-nft', 'iptables-legacy']) {
      for (const table of ['nat', 'filter', 'mangle']) {
        spawnSync('env', ['XTABLES_LOCKFILE=/dev/null', name, '-t', table, '-F']);
        spawnSync('env', ['XTABLES_LOCKFILE=/dev/null', name, '-t', table, '-X']);
      }
    }
  };
  const cases: Record<string, [IptablesBackend, string, IptablesBackend]> = {
    'the one with the hint of a kubelet': [
      'legacy',
      '*mangle\n:KUBE-IPTABLES-HINT - [0:0]\nCOMMIT\n',
      'legacy',
    ],
    'the one with the canary of a kubelet': ['nft', '*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n', 'nft'],
    'the one with more rules': ['legacy', '*filter\n-A INPUT -j ACCEPT\nCOMMIT\n', 'legacy'],
    'nft when there are none': ['legacy', '*filter\nCOMMIT\n', 'nft'],
  };
  for (const [name, [backend, text, expected]] of Object.entries(cases)) {
    it(name, async () => {
      inNew();
      await openIptables({ family: 'IPv4', backend }).restore(text);
      assert.equal(await detectBackend({ family: 'IPv4' }), expected);
    });
  }
});

describe('a cleanup of the iptables mode', { skip }, () => {
  for (const family of ['IPv4', 'IPv6'] as const) {
    it(`takes away what there is in both backends, ${family}`, async () => {
      const backends = (['nft', 'legacy'] as const).map((backend) => counted(family, backend));
      const foreign = '*filter\n:THEIRS - [0:0]\n-A INPUT -j THEIRS\nCOMMIT\n';
      for (const iptables of backends) {
        await start(iptables).mode.sync(proxyState(family, everyFrontend(family)));
        await iptables.restore(foreign);
      }
      const options = { family, clock: fakeClock(), logger: memoryLogger(), serviceCIDRs: [] };
      const opened = await mode.open(options);
      await opened.cleanup();
      opened.release?.();
      for (const iptables of backends) {
        const left = await rules(iptables);
        assert.doesNotMatch(left, /KUBE/, iptables.backend);
        assert.match(left, /^-A INPUT -j THEIRS$/m);
        await iptables.restore('*filter\n-D INPUT -j THEIRS\n-X THEIRS\nCOMMIT\n');
      }
    });
  }
});
