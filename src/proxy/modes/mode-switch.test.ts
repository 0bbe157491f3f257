import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../../base/clock.ts';
import { memoryLogger } from '../../base/logger.ts';
import { proxyState } from '../../testing/proxy-fixtures.ts';
import type { ProxyMode } from '../state/model.ts';
import { createModeSwitch } from './mode-switch.ts';

type Name = 'a' | 'b';

/** A kernel that two modes write to: who has rules there, in the order they came. */
function world() {
  const rules = new Set<Name>();
  const failing = new Map<string, number>();
  const fail = (what: string): void => {
    const n = failing.get(what) ?? 0;
    if (n === 0) return;
    failing.set(what, n - 1);
    throw new Error(what);
  };
  /** Modes that still have connections to look after when they go. */
  const serving = new Set<Name>();
  let nHeld = 0;
  let nRetired = 0;
  const open = (name: Name): Promise<ProxyMode> => {
    fail(`open ${name}`);
    nHeld++;
    return Promise.resolve({
      sync: async () => {
        await Promise.resolve();
        rules.add(name);
        fail(`sync ${name}`);
      },
      cleanup: async () => {
        await Promise.resolve();
        fail(`cleanup ${name}`);
        rules.delete(name);
      },
      release: () => void nHeld--,
      ...(name === 'a' && {
        retire: async () => {
          await Promise.resolve();
          nRetired++;
          fail('cleanup a');
          rules.delete('a');
          return serving.has('a');
        },
      }),
    });
  };
  const logger = memoryLogger();
  const names = ['a', 'b'] as const;
  const mode = createModeSwitch<Name>({
    first: 'a',
    names,
    open: (name) => Promise.resolve(name).then(open),
    clock: fakeClock(),
    logger,
  });
  return { mode, rules, failing, logger, nHeld: () => nHeld, nRetired: () => nRetired, serving };
}

const state = proxyState('IPv4', []);
const change = new Set(['default/web:http/TCP']);

describe('a proxy mode that becomes another one', () => {
  it('leaves nothing of the old one', async () => {
    const { mode, rules } = world();
    await mode.sync(state);
    assert.deepEqual([mode.name, ...rules], ['a', 'a']);
    mode.use('b');
    await mode.sync(state, change);
    assert.deepEqual([mode.name, ...rules], ['b', 'b']);
  });

  it('takes the old rules away as soon as it can when that fails at first', async () => {
    const { mode, rules, failing } = world();
    await mode.sync(state);
    mode.use('b');
    failing.set('cleanup a', 1);
    await assert.rejects(mode.sync(state, change), /cleanup a/);
    assert.deepEqual([mode.name, ...rules], ['b', 'a', 'b']);
    await mode.sync(state, change);
    assert.deepEqual([mode.name, ...rules], ['b', 'b']);
  });

  it('leaves nothing of the new one when that cannot write its rules', async () => {
    const { mode, rules, failing } = world();
    await mode.sync(state);
    mode.use('b');
    failing.set('sync b', 1);
    await mode.sync(state, change);
    assert.deepEqual([mode.name, ...rules], ['a', 'a']);
    mode.use('b');
    await mode.sync(state, change);
    assert.deepEqual([mode.name, ...rules], ['b', 'b']);
  });

  it('goes on with the other one when the first cannot be opened', async () => {
    const { mode, rules, failing } = world();
    failing.set('open a', 1);
    mode.use('b');
    await mode.sync(state);
    assert.deepEqual([mode.name, ...rules], ['b', 'b']);
  });

  it('opens the first one again when that fails at first', async () => {
    const { mode, rules, failing } = world();
    failing.set('open a', 1);
    await assert.rejects(mode.sync(state), /open a/);
    await mode.sync(state);
    assert.deepEqual([mode.name, ...rules], ['a', 'a']);
  });

  it('looks after the connections of the one that went with each look at everything, not with each change', async () => {
    const { mode, nRetired, serving } = world();
    await mode.sync(state);
    mode.use('b');
    serving.add('a');
    await mode.sync(state, change);
    assert.equal(nRetired(), 1);
    await mode.sync(state, change);
    assert.equal(nRetired(), 1);
    await mode.sync(state);
    assert.equal(nRetired(), 2);
    serving.delete('a');
    await mode.sync(state);
    await mode.sync(state);
    assert.equal(nRetired(), 3);
  });

  it('takes away what an earlier process left of another mode, and tries again when it cannot', async () => {
    const { mode, rules, failing, logger } = world();
    rules.add('b');
    failing.set('cleanup b', 2);
    await mode.sync(state);
    assert.deepEqual([mode.name, ...rules], ['a', 'b', 'a']);
    await mode.sync(state);
    await mode.sync(state);
    assert.deepEqual([mode.name, ...rules], ['a', 'a']);
    assert.equal(logger.lines.filter(({ level }) => level === 'warn').length, 2);
  });

  it('holds no handles of any mode but the one in use', async () => {
    const { mode, failing, nHeld } = world();
    await mode.sync(state);
    assert.equal(nHeld(), 1);
    mode.use('b');
    await mode.sync(state, change);
    assert.equal(nHeld(), 1);
    mode.use('a');
    failing.set('sync a', 1);
    await mode.sync(state, change);
    assert.equal(nHeld(), 1);
    mode.use('a');
    failing.set('cleanup b', 1);
    await assert.rejects(mode.sync(state, change), /cleanup b/);
    assert.equal(nHeld(), 2);
    await mode.sync(state, change);
    assert.equal(nHeld(), 1);
  });
});
