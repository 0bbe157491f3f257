import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { realClock } from '../../../src/base/clock.ts';
import { memoryLogger } from '../../../src/base/logger.ts';
import { openIpvs } from '../../../src/kernel/ipvs/open-ipvs.ts';
import { withNetns } from '../../../src/kernel/netns/named-netns.ts';
import type { ServicePort } from '../../../src/proxy/state/model.ts';
import { createPacketLab } from '../../../src/testing/packet-lab.ts';
import { createCanary } from '../../proxy/canary.ts';
import type { Callers } from '../../proxy/canary.ts';
import { remains } from '../../proxy/crowd.ts';
import { canaryPort, canaryState, families, openModes, otherPort } from '../canary-state.ts';

/** At least; `npm run test:vm -- --connections N --services N` has another number. */
const CONNECTIONS = Number(process.env['PORTICO_CONNECTIONS'] ?? 2000);
/** That come and go. */
const SERVICES = Number(process.env['PORTICO_SERVICES'] ?? 200);
/** Of each of the five callers: others of the one processor have something to do, too. A long run has them call as fast as they can. */
const PER_SECOND = CONNECTIONS > 20_000 ? undefined : 40;
const SUBSETS = [[2], [2, 4], [2, 3, 4], [2, 3]] as const;
const CHANGES = 40;
const KILLS = 3;
/** Between changes while there are to be more connections: the callers have the processor meanwhile. */
const PAUSE_MS = 200;
/** Services that come or go at a time, between two changes of the canary. */
const AT_ONCE = 100;

const packets = createPacketLab(4);
const netnsPath = packets.netns('node');
const keeperProgram = join(import.meta.dirname, '..', 'keeper.probe.ts');
const canary = createCanary({ packets, kubeconfig: '' });
const logger = memoryLogger();

/** A proxy in a process of its own, once its first state is in the kernel; `next` resolves at the next one. */
async function startKeeper(): Promise<{ next(): Promise<void>; kill(): Promise<void> }> {
  const child = withNetns(netnsPath, () =>
    spawn(process.execPath, [keeperProgram, netnsPath], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  const closed = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<void> => {
    assert.ok((await lines.next()).done !== true, 'the keeper has ended');
  };
  await next();
  return {
    next,
    kill: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

const run = async (command: string, args: readonly string[]): Promise<string> => {
  const asked = withNetns(netnsPath, () =>
    promisify(execFile)(command, [...args], { maxBuffer: 64 * 1024 * 1024 }),
  );
  return (await asked).stdout;
};

describe('in the ipvs mode no connection is lost to an endpoint that stays', () => {
  const modes = openModes({ first: 'ipvs', netnsPath, clock: realClock, logger });
  const services = { IPv4: new Map<string, ServicePort>(), IPv6: new Map<string, ServicePort>() };
  let callers: Callers;
  const sync = async (changed: ReadonlySet<string> | undefined): Promise<void> => {
    for (const family of families) await modes[family].sync(canaryState(family, services[family]), changed);
  };
  const setMembers = async (...pods: readonly number[]): Promise<void> => {
    for (const family of families) {
      const web = canaryPort(family, pods);
      services[family].set(web.id, web);
    }
    await sync(new Set(['default/web:/TCP']));
  };
  const churn = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i++) await setMembers(...(SUBSETS[i % SUBSETS.length] ?? [2]));
  };
  const assertNoLoss = (): void => {
    const { n, failures, notes } = callers.report();
    assert.deepEqual(failures, {}, `of ${n} connections\n${notes.join('\n')}`);
  };

  before(async () => {
    await Promise.all([2, 3, 4].map((n) => canary.startPod(n)));
    await setMembers(2, 3);
    callers = canary.call({ perSecond: PER_SECOND });
    await callers.meet(2, 3);
  });
  after(async () => {
    await canary.close();
    await packets.close();
    assert.deepEqual(
      logger.lines.filter(({ level }) => level === 'warn' || level === 'error'),
      [],
    );
  });

  it('while endpoints come and go quickly', async () => {
    await churn(CHANGES);
    await callers.meet(2, 3);
    assertNoLoss();
  });

  it('in a rolling update, whose old Pods end', async () => {
    for (const [old, other] of [
      [3, 4],
      [4, 3],
    ] as const) {
      await setMembers(2, other);
      await callers.meet(2, other);
      await canary.killPod(old);
      await canary.startPod(old);
    }
    assertNoLoss();
  });

  it('while the process is killed in the middle of changes and started again', async () => {
    for (let i = 0; i < KILLS; i++) {
      const keeper = await startKeeper();
      for (let n = 0; n < 3 + 2 * i; n++) await keeper.next();
      await keeper.kill();
    }
    await sync(undefined);
    await callers.meet(2, 3);
    assertNoLoss();
  });

  it('while it becomes the nftables mode, ipvs, the iptables mode and ipvs again', async () => {
    for (const name of ['nftables', 'ipvs', 'iptables', 'ipvs'] as const) {
      for (const family of families) modes[family].use(name);
      await setMembers(2, 4);
      for (const family of families) assert.equal(modes[family].name, name);
      await callers.meet(2, 4);
      await churn(SUBSETS.length);
      await sync(undefined);
      await callers.meet(2, 3);
    }
    assertNoLoss();
  });

  it(`while ${SERVICES} other Services come and go`, async () => {
    const others = Array.from({ length: SERVICES }, (_, i) => otherPort('IPv4', i));
    for (const what of ['come', 'go'] as const) {
      for (let at = 0; at < SERVICES; at += AT_ONCE) {
        const some = others.slice(at, at + AT_ONCE);
        for (const port of some)
          if (what === 'come') services.IPv4.set(port.id, port);
          else services.IPv4.delete(port.id);
        await sync(new Set(some.map(({ id }) => id)));
        await churn(1);
      }
      await setMembers(2, 3);
      await sync(undefined);
      await callers.meet(2, 3);
    }
    assertNoLoss();
  });

  it(`of ${CONNECTIONS} connections and more; a cleanup leaves nothing`, async (t) => {
    for (; callers.report().n < CONNECTIONS; await sleep(PAUSE_MS)) await churn(SUBSETS.length);
    await callers.meet(2, 3);
    const { n, answers } = await callers.stop();
    assertNoLoss();
    for (const name of ['pod2', 'pod3', 'pod4']) assert.ok((answers[name] ?? 0) > 0, `${name} answered`);
    t.diagnostic(`${n} connections: ${JSON.stringify(answers)}`);
    for (const family of families) await modes[family].cleanup();
    const ipvs = openIpvs({ netnsPath });
    assert.deepEqual(await ipvs.servers(), []);
    ipvs.close();
    assert.equal(await remains({ run }), '');
    assert.doesNotMatch(
      await run('ip', ['route', 'show', 'table', 'all']),
      /kube-|10\.9[67]\.|fd00:10:9[67]:/,
    );
  });
});
