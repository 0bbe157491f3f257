import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { serviceFixture, sliceFixture } from './fixtures.ts';
import type { WayExplanation } from './explain.ts';
import type { ServicePort } from './model.ts';
import { createProxyStateTracker } from './proxy-state-tracker.ts';
import type { ProxyStateTracker } from './proxy-state-tracker.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const node = { name: 'node-1', podCIDRs: ['10.244.0.0/16'], nodePortAddresses: [] };

/** What is explained is what was decided: the same frontends, with the same endpoints for the same clients. */
function checkExplanation(
  tracker: ProxyStateTracker,
  key: string,
  services: ReadonlyMap<string, ServicePort>,
): void {
  const used = (way: WayExplanation | undefined): string[] | undefined =>
    way?.endpoints.filter(({ leftOut }) => leftOut === undefined).map(({ ip }) => ip);
  for (const { id, frontends } of tracker.explain(key)?.ports ?? []) {
    const held = frontends.filter(({ heldBy }) => heldBy === undefined);
    const decisions = services.get(id)?.frontends ?? [];
    assert.deepEqual(
      held.map(({ frontend }) => frontend),
      decisions.map(({ frontend }) => frontend),
    );
    for (const [i, { endpoints, fromCluster, whenEmpty }] of decisions.entries()) {
      const ways = held[i]?.ways ?? [];
      const main = ways.find(({ clients }) => clients !== 'inside');
      const inside = ways.find(({ clients }) => clients === 'inside');
      assert.deepEqual(
        used(main),
        endpoints.map(({ ip }) => ip),
      );
      assert.deepEqual(
        used(inside),
        fromCluster?.endpoints.map(({ ip }) => ip),
      );
      const refusal = whenEmpty === 'drop' ? 'dropped' : 'refused';
      assert.equal(main?.outcome, endpoints.length > 0 ? 'served' : refusal);
    }
  }
}

describe('any sequence of events', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const clusterIp = fc.constantFrom('10.96.0.1', '10.96.0.2', '10.96.0.3', 'None');
  const service = fc.record({
    name,
    clusterIp,
    nodePort: fc.constantFrom(0, 30001, 30002),
    externalIP: fc.constantFrom(undefined, '192.0.2.1', '10.96.0.2'),
    local: fc.boolean(),
    isRange: fc.boolean(),
    isDrained: fc.boolean(),
    isBalanced: fc.boolean(),
    created: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
  });
  const slice = fc.record({
    name: fc.constantFrom('s1', 's2', 's3', 's4'),
    of: name,
    endpoints: fc.array(
      fc.record({
        ip: fc.constantFrom('10.244.0.1', '10.244.0.2', '10.244.1.1', '10.96.0.3'),
        node: fc.constantFrom('node-1', 'node-2'),
        ready: fc.boolean(),
        terminating: fc.boolean(),
        forZones: fc.constantFrom(['a'], ['b'], []),
      }),
      { maxLength: 3 },
    ),
  });
  const event = fc.oneof(
    service.map((value) => ({ kind: 'service', value }) as const),
    name.map((value) => ({ kind: 'noService', value }) as const),
    slice.map((value) => ({ kind: 'slice', value }) as const),
    fc.constantFrom('s1', 's2', 's3', 's4').map((value) => ({ kind: 'noSlice', value }) as const),
    fc
      .record({ name: fc.constantFrom('node-1', 'node-2'), zone: fc.constantFrom('a', 'b') })
      .map((value) => ({ kind: 'node', value }) as const),
    fc.constant({ kind: 'take' } as const),
    fc.integer({ min: 0, max: 2 }).map((value) => ({ kind: 'settle', value }) as const),
  );

  it('ends in the state that the last objects alone would give, and names every difference', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const tracker = createProxyStateTracker({ family: 'IPv4', node });
        const services = new Map<string, Service>();
        const slices = new Map<string, EndpointSlice>();
        let at = { ...node, zone: 'a' };
        tracker.setNode(at);
        let seen = new Map<string, ServicePort>();
        const check = (): void => {
          const { state, changed, healthChecks } = tracker.take();
          const fresh = createProxyStateTracker({ family: 'IPv4', node: at });
          for (const [key, value] of services) fresh.setService(`default/${key}`, value);
          for (const [key, value] of slices) fresh.setSlice(key, value);
          const wanted = fresh.take();
          assert.deepEqual(new Map(state.services), new Map(wanted.state.services));
          assert.deepEqual(new Map(healthChecks), new Map(wanted.healthChecks));
          for (const key of services.keys()) checkExplanation(tracker, `default/${key}`, state.services);
          for (const id of new Set([...seen.keys(), ...state.services.keys()])) {
            const isSame = changed !== undefined && !changed.has(id);
            if (isSame) assert.deepEqual(state.services.get(id), seen.get(id), id);
          }
          seen = new Map(state.services);
        };
        for (const { kind, value } of events.map((e) => ({ value: undefined, ...e }))) {
          if (kind === 'service') {
            const made = serviceFixture(
              value.name,
              {
                clusterIPs: [value.clusterIp],
                ports: [{ name: 'http', port: 80, ...(value.nodePort > 0 && { nodePort: value.nodePort }) }],
                ...(value.externalIP !== undefined && { externalIPs: [value.externalIP] }),
                externalTrafficPolicy: value.local ? 'Local' : 'Cluster',
                ...(value.isBalanced && { type: 'LoadBalancer', healthCheckNodePort: 32_000 }),
              },
              {
                created: value.created,
                annotations: {
                  ...(value.isRange && { 'portico.dev/port-ranges': 'http=80-89' }),
                  ...(value.isDrained && { 'portico.dev/weights': '{"10.244.0.1": 0}' }),
                },
              },
            );
            services.set(value.name, made);
            tracker.setService(`default/${value.name}`, made);
          } else if (kind === 'noService') {
            services.delete(value);
            tracker.setService(`default/${value}`, undefined);
          } else if (kind === 'slice') {
            const made = sliceFixture(value.name, value.of, { endpoints: value.endpoints });
            slices.set(value.name, made);
            tracker.setSlice(value.name, made);
          } else if (kind === 'noSlice') {
            slices.delete(value);
            tracker.setSlice(value, undefined);
          } else if (kind === 'node') {
            at = { ...node, ...value };
            tracker.setNode(at);
          } else if (kind === 'settle') {
            tracker.settle(value);
          } else {
            check();
          }
        }
        check();
      }),
      { numRuns: 300 },
    );
  });
});

describe('cost', () => {
  it('of one change is less than a thousandth of building 30 000 Services', () => {
    const tracker = createProxyStateTracker({ family: 'IPv4', node });
    const nServices = 30_000;
    const nameOf = (i: number): string => `svc-${i}`;
    const objects = Array.from({ length: nServices }, (_, i) => ({
      service: serviceFixture(nameOf(i), {
        clusterIPs: [`10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`],
      }),
      slice: sliceFixture(nameOf(i), nameOf(i), {
        endpoints: [`10.244.${(i >> 8) & 255}.${i & 255}`, `10.245.${(i >> 8) & 255}.${i & 255}`],
      }),
    }));
    const start = performance.now();
    for (const [i, { service, slice }] of objects.entries()) {
      tracker.setService(`default/${nameOf(i)}`, service);
      tracker.setSlice(`default/${nameOf(i)}`, slice);
    }
    assert.equal(tracker.take().changed?.size, nServices);
    const buildMs = performance.now() - start;
    const nChanges = 100;
    let fastestMs = Infinity;
    // The fastest of ten rounds: others may have been held up by whatever else the machine does.
    for (let round = 0; round < 10; round++) {
      const one = performance.now();
      for (let i = 0; i < nChanges; i++) {
        tracker.setSlice(
          'default/svc-7',
          sliceFixture('svc-7', 'svc-7', { endpoints: [`10.244.9.${i % 200}`] }),
        );
        assert.equal(tracker.take().changed?.size, 1);
      }
      fastestMs = Math.min(fastestMs, performance.now() - one);
    }
    const changeMs = fastestMs / nChanges;
    // A ratio, because machines differ: about 0.8 s and 35 µs on two slow cores.
    assert.ok(
      changeMs * 1000 < buildMs,
      `build ${buildMs.toFixed(0)} ms, a change ${changeMs.toFixed(3)} ms`,
    );
  });
});
