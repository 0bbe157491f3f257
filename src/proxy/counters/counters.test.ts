import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../../base/clock.ts';
import { memoryLogger } from '../../base/logger.ts';
import { createFakeNft } from '../../kernel/nft/fake-nft.ts';
import { elementData } from '../../kernel/nft/model.ts';
import { NftError } from '../../kernel/nft/nft-kernel.ts';
import { clusterIp, nodePort, proxyState, servicePort } from '../../testing/proxy-fixtures.ts';
import { createServiceMetrics } from '../metrics/service-metrics.ts';
import type { ServicePort } from '../state/model.ts';
import { withServiceCounters } from './counted-mode.ts';
import { createCounterTable } from './counter-table.ts';
import { counterLayout, counterName, parseCounterName } from './plan.ts';

const { table, sets } = counterLayout('IPv4');
const at = (ip: string) => clusterIp([ip, 80], []);
const byId = (...ports: readonly ServicePort[]) => new Map(ports.map((port) => [port.id, port]));
const ids = (...ports: readonly ServicePort[]) => new Set(ports.map(({ id }) => id));

function rig() {
  const nft = createFakeNft();
  const held = async (): Promise<Record<string, string>> => {
    const all: Record<string, string> = {};
    for (const set of sets.filter(({ name }) => name.startsWith('connections'))) {
      for (const { key, data } of await nft.elements(table, set)) all[key.join(' ')] = elementData(data);
    }
    return all;
  };
  const count = (name: string, packets: number): void => {
    const state = nft.ruleset.get('ip portico-counters');
    assert.ok(state !== undefined && state.counters.has(name), name);
    state.counters.set(name, { packets, bytes: 40 * packets });
  };
  return { nft, held, count, counters: createCounterTable(nft, 'IPv4') };
}

const web = servicePort('web', [at('10.96.0.1'), nodePort(30007, [])]);
const other = servicePort('other', [at('10.96.0.2')], { portName: 'http' });

describe('counters of Services', () => {
  it('have names that say whose they are', () => {
    const name = { namespace: 'a', name: 'b', portName: '', protocol: 'TCP', what: 'to-client' } as const;
    assert.deepEqual(parseCounterName(counterName(name)), name);
    for (const text of ['', 'somebody', 'a/b/c/TCP/else', 'a/b/c/TCP/to-client/more']) {
      assert.equal(parseCounterName(text), undefined, text);
    }
  });

  it('are led to by every frontend, also one that goes from one Service to another', async () => {
    const { held, count, counters, nft } = rig();
    await counters.sync(byId(web, other));
    assert.deepEqual(await held(), {
      '10.96.0.1 tcp 80': 'default/web//TCP/connections',
      'tcp 30007': 'default/web//TCP/connections',
      '10.96.0.2 tcp 80': 'default/other/http/TCP/connections',
    });
    count('default/web//TCP/connections', 7);
    const [less, more] = [
      { ...web, frontends: [nodePort(30007, [])] },
      { ...other, frontends: [at('10.96.0.2'), at('10.96.0.1')] },
    ];
    const n = nft.applied.length;
    await counters.sync(byId(less, more), ids(web, other));
    assert.equal(nft.applied.length, n + 1);
    assert.equal((await held())['10.96.0.1 tcp 80'], 'default/other/http/TCP/connections');
    assert.equal((await counters.read()).get('default/web//TCP/connections')?.packets, 7);
    await counters.sync(byId(more), ids(web));
    assert.deepEqual(
      [...(await counters.read()).keys()].filter((name) => name.includes('web')),
      [],
    );
  });

  it('are not touched by other endpoints, and not written when nothing changed', async () => {
    const { counters, nft } = rig();
    await counters.sync(byId(web));
    const n = nft.applied.length;
    const elsewhere = { ...web, frontends: web.frontends.map((each) => ({ ...each, endpoints: [] })) };
    await counters.sync(byId(elsewhere), ids(web));
    await counters.sync(byId(elsewhere));
    assert.equal(nft.applied.length, n);
  });

  it('are loaded in many transactions when they are many, and adopted by the next process', async () => {
    const { counters, count, nft } = rig();
    const many = Array.from({ length: 250 }, (_, i) => servicePort(`s${i}`, [at(`10.96.1.${i}`)]));
    await counters.sync(byId(...many));
    assert.equal((await counters.read()).size, 750);
    count('default/s7//TCP/connections', 3);
    const next = createCounterTable(nft, 'IPv4');
    await next.sync(byId(...many.slice(5), web));
    const found = await next.read();
    assert.equal(found.size, 738);
    assert.equal(found.get('default/s7//TCP/connections')?.packets, 3);
    await next.remove();
    assert.equal(nft.ruleset.size, 0);
    await next.remove();
  });

  it('begin anew where somebody tore the table', async () => {
    const { counters, held, nft } = rig();
    await counters.sync(byId(web));
    await nft.apply({ table, commands: [{ op: 'delete-table' }] });
    await counters.sync(byId(web));
    assert.equal(Object.keys(await held()).length, 2);
    await nft.apply({ table, commands: [{ op: 'flush-chain', name: 'packets' }] });
    await counters.sync(byId(web));
    assert.equal((await nft.table(table))?.nRules.get('packets'), 2);
    await nft.apply({ table, commands: [{ op: 'delete-table' }] });
    await assert.rejects(counters.sync(byId(other), ids(web, other)), NftError);
    await counters.sync(byId(other), ids(other));
    assert.deepEqual(Object.keys(await held()), ['10.96.0.2 tcp 80']);
  });

  it('keep nothing from being served when they cannot be had, and say so once', async () => {
    const logger = memoryLogger();
    const synced: unknown[] = [];
    const inner = {
      sync: async (_: unknown, changed?: unknown) => void synced.push(changed),
      cleanup: async () => undefined,
    };
    let isRefusing = true;
    const refusing = {
      sync: async () => {
        if (isRefusing) throw new NftError('table', 'EOPNOTSUPP');
      },
      remove: async () => undefined,
    };
    const mode = withServiceCounters(inner, { table: refusing, logger });
    const state = proxyState('IPv4', [web]);
    await mode.sync(state);
    await mode.sync(state, ids(web));
    const warnings = (): number => logger.lines.filter(({ level }) => level === 'warn').length;
    assert.equal(warnings(), 1);
    assert.deepEqual(synced, [undefined, ids(web)]);
    isRefusing = false;
    await mode.sync(state);
    isRefusing = true;
    await mode.sync(state);
    assert.equal(warnings(), 2);
  });

  it('are read once a second at most, and keep what was read when they cannot be read again', async () => {
    const clock = fakeClock();
    const logger = memoryLogger();
    let read: () => number = () => 5;
    const value = (packets: number) => ({ packets, bytes: 60 * packets });
    const source = {
      read: async () =>
        new Map([
          ['default/web/http/TCP/to-client', value(read())],
          ['default/web/http/TCP/to-endpoint', value(0)],
          ['somebody else’s', value(1)],
        ]),
    };
    const metrics = createServiceMetrics({ IPv4: source }, { clock, logger });
    const bytes = async (): Promise<unknown[]> => {
      await metrics.refresh();
      return [...(metrics.all[2]?.samples() ?? [])];
    };
    const labels = {
      namespace: 'default',
      name: 'web',
      port: 'http',
      protocol: 'TCP',
      direction: 'to_client',
      ip_family: 'IPv4',
    };
    assert.deepEqual(await bytes(), [{ suffix: '', labels, value: 300 }]);
    read = () => 6;
    assert.deepEqual(await bytes(), [{ suffix: '', labels, value: 300 }]);
    await clock.advance(1000);
    assert.deepEqual(await bytes(), [{ suffix: '', labels, value: 360 }]);
    read = () => assert.fail('no answer');
    await clock.advance(1000);
    assert.deepEqual(await bytes(), [{ suffix: '', labels, value: 360 }]);
    assert.equal(logger.lines.length, 1);
  });
});
