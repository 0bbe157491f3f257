import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../../../base/clock.ts';
import type { Balancing } from '../../state/model.ts';
import { createBalancer, createClientMemory } from './balancer.ts';

const endpoints = (...names: readonly string[]) => names.map((ip) => ({ ip, port: 80, isLocal: true }));

describe('a balancer', () => {
  it('gives each endpoint once before it gives one again, whatever was tried', () => {
    const balancer = createBalancer({ clock: fakeClock() });
    assert.equal(balancer.pick('client'), undefined);
    balancer.set({ endpoints: endpoints('a', 'b', 'c'), affinitySeconds: 0 });
    const tried = new Set<string>();
    const got: string[] = [];
    for (
      let backend = balancer.pick('x', tried);
      backend !== undefined;
      backend = balancer.pick('x', tried)
    ) {
      got.push(backend.ip);
      tried.add(backend.key);
    }
    assert.deepEqual(got.sort(), ['a', 'b', 'c']);
  });

  it('forgets clients whose time is over, and all of them when affinity ends', async () => {
    const clock = fakeClock();
    const balancer = createBalancer({ clock });
    balancer.set({ endpoints: endpoints('a', 'b'), affinitySeconds: 10 });
    for (let i = 0; i < 100; i++) balancer.pick(`old-${i}`);
    await clock.advance(6_000);
    balancer.pick('young');
    await clock.advance(6_000);
    balancer.pick('new');
    assert.equal(balancer.nClients(), 2);
    balancer.set({ endpoints: endpoints('a', 'b'), affinitySeconds: 0 });
    assert.equal(balancer.nClients(), 0);
  });

  it('sends a client elsewhere when its endpoint failed or is gone, and keeps it there', () => {
    const balancer = createBalancer({ clock: fakeClock() });
    balancer.set({ endpoints: endpoints('a', 'b'), affinitySeconds: 10 });
    const first = balancer.pick('client');
    assert.equal(first?.ip, 'a');
    assert.equal(balancer.pick('client', new Set([first.key]))?.ip, 'b');
    assert.equal(balancer.pick('client')?.ip, 'b');
    balancer.set({ endpoints: endpoints('a'), affinitySeconds: 10 });
    assert.equal(balancer.pick('client')?.ip, 'a');
  });

  it('shares what it knows of clients with another one', () => {
    const clients = createClientMemory();
    const [one, two] = [
      createBalancer({ clock: fakeClock(), clients }),
      createBalancer({ clock: fakeClock(), clients }),
    ];
    one.set({ endpoints: endpoints('a', 'b'), affinitySeconds: 10 });
    two.set({ endpoints: endpoints('a', 'b'), affinitySeconds: 10 });
    assert.equal(one.pick('x')?.ip, 'a');
    assert.equal(one.pick('y')?.ip, 'b');
    assert.equal(two.pick('y')?.ip, 'b');
    assert.equal(two.pick('x')?.ip, 'a');
  });

  const drawn = (
    balancing: Balancing,
    weights: readonly number[],
    n: number,
  ): Readonly<Record<string, number>> => {
    const balancer = createBalancer({ clock: fakeClock(), random: seeded() });
    const list = weights.map((weight, i) => ({ ip: `e${i}`, port: 80, isLocal: true, weight }));
    balancer.set({ endpoints: list, affinitySeconds: 0, balancing });
    const counts: Record<string, number> = {};
    for (let i = 0; i < n; i++) {
      const { ip = 'none', key = '' } = balancer.pick('x') ?? {};
      balancer.count(key, 1);
      counts[ip] = (counts[ip] ?? 0) + 1;
    }
    return counts;
  };

  it('gives each its share by weight, evenly spread', () => {
    assert.deepEqual(drawn('round-robin', [3, 1, 2], 60), { e0: 30, e1: 10, e2: 20 });
    assert.deepEqual(drawn('least-connections', [3, 1, 2], 60), { e0: 30, e1: 10, e2: 20 });
    const { e0 = 0, e1 = 0 } = drawn('random', [3, 1], 4000);
    assert.ok(e0 > 2850 && e0 < 3150 && e0 + e1 === 4000, String(e0));
  });

  it('with two choices is far more even than with one', () => {
    const spread = (balancing: Balancing): number => {
      const counts = Object.values(drawn(balancing, Array<number>(20).fill(1), 2000));
      return Math.max(...counts) - Math.min(...counts);
    };
    assert.ok(spread('p2c') * 4 < spread('random'), `${spread('p2c')} and ${spread('random')}`);
  });

  it('sends to the one with the fewest connections, and counts those that end', () => {
    const balancer = createBalancer({ clock: fakeClock() });
    balancer.set({ endpoints: endpoints('a', 'b'), affinitySeconds: 0, balancing: 'least-connections' });
    const take = (): string => {
      const backend = balancer.pick('x');
      balancer.count(backend?.key ?? '', 1);
      return backend?.ip ?? '';
    };
    assert.deepEqual([take(), take(), take()], ['a', 'b', 'a']);
    balancer.count('a|80', -1);
    balancer.count('a|80', -1);
    assert.deepEqual([take(), take(), take()], ['a', 'b', 'a']);
  });
});

/** The same numbers each time (a linear congruential generator, the constants of Numerical Recipes). */
function seeded(): () => number {
  let state = 42;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}
