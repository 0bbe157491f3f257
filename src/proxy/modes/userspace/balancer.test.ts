import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../../../base/clock.ts';
import { createBalancer, createClientMemory } from './balancer.ts';

const endpoints = (...names: readonly string[]) => names.map((ip) => ({ ip, port: 80, isLocal: true }));

describe('a balancer', () => {
  it('gives each endpoint once before it gives one again, whatever was tried', () => {
    const balancer = createBalancer(fakeClock());
    assert.equal(balancer.pick('client'), undefined);
    balancer.set(endpoints('a', 'b', 'c'), 0);
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
    const balancer = createBalancer(clock);
    balancer.set(endpoints('a', 'b'), 10);
    for (let i = 0; i < 100; i++) balancer.pick(`old-${i}`);
    await clock.advance(6_000);
    balancer.pick('young');
    await clock.advance(6_000);
    balancer.pick('new');
    assert.equal(balancer.nClients(), 2);
    balancer.set(endpoints('a', 'b'), 0);
    assert.equal(balancer.nClients(), 0);
  });

  it('sends a client elsewhere when its endpoint failed or is gone, and keeps it there', () => {
    const balancer = createBalancer(fakeClock());
    balancer.set(endpoints('a', 'b'), 10);
    const first = balancer.pick('client');
    assert.equal(first?.ip, 'a');
    assert.equal(balancer.pick('client', new Set([first.key]))?.ip, 'b');
    assert.equal(balancer.pick('client')?.ip, 'b');
    balancer.set(endpoints('a'), 10);
    assert.equal(balancer.pick('client')?.ip, 'a');
  });

  it('shares what it knows of clients with another one', () => {
    const clients = createClientMemory();
    const [one, two] = [createBalancer(fakeClock(), clients), createBalancer(fakeClock(), clients)];
    one.set(endpoints('a', 'b'), 10);
    two.set(endpoints('a', 'b'), 10);
    assert.equal(one.pick('x')?.ip, 'a');
    assert.equal(one.pick('y')?.ip, 'b');
    assert.equal(two.pick('y')?.ip, 'b');
    assert.equal(two.pick('x')?.ip, 'a');
  });
});
